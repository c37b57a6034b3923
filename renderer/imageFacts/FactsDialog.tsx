// What an open image says of itself: its format's facts, its bitmaps with their granularity, its key slots.
import { useImages } from "../store/images.ts";
import { useView } from "../store/view.ts";
import { closeOverlay, Dialog, DialogActions } from "../widgets/Dialog.tsx";
import { decimal } from "../widgets/format.ts";
import { type FactTable, factsOf } from "./facts.ts";
import styles from "./imageFacts.module.css";
import { noSnapshotsWhy } from "./snapshots.ts";

const focusOnce = (button: HTMLButtonElement | null) => button?.focus();

export function FactsDialog({ token }: { token: string }) {
  const state = useImages(({ byToken }) => byToken[token]);
  if (state?.kind !== "open") return null;
  const { image } = state;
  const { rows, tables } = factsOf(image);
  return (
    <Dialog title={`Facts about ${image.file.name}`} width={620}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard. */}
      <section className={styles.scroll} aria-label="Facts" tabIndex={0}>
        <dl className={`${styles.facts} selectable`}>
          {rows.map(([name, text]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
        {tables.map((table) => (
          <Table key={table.title} table={table} />
        ))}
      </section>
      <DialogActions>
        {noSnapshotsWhy(image) === undefined && (
          <button
            type="button"
            className={`button ${styles.first}`}
            onClick={() => useView.getState().show({ kind: "snapshots", token })}
          >
            Snapshots…
          </button>
        )}
        <button ref={focusOnce} type="button" className="button primary" onClick={closeOverlay}>
          Close
        </button>
      </DialogActions>
    </Dialog>
  );
}

function Table({ table: { title, columns, rows, total } }: { table: FactTable }) {
  return (
    <>
      <table className={`${styles.table} selectable`}>
        <caption>
          {title} ({decimal(total)})
        </caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            // Rows have no name of their own and stay in place.
            <tr key={index}>
              {row.map((text, column) => (
                <td key={columns[column]}>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length < total && (
        <p>
          The first {decimal(rows.length)} of {decimal(total)} are shown.
        </p>
      )}
    </>
  );
}
