// The button that saves what lies in leaked clusters to a file of its own, and what came of it.
import { useEffect } from "react";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { useJobs } from "../../store/jobs.ts";
import { percent } from "../../widgets/format.ts";
import { ExportIcon, StopIcon } from "../../widgets/icons.ts";
import styles from "./repair.module.css";
import { rescueText } from "./rescue.ts";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { sentence } from "./wording.ts";

interface RescueLeaksProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly image: OpenedImage;
}

export function RescueLeaks({ session: { rescue }, state: { rescue: asked }, image }: RescueLeaksProps) {
  useEffect(() => rescue.show(), [rescue]);
  useJobs(({ byId }) => (asked === undefined ? undefined : byId[asked.job]));
  const { state } = rescue;
  if (state?.kind === "running") {
    const { progress } = state;
    const done = progress ? percent(progress.done, progress.total) : 0;
    return (
      <button type="button" className="button" disabled={state.cancelling} onClick={() => rescue.cancel()}>
        <StopIcon size={16} aria-hidden /> {progress?.phase ?? "Starting"} {done} %: cancel
      </button>
    );
  }
  return (
    <div className={styles.rescue}>
      <button type="button" className="button" onClick={() => void rescue.start(image)}>
        <ExportIcon size={16} aria-hidden /> Save what is in them…
      </button>
      <p role="status" className="selectable">
        {state && asked && sentence(rescueText(state, asked.to))}
      </p>
    </div>
  );
}
