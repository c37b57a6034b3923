// The button that saves what lies in leaked clusters to a file of its own, and what came of it.
import { useState } from "react";
import type { RepairRescued } from "../../../core/ops/repairRun.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { cancelJob, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { bytes, percent } from "../../widgets/format.ts";
import { ExportIcon, StopIcon } from "../../widgets/icons.ts";
import { chooseSave } from "./engine.ts";
import styles from "./repair.module.css";

export function RescueLeaks({ image }: { image: OpenedImage }) {
  const [job, setJob] = useState<number>();
  const [saved, setSaved] = useState("");
  useJobs(({ byId }) => (job === undefined ? undefined : byId[job]));
  const state = jobOf("repairRescue", job)?.state;
  const start = async () => {
    const title = "Save what lies in leaked clusters";
    const place = await chooseSave(title, `${image.file.name} leaked clusters`).catch(() => undefined);
    if (place === undefined) return;
    setSaved(place.name);
    const request = { image: image.image, to: place.token };
    setJob(startJob("repairRescue", request, `Leaked clusters of ${image.file.name}`));
  };
  if (state?.kind === "running") {
    const { progress } = state;
    const done = progress ? percent(progress.done, progress.total) : 0;
    return (
      <button
        type="button"
        className="button"
        disabled={state.cancelling}
        onClick={() => job !== undefined && cancelJob(job)}
      >
        <StopIcon size={16} aria-hidden /> {progress?.phase ?? "Starting"} {done} %: cancel
      </button>
    );
  }
  return (
    <div className={styles.rescue}>
      <button type="button" className="button" onClick={() => void start()}>
        <ExportIcon size={16} aria-hidden /> Save what is in them…
      </button>
      <p role="status" className="selectable">
        {state?.kind === "failed" && `They were not saved: ${state.error.message}.`}
        {state?.kind === "cancelled" && "Cancelled: no file was made."}
        {state?.kind === "done" && savedText(saved, state.summary.rescued)}
      </p>
    </div>
  );
}

/** What is in the new file, and what was left out. */
export function savedText(name: string, rescued: RepairRescued["rescued"]): string {
  if (rescued === undefined) return "";
  const { written, zero, unreadable } = rescued;
  const left = [
    ...(zero > 0 ? [`${bytes(zero)} of zeros left out`] : []),
    ...(unreadable > 0 ? [`${bytes(unreadable)} could not be read`] : []),
  ];
  const parts = [`${bytes(written)} saved to ${name}, with its index in ${name}.json`, ...left];
  return `${parts.join("; ")}.`;
}
