// Says what a metadata-only bundle holds and which names leave the house with it, asks for a place, and saves it.
import { useEffect, useState } from "react";
import { toPlain } from "../../../core/base/errors.ts";
import type { WrittenBundle } from "../../../core/ops/bundleRun.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { forgetJob, jobOf, startJob, useJobs, whenEnded } from "../../store/jobs.ts";
import { type Overlay, useView } from "../../store/view.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import { bytes, count, percent } from "../../widgets/format.ts";
import { ErrorIcon } from "../../widgets/icons.ts";
import styles from "../compare/dialogs.module.css";

const title = "Save metadata-only bundle";

/** `node` is the path of the node whose map shows. */
export function BundleDialog({ image, node }: { image: OpenedImage; node: string }) {
  const [redactNames, setRedactNames] = useState(false);
  const [job, setJob] = useState<number>();
  const [refused, setRefused] = useState<string>();
  useJobs(({ byId }) => (job === undefined ? undefined : byId[job]));
  const state = jobOf("bundle", job)?.state;
  useEffect(() => () => forgetEnded(job), [job]);
  /** Half a bundle is none. */
  const cancel = () => {
    if (job !== undefined) forgetJob(job);
    closeOverlay();
  };
  const save = async () => {
    const { overlay } = useView.getState();
    setRefused(undefined);
    try {
      const chosen = await call("files:chooseSave", { title, suggestedName: `${image.file.name} bundle` });
      if (chosen === undefined) return;
      const request = { image: image.image, node, to: chosen.token, redactNames };
      const begun = startJob("bundle", request, `Bundle of ${image.file.name}`);
      setJob(begun);
      tellEnd(begun, chosen.name, overlay);
    } catch (error) {
      setRefused(textOf(toPlain(error)));
    }
  };
  const running = state?.kind === "running";
  const failure = state?.kind === "failed" ? textOf(state.error) : refused;
  const backing = node === "" ? image.info.backing?.filename : undefined;
  return (
    <Dialog title={title} width={480} onClose={cancel}>
      <div className={styles.form}>
        <p>
          The tables of {image.file.name} in one file, for a report of a bug. Blkscope opens it as it opens
          the image: map, check and references say the same. The guest's data are not in it.
        </p>
        <p className={`${styles.scope} selectable`}>
          {backing === undefined
            ? "What can be read from it: sizes, and where in the file each part of the disk lies."
            : `What can be read from it: sizes, where in the file each part of the disk lies, and the backing file's name: ${backing}`}
        </p>
        <fieldset className={styles.choices} disabled={running}>
          <legend className="visually-hidden">Names</legend>
          <label>
            <input
              type="checkbox"
              checked={redactNames}
              onChange={({ target }) => setRedactNames(target.checked)}
            />
            <span>
              Blank the names of other files{" "}
              <span className={styles.hint}>(with asterisks, as many as their bytes)</span>
            </span>
          </label>
        </fieldset>
        {failure !== undefined && (
          <p className={styles.failure} role="alert">
            <ErrorIcon size={14} aria-hidden /> The bundle was not saved: {failure}
          </p>
        )}
        <DialogActions>
          <button type="button" className="button" onClick={cancel}>
            Cancel
          </button>
          <button type="button" className="button primary" disabled={running} onClick={() => void save()}>
            {state?.kind === "running" ? progressText(state.progress) : "Save…"}
          </button>
        </DialogActions>
      </div>
    </Dialog>
  );
}

function forgetEnded(job: number | undefined): void {
  if (job !== undefined && jobOf("bundle", job)?.state.kind !== "running") forgetJob(job);
}

/**
 * Says how it ended. Its dialog may be gone by then: another tab, which files from outside can open, takes the dialog
 * away and leaves the bundle under way, to be stopped in the status bar.
 */
function tellEnd(job: number, name: string, dialog: Overlay | undefined): void {
  const { say } = useView.getState();
  whenEnded("bundle", job, (state) => {
    const isShown = useView.getState().overlay === dialog;
    if (state.kind === "done" && state.summary.written) {
      say(savedText(name, state.summary.written));
      if (isShown) closeOverlay();
    } else if (state.kind === "failed" && !isShown) say(`${name} was not saved: ${textOf(state.error)}`);
    if (!isShown) forgetJob(job);
  });
}

function progressText(
  progress: { readonly done: number; readonly total: number; readonly phase?: string } | undefined,
): string {
  if (progress === undefined) return "Starting…";
  return `${progress.phase ?? "Saving"}, ${percent(progress.done, progress.total)} %`;
}

/** What was saved, and what was left out of it. */
export function savedText(name: string, { tableBytes, omittedTables }: WrittenBundle): string {
  const saved = `Saved ${name}: ${bytes(tableBytes)} of tables, no guest data`;
  if (omittedTables === 0) return saved;
  return `${saved}; ${count(omittedTables, "part")} left out that may hold some or can't be read`;
}

function textOf({ message, context }: ReturnType<typeof toPlain>): string {
  return context.hint === undefined ? message : `${message}. ${context.hint}`;
}
