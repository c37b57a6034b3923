// Bytes before and after, one under the other by address. What changes is marked by weight and a line as well as colour.
import type { ShownChange } from "../../../core/ops/repairRun.ts";
import { bytes, count, decimal, hex } from "../../widgets/format.ts";
import { byteRows, type ShownByte } from "./byteRows.ts";
import styles from "./repair.module.css";

/** Of one change; the rest is said in words. */
const mostRows = 32;
/** Of one item: a run of entries is one change, so that more are rare. */
const mostChanges = 24;

export function ByteChanges({ changes }: { changes: readonly ShownChange[] }) {
  const shown = changes.slice(0, mostChanges);
  return (
    <>
      {shown.map((change) => (
        <Change key={`${change.kind}:${change.offset}`} change={change} />
      ))}
      {changes.length > shown.length && (
        <p className={styles.muted}>{count(changes.length - shown.length, "more change")} of this kind.</p>
      )}
    </>
  );
}

function Change({ change }: { change: ShownChange }) {
  const rows = byteRows(change, mostRows);
  const [hasBefore, hasAfter] = [change.before.length > 0, change.after.length > 0];
  const shown = rows.reduce((sum, { before, after }) => sum + Math.max(before.length, after.length), 0);
  return (
    <section className={styles.change}>
      <h4>{titleOf(change)}</h4>
      {rows.length > 0 && (
        <table className="mono selectable">
          <thead>
            <tr>
              <th scope="col">Offset</th>
              {hasBefore && <th scope="col">Before</th>}
              {hasAfter && <th scope="col">After</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.offset}>
                <th scope="row">{hex(row.offset)}</th>
                {hasBefore && (
                  <td>
                    <Digits places={row.before} />
                  </td>
                )}
                {hasAfter && (
                  <td>
                    <Digits places={row.after} />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {shown < change.length && rows.length > 0 && (
        <p className={styles.muted}>
          The first {decimal(shown)} of {bytes(change.length)}.
        </p>
      )}
    </section>
  );
}

function Digits({ places }: { places: readonly ShownByte[] }) {
  return places.map(({ digits, differs }, place) => {
    const text = digits ?? "  ";
    // biome-ignore-start lint/suspicious/noArrayIndexKey: places of a row never move
    return differs && digits !== undefined ? (
      <mark key={place}>{text}</mark>
    ) : (
      <span key={place}>{text}</span>
    );
    // biome-ignore-end lint/suspicious/noArrayIndexKey: as above
  });
}

function titleOf({ kind, offset, length, from }: ShownChange): string {
  switch (kind) {
    case "write":
      return `Write ${bytes(length)} at ${hex(offset)}`;
    case "copy":
      return `Copy ${bytes(length)} from ${hex(from ?? 0)} to ${hex(offset)}`;
    case "cut":
      return `Cut ${bytes(length)} off the end, from ${hex(offset)} on; the undo journal keeps them`;
    case "grow":
      return `Make the file ${bytes(length)} longer, from ${hex(offset)} on`;
  }
}
