// Asks for a format and saves the mismatch list. The text is built in slices while the window stays live.
import { useEffect, useRef, useState } from "react";
import { toPlain } from "../../../core/base/errors.ts";
import { call } from "../../api.ts";
import { useView } from "../../store/view.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import { count } from "../../widgets/format.ts";
import { ErrorIcon } from "../../widgets/icons.ts";
import styles from "./dialogs.module.css";
import {
  type ExportFormat,
  exportFormats,
  exportLabels,
  exportName,
  exportPieces,
  exportText,
  scopeText,
} from "./exportRuns.ts";
import { scopeOf } from "./exportScope.ts";
import type { Run } from "./runTable.ts";
import type { CompareSession, Pair } from "./session.ts";

const about: Readonly<Record<ExportFormat, string>> = {
  csv: "for a spreadsheet",
  json: "as blkscope compare --all --output json writes it",
  markdown: "for a bug report",
};

export function ExportDialog({ session, pair }: { session: CompareSession; pair: Pair }) {
  const [format, setFormat] = useState<ExportFormat>("csv");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const scope = scopeOf(session, pair);
  const save = async () => {
    const control = new AbortController();
    stop.current = control;
    setBusy(true);
    setFailure(undefined);
    try {
      const pieces = exportPieces(format, scope, runsOf(session), session.unreadable.all);
      const content = await exportText(pieces, control.signal);
      if (content === undefined) return;
      const saved = await call("export:save", { suggestedName: exportName(format, scope), content });
      if (!saved) return;
      if (!control.signal.aborted) closeOverlay();
      useView.getState().say(`Saved ${saved.name}`);
    } catch (error) {
      const { message, context } = toPlain(error);
      setFailure(context.hint === undefined ? message : `${message}. ${context.hint}`);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title="Export mismatches" width={480}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void save();
        }}
      >
        <p className={styles.scope}>{scopeText(scope)}</p>
        <fieldset className={styles.choices}>
          <legend>Format</legend>
          {exportFormats.map((choice) => (
            <label key={choice}>
              <input
                type="radio"
                name="format"
                checked={format === choice}
                autoFocus={format === choice}
                onChange={() => setFormat(choice)}
              />
              <span>
                {exportLabels[choice]} <span className={styles.hint}>{about[choice]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {failure !== undefined && (
          <p className={styles.failure} role="alert">
            <ErrorIcon size={14} aria-hidden /> The list was not saved: {failure}
          </p>
        )}
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button type="submit" className="button primary" aria-disabled={busy || undefined}>
            {busy ? "Preparing…" : `Save ${count(session.table.count, "row")}…`}
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

/** Rows as they are when asked for; a scan that goes on may add to them. */
function* runsOf({ table }: CompareSession): Generator<Run> {
  const { count: rows } = table;
  for (let row = 0; row < rows; row++) {
    const run = table.run(row);
    if (run) yield run;
  }
}
