// The table of values: one line each, A's and B's where the sides of a comparison are not the same. A click
// copies a value; integers can be gone to. One Tab stop: up and down arrows move from row to row.
import { Fragment, type KeyboardEvent, type ReactNode, useRef, useState } from "react";
import { toPlain } from "../../core/base/errors.ts";
import { copyToClipboard } from "../hex/copy.ts";
import type { Surface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import { GoToMenu } from "./GoToMenu.tsx";
import { goTargets } from "./goTargets.ts";
import styles from "./Inspector.module.css";
import type { Cell, ValueRow } from "./rows.ts";

interface ValuesProps {
  readonly surface: Surface;
  readonly rows: readonly ValueRow[];
}

export function Values({ surface, rows }: ValuesProps) {
  const table = useRef<HTMLTableElement>(null);
  const [chosen, setChosen] = useState(0);
  const onKeyDown = (event: KeyboardEvent) => {
    const to = moved(event, chosen, rows.length);
    if (to === undefined) return;
    event.preventDefault();
    setChosen(to);
    table.current?.rows[to]?.querySelector("button")?.focus();
  };
  return (
    <section className={styles.valuesCard} aria-label="Values">
      <h3>Values</h3>
      <table
        ref={table}
        className={styles.values}
        aria-label="Values of the bytes from the caret on; Enter copies one"
        onKeyDown={onKeyDown}
      >
        <colgroup>
          <col className={styles.labels} />
          <col />
          <col className={styles.goes} />
        </colgroup>
        <tbody>
          {rows.map((row, index) => (
            <Row
              key={row.id}
              row={row}
              surface={surface}
              reached={index === chosen}
              onReach={() => setChosen(index)}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The row that an arrow, Home or End leads to. */
function moved(event: KeyboardEvent, from: number, count: number): number | undefined {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return undefined;
  // The arrows of an open menu come through here as well, for React sees it inside the table.
  if (!(event.target instanceof Element) || !event.currentTarget.contains(event.target)) return undefined;
  if (event.key === "ArrowDown") return Math.min(count - 1, from + 1);
  if (event.key === "ArrowUp") return Math.max(0, from - 1);
  if (event.key === "Home") return 0;
  return event.key === "End" ? count - 1 : undefined;
}

interface RowProps {
  readonly row: ValueRow;
  readonly surface: Surface;
  readonly reached: boolean;
  onReach(): void;
}

function Row({ row, surface, reached, onReach }: RowProps) {
  const { label, cells, differs, place } = row;
  const targets = place === undefined || place === 0n ? [] : goTargets(place, surface);
  return (
    <tr data-differs={differs || undefined} onFocusCapture={onReach}>
      <th scope="row">
        {label}
        {differs && <Mark />}
      </th>
      <td>
        {cells.map((cell) => (
          <Value key={cell.side ?? ""} label={label} cell={cell} reached={reached} />
        ))}
      </td>
      <td>
        {targets.length > 0 && (
          <GoToMenu label={label} targets={targets} surface={surface} reached={reached} />
        )}
      </td>
    </tr>
  );
}

function Mark() {
  return (
    <>
      <span className={styles.mark} aria-hidden>
        ≠
      </span>
      <span className="visually-hidden"> differs</span>
    </>
  );
}

function Value({ label, cell, reached }: { label: string; cell: Cell; reached: boolean }) {
  const { side, text, copied, title } = cell;
  return (
    <button
      type="button"
      className={styles.value}
      data-missing={copied === undefined || undefined}
      aria-disabled={copied === undefined}
      title={copied === undefined ? title : `${title}\nClick to copy`}
      tabIndex={reached ? 0 : -1}
      onClick={() => copied !== undefined && void copy(label, copied)}
    >
      {side && <span className={styles.side}>{side}</span>}
      <span className={styles.text}>{withBreaks(text)}</span>
    </button>
  );
}

/** A long number or identifier breaks after its separators rather than amid its digits. */
function withBreaks(text: string): ReactNode {
  return text.split(/(?<=[^ ][,-])(?=.)/).map((part, index, { length }) => (
    <Fragment key={index}>
      {part}
      {index < length - 1 && <wbr />}
    </Fragment>
  ));
}

async function copy(label: string, text: string): Promise<void> {
  const { say } = useView.getState();
  await copyToClipboard(text).then(
    () => say(`Copied ${label}: ${text}`),
    (error: unknown) => say(`Can't copy the ${label}: ${toPlain(error).message}`),
  );
}
