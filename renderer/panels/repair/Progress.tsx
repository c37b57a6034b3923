// A job on its way: what it does now, how far, for how long, and the button that stops it.
import { useEffect, useState } from "react";
import type { Job } from "../../store/jobs.ts";
import { timeLeftMs } from "../../store/rate.ts";
import { duration, percent } from "../../widgets/format.ts";
import { StopIcon } from "../../widgets/icons.ts";
import styles from "./repair.module.css";

interface ProgressProps {
  readonly job: Job;
  /** "Looking at disk.qed". */
  readonly label: string;
  /** What the button does: "Cancel". */
  readonly cancel: string;
  onCancel(): void;
}

/** Nothing spins for what is over at once. */
const showAfterMs = 300;

export function Progress({ job, label, cancel, onCancel }: ProgressProps) {
  const elapsedMs = useElapsed(job.startedAt);
  const { state } = job;
  if (state.kind !== "running") return null;
  const { progress, rate, cancelling } = state;
  const done = progress && progress.total > 0 ? percent(progress.done, progress.total) : undefined;
  const left = rate && progress ? timeLeftMs(rate, progress.total) : undefined;
  const shown = elapsedMs >= showAfterMs || done !== undefined;
  return (
    <div className={styles.progress} aria-busy="true">
      <p>
        {cancelling ? "Stopping…" : `${progress?.phase ?? label}…`}
        {shown && (
          <span className="number">
            {done === undefined ? "" : ` ${done} %`} · {duration(elapsedMs)}
            {left === undefined ? "" : ` · ${duration(left)} left`}
          </span>
        )}
      </p>
      <div
        className={styles.meter}
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={done}
      >
        <span style={{ width: `${done ?? 0}%` }} />
      </div>
      <button type="button" className="button" disabled={cancelling} onClick={onCancel}>
        <StopIcon size={14} aria-hidden /> {cancel}
      </button>
      <p className="visually-hidden" role="status">
        {newsOf(label, done)}
      </p>
    </div>
  );
}

/** For assistive technology: the start, and every ten percent. */
function newsOf(label: string, done: number | undefined): string {
  const tens = Math.floor((done ?? 0) / 10) * 10;
  return tens === 0 ? label : `${label}: ${tens} percent`;
}

/** Milliseconds since `startedAt`, four times a second. */
function useElapsed(startedAt: number): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, now - startedAt);
}
