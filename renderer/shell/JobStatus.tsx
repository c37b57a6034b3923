// Running tasks in the status bar: percent, rate, time spent, time left after 3 s, Cancel.
import { useEffect, useState } from "react";
import { type Job, type JobState, stopJob, useJobs } from "../store/jobs.ts";
import { timeLeftMs } from "../store/rate.ts";
import { bytesPerSecond, duration, percent } from "../widgets/format.ts";
import { CloseIcon } from "../widgets/icons.ts";
import styles from "./StatusBar.module.css";

type Running = Extract<JobState, { kind: "running" }>;

export function JobStatus() {
  const byId = useJobs((state) => state.byId);
  const running = Object.values(byId).filter(({ state }) => state.kind === "running" && !state.resting);
  const [job] = running;
  if (job?.state.kind !== "running") return null;
  return <RunningJob job={job} state={job.state} others={running.length - 1} />;
}

function RunningJob({ job, state, others }: { job: Job; state: Running; others: number }) {
  const elapsedMs = useElapsed(job.startedAt);
  const { progress } = state;
  const done = progress ? percent(progress.done, progress.total) : undefined;
  return (
    <span className={`${styles.job} number`} title={job.title}>
      <span
        className={styles.meter}
        role="progressbar"
        aria-label={job.title}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={done}
      >
        <span style={{ width: `${done ?? 0}%` }} />
      </span>
      <span>{jobText(state, elapsedMs)}</span>
      {others > 0 && <span>+{others}</span>}
      <button
        type="button"
        className={styles.cancel}
        aria-label={`Cancel: ${job.title}`}
        title="Cancel; what was found is kept"
        disabled={state.cancelling}
        onClick={() => stopJob(job.id)}
      >
        <CloseIcon size={12} aria-hidden />
      </button>
    </span>
  );
}

/** "scan 71 % · 1.9 GiB/s · 0:42 · 0:17 left". */
function jobText({ progress, rate, cancelling }: Running, elapsedMs: number): string {
  if (cancelling) return "stopping…";
  const parts = [
    progress ? `${progress.phase ?? "scan"} ${percent(progress.done, progress.total)} %` : "starting",
  ];
  if (rate?.readPerSecond) parts.push(bytesPerSecond(rate.readPerSecond));
  parts.push(duration(elapsedMs));
  const left = rate && progress ? timeLeftMs(rate, progress.total) : undefined;
  if (left !== undefined) parts.push(`${duration(left)} left`);
  return parts.join(" · ");
}

/** Milliseconds since `startedAt`, twice a second. */
function useElapsed(startedAt: number): number {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, now - startedAt);
}
