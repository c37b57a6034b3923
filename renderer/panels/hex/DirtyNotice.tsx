// The calm line about an image that says of itself that it was not closed cleanly, that its tables have faults, or that its
// file was cut short: what it means, a check of its tables, and the way to the repair. Opening such an image changes
// nothing, and so does this.
import { useEffect, useState } from "react";
import type { CheckSummary } from "../../../core/ops/checkRun.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { openRepair } from "../../shell/openFlows.ts";
import { cancelJob, forgetJob, jobOf, startJob, useJobs } from "../../store/jobs.ts";
import { count, percent } from "../../widgets/format.ts";
import { Notice } from "../../widgets/Notice.tsx";
import { corruptText, cutText, dirtyText } from "../compare/wording.ts";

/** Whether the image's own marks say that its tables should be looked at. */
export const hasDoubt = ({ info }: OpenedImage): boolean =>
  info.dirty === true || info.corrupt === true || info.usedEnd !== undefined;

export function DirtyNotice({ image }: { image: OpenedImage }) {
  const { file } = image;
  const [shown, setShown] = useState(true);
  const [id, setId] = useState<number>();
  useJobs(({ byId }) => (id === undefined ? undefined : byId[id]));
  useEffect(() => () => (id === undefined ? undefined : forgetJob(id)), [id]);
  if (!shown) return null;
  const job = jobOf("check", id);
  const check = () => setId(startJob("check", { image: image.image, node: "" }, `Check of ${file.name}`));
  const repair = (
    <button type="button" className="button" onClick={() => void openRepair(file)}>
      Open repair
    </button>
  );
  if (job?.state.kind === "running") {
    const { progress, cancelling } = job.state;
    return (
      <Notice
        tone="info"
        live
        actions={
          <button type="button" className="button" disabled={cancelling} onClick={() => cancelJob(job.id)}>
            Cancel
          </button>
        }
      >
        Checking the tables of {file.name}, read-only
        {progress && progress.total > 0 ? `: ${percent(progress.done, progress.total)} %` : "…"}
      </Notice>
    );
  }
  if (job?.state.kind === "failed") {
    return (
      <Notice
        tone="error"
        actions={
          <button type="button" className="button" onClick={check}>
            Retry
          </button>
        }
        onDismiss={() => setShown(false)}
      >
        The tables of {file.name} could not be checked: {job.state.error.message}. Nothing has been changed.
      </Notice>
    );
  }
  const result = job?.state.kind === "done" ? job.state.summary.result : undefined;
  return (
    <Notice
      tone={image.info.corrupt || image.info.usedEnd !== undefined ? "warning" : "info"}
      live={result !== undefined}
      actions={
        <>
          {result === undefined && (
            <button type="button" className="button" onClick={check}>
              Check now
            </button>
          )}
          {repair}
        </>
      }
      onDismiss={() => setShown(false)}
    >
      {result === undefined ? doubtText(image) : checkedText(image, result)}
    </Notice>
  );
}

function doubtText({ file, fileSize, info }: OpenedImage): string {
  if (info.usedEnd !== undefined) return cutText(file.name, fileSize, info.usedEnd);
  return info.corrupt ? corruptText(file.name) : dirtyText(file.name);
}

/** What the check found: never more than that. */
function checkedText(
  { file, info }: OpenedImage,
  { corruptions, leaks, checkErrors }: NonNullable<CheckSummary["result"]>,
): string {
  const parts: string[] = [];
  if (corruptions > 0) parts.push(count(corruptions, "problem"));
  if (checkErrors > 0) parts.push(`${count(checkErrors, "table")} that can't be read`);
  if (leaks > 0) parts.push(count(leaks, "unused cluster"));
  const found =
    parts.length === 0 ? "its tables are in order, and no cluster is unused" : `found ${parts.join(", ")}`;
  const isCut = info.usedEnd !== undefined;
  const doubt = isCut ? "is cut short" : info.corrupt ? "is marked as corrupt" : "was not closed cleanly";
  return `${file.name} ${doubt}. Checked: ${found}. Nothing has been changed.`;
}
