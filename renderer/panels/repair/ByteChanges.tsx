// Bytes before and after, one beside the other by address. What changes is marked by weight and a line as well as colour.
// Writes in place come first, in one table: they are what the repair is about; copies and what is cut off follow.
import type { ShownChange } from "../../../core/ops/repairRun.ts";
import { bytes, count, hex } from "../../widgets/format.ts";
import { type ByteRow, byteRows, type ShownByte } from "./byteRows.ts";
import styles from "./repair.module.css";

/** Rows of all writes together, and of each other change; the rest is said in words. */
const mostRows = { writes: 400, other: 32 } as const;
/** Copies and cuts of one item: one of each is usual. */
const mostOthers = 24;

interface ByteChangesProps {
  readonly changes: readonly ShownChange[];
  /** Heads of the columns: what the file held, what it holds by the repair. */
  readonly heads?: readonly [string, string];
}

export function ByteChanges({ changes, heads = ["Before", "After"] }: ByteChangesProps) {
  const writes = changes.filter(({ kind }) => kind === "write");
  const others = changes.filter(({ kind }) => kind !== "write");
  const rows: ByteRow[] = [];
  for (const write of writes) rows.push(...byteRows(write, mostRows.writes - rows.length));
  const [first] = writes;
  const isCut = writes.reduce((sum, { length }) => sum + length, 0) > shownBytes(rows);
  return (
    <>
      {first && (
        <section className={styles.change}>
          <p className={styles.changeTitle}>
            {writes.length === 1 ? titleOf(first) : count(writes.length, "write in place", "writes in place")}
          </p>
          <ByteTable rows={rows} heads={heads} />
          {isCut && <p className={styles.muted}>The first {bytes(shownBytes(rows))} of them.</p>}
        </section>
      )}
      {others.slice(0, mostOthers).map((change) => (
        <OtherChange key={`${change.kind}:${change.offset}`} change={change} />
      ))}
      {others.length > mostOthers && (
        <p className={styles.muted}>{count(others.length - mostOthers, "more change")} of this kind.</p>
      )}
    </>
  );
}

/** What is copied or cut off has one side only. */
function OtherChange({ change }: { change: ShownChange }) {
  const rows = byteRows(change, mostRows.other);
  const shown = shownBytes(rows);
  return (
    <section className={styles.change}>
      <p className={styles.changeTitle}>{titleOf(change)}</p>
      {change.kind === "copy" || change.kind === "grow" ? (
        <ByteTable rows={rows} heads={[undefined, change.kind === "copy" ? "The copy" : "What is new"]} />
      ) : (
        <ByteTable rows={rows} heads={["What is there", undefined]} />
      )}
      {shown < change.length && shown > 0 && (
        <p className={styles.muted}>
          The first {bytes(shown)} of {bytes(change.length)}.
        </p>
      )}
    </section>
  );
}

interface ByteTableProps {
  readonly rows: readonly ByteRow[];
  readonly heads: readonly [string | undefined, string | undefined];
}

function ByteTable({ rows, heads: [before, after] }: ByteTableProps) {
  if (rows.length === 0) return null;
  return (
    <table className="mono selectable">
      <thead>
        <tr>
          <th scope="col">Offset</th>
          {before !== undefined && <th scope="col">{before}</th>}
          {after !== undefined && <th scope="col">{after}</th>}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.offset}>
            <th scope="row">{hex(row.offset)}</th>
            {before !== undefined && (
              <td>
                <Digits places={row.before} />
              </td>
            )}
            {after !== undefined && (
              <td>
                <Digits places={row.after} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
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

function shownBytes(rows: readonly ByteRow[]): number {
  return rows.reduce((sum, { before, after }) => sum + Math.max(before.length, after.length), 0);
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
      return `Write ${bytes(length)} behind what the file has, at ${hex(offset)}`;
  }
}
