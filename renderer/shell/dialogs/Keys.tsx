// All keys, grouped as the commands are, from the one table; with a filter.
import { useState } from "react";
import { type KeyRow, keyGroups } from "../../commands/keymap.ts";
import { useApp } from "../../store/app.ts";
import { Dialog } from "../../widgets/Dialog.tsx";
import styles from "./dialogs.module.css";

/** Keys of the hex grid itself, which are no commands: they move the caret. */
const gridKeys: readonly KeyRow[] = [
  ["Move the caret by byte, row, page", ["← → ↑ ↓", "PgUp", "PgDn"]],
  ["Start, end of the row", ["Home", "End"]],
  ["Extend the selection", ["Shift+move"]],
  ["Collapse the selection", ["Esc"]],
];

/** Typing filters at once. */
const focusOnce = (input: HTMLInputElement | null) => input?.focus();

export function Keys() {
  const platform = useApp((state) => state.info?.platform ?? "linux");
  const [filter, setFilter] = useState("");
  const wanted = filter.trim().toLowerCase();
  const shows = (label: string, keys: readonly string[]) =>
    `${label} ${keys.join(" ")}`.toLowerCase().includes(wanted);
  const sections = [...keyGroups(platform), { title: "In the hex grid", rows: gridKeys }]
    .map(({ title, rows }) => ({ title, rows: rows.filter(([label, keys]) => shows(label, keys)) }))
    .filter(({ rows }) => rows.length > 0);
  return (
    <Dialog title="Keys" width={760}>
      <input
        ref={focusOnce}
        className={`field ${styles.filter}`}
        type="search"
        placeholder="Filter by name or key"
        aria-label="Filter by name or key"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      <div className={styles.columns}>
        {sections.map(({ title, rows }) => (
          <section key={title}>
            <h3>{title}</h3>
            <ul>
              {rows.map(([label, keys]) => (
                <li key={label + keys.join()}>
                  <span>{label}</span>
                  <span className={styles.keys}>
                    {keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </span>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {sections.length === 0 && (
          <p className={styles.muted}>No command has "{filter}" in its name or key.</p>
        )}
      </div>
      <p className={styles.muted}>Single letters work while a grid or list has the focus.</p>
    </Dialog>
  );
}
