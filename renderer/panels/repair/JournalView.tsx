// What an undo journal holds and what can be done with it: finish the repair, or take it back byte by byte. Shown as the
// wizard's last step, and for a journal that was opened by itself.
import { type ReactNode, useEffect } from "react";
import { useStore } from "zustand";
import type { JournalFacts } from "../../../core/ops/repairRun.ts";
import type { FileRef } from "../../../electron/ipc/contract.ts";
import { openRepair } from "../../shell/openFlows.ts";
import { useJobs } from "../../store/jobs.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { bytes, count, decimal } from "../../widgets/format.ts";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import { Notice } from "../../widgets/Notice.tsx";
import { ByteChanges } from "./ByteChanges.tsx";
import type { FinishMode, JournalSession } from "./journalSession.ts";
import { finishedText, finishLabel, journalText, madeText, unfinishedTitles } from "./journalWording.ts";
import { Progress } from "./Progress.tsx";
import styles from "./repair.module.css";
import { StepPage } from "./StepPage.tsx";
import { baseName, forApp, sentence } from "./wording.ts";

interface JournalViewProps {
  readonly session: JournalSession;
  readonly title: string;
  readonly back?: ReactNode;
  /** Offered when the repair was taken back. */
  readonly again?: ReactNode;
}

export function JournalView({ session, title, back, again }: JournalViewProps) {
  useEffect(() => void session.look(), [session]);
  const { facts, looking, error, job: id, mode, gone, keptError } = useStore(session.store);
  useJobs(({ byId }) => (id === undefined ? undefined : byId[id]));
  const { job } = session;
  if (gone) return <GoneJournal title={title} as={gone.as} image={facts?.image} />;
  if (job?.state.kind === "running") {
    const label = mode === "undo" ? "Taking the repair back" : "Finishing the repair";
    return (
      <StepPage title={title} phase="running" note="Cancel stops between two changes; both ways stay open.">
        <Progress job={job} label={label} cancel="Cancel" onCancel={() => session.cancel()} />
      </StepPage>
    );
  }
  if (error) {
    return (
      <StepPage title={title} actions={back}>
        <ErrorState
          title="Can't read the undo journal"
          error={forApp(error)}
          onRetry={() => void session.look()}
        />
      </StepPage>
    );
  }
  if (!facts) return <LoadingState label="Reading the undo journal" />;
  const name = baseName(facts.imagePath);
  const modes = facts.refusal ? [] : modesOf(facts.state);
  const kept = keptError && forApp(keptError);
  const isElsewhere = facts.imageState === "elsewhere";
  const done = job?.state.kind === "done" || job?.state.kind === "cancelled" ? job.state.summary : undefined;
  return (
    <StepPage
      title={title}
      phase={job?.state.kind ?? "looked at"}
      note={journalNote(facts)}
      actions={
        <>
          {back}
          {facts.state === "undone" && again}
          <button type="button" className="button" disabled={looking} onClick={() => void session.look()}>
            Check the journal again
          </button>
          {facts.imageState !== "found" && (
            <button type="button" className="button" disabled={looking} onClick={() => void session.locate()}>
              Locate the image…
            </button>
          )}
          {isElsewhere && (
            <button type="button" className="button" disabled={looking} onClick={() => void session.agree()}>
              It is that file: look at it
            </button>
          )}
          {canBePutAside(facts) && (
            <button
              type="button"
              className="button"
              disabled={looking}
              onClick={() => void session.putAside()}
            >
              Put the journal aside
            </button>
          )}
          {facts.state === "planned" && !facts.refusal && (
            <button type="button" className="button" disabled={looking} onClick={() => void session.delete()}>
              Delete the journal
            </button>
          )}
          {modes.map((choice) => (
            <button
              key={choice}
              type="button"
              className={modes.length === 1 ? "button primary" : "button"}
              disabled={looking}
              onClick={() => session.run(choice)}
            >
              {finishLabel(choice, facts, name)}
            </button>
          ))}
        </>
      }
    >
      {job?.state.kind === "failed" && (
        <ErrorState
          title={unfinishedTitles[mode ?? "undo"]}
          error={forApp(job.state.error)}
          onRetry={() => session.forget()}
        />
      )}
      {kept && (
        <Notice tone="error">
          The journal is where it was: {sentence(kept.message)}{" "}
          {kept.context.hint && sentence(kept.context.hint)}
        </Notice>
      )}
      {done && mode && (
        <Notice tone={done.cancelled ? "warning" : "ok"} live>
          {finishedText(mode, done, name)}
        </Notice>
      )}
      <p className={`${styles.lead} selectable`}>{journalText(facts, name)}</p>
      {facts.refusal && (
        <Notice tone="warning">
          {sentence(facts.refusal.message)}{" "}
          {facts.refusal.context.hint && sentence(facts.refusal.context.hint)}
        </Notice>
      )}
      <dl className={styles.summary}>
        <dt>Image</dt>
        <dd className="mono selectable">
          {facts.imagePath}
          {facts.imageState === "missing" && " (not found)"}
          {isElsewhere && " (as the journal says; not touched)"}
        </dd>
        <dt>Undo journal</dt>
        <dd className="mono selectable">{facts.journal}</dd>
        <dt>Size of the file</dt>
        <dd className="number">
          {bytes(facts.oldSize)} before ({decimal(facts.oldSize)} bytes), {bytes(facts.newSize)} after (
          {decimal(facts.newSize)} bytes)
        </dd>
        <dt>Changes</dt>
        <dd className="number">
          {count(facts.writes, "write in place", "writes in place")}
          {facts.copies > 0 && `, ${count(facts.copies, "copy", "copies")}`}
          {facts.state === "applying" &&
            facts.written !== undefined &&
            `; ${decimal(facts.written)} of the writes are in the image`}
        </dd>
        <dt>Journal last changed</dt>
        <dd className="number">{madeText(facts)}</dd>
      </dl>
      {facts.shown.length > 0 && facts.state !== "undone" && (
        <details className={styles.dryRun} open={facts.shown.length <= 100}>
          <summary>
            {facts.state === "planned"
              ? "What would be changed, byte by byte"
              : "What undoing brings back, byte by byte"}
          </summary>
          <ByteChanges changes={facts.shown} heads={["Before the repair", "By the repair"]} />
        </details>
      )}
    </StepPage>
  );
}

/** For one that is in the way of a new repair and by which nothing can be done as things are, or has to be done. */
function canBePutAside({ state, refusal, imageState }: JournalFacts): boolean {
  if (state === "planned") return true;
  const isCutOff = state === "applying" || state === "applied";
  return isCutOff && imageState === "found" && refusal?.code === "EINVAL";
}

interface GoneProps {
  readonly title: string;
  /** What it is named now; undefined: it was deleted. */
  readonly as: FileRef | undefined;
  readonly image: FileRef | undefined;
}

/** The journal is not where it was; the image is as it was. */
function GoneJournal({ title, as, image }: GoneProps) {
  return (
    <StepPage
      title={title}
      phase="gone"
      note="The image was not changed."
      actions={
        image && (
          <button type="button" className="button primary" onClick={() => void openRepair(image)}>
            Plan a repair of {image.name}
          </button>
        )
      }
    >
      <Notice tone="ok" live>
        {as
          ? `The journal was put aside: it is named ${as.name} now, in the same folder, and can be opened as before.`
          : "The journal was deleted. What it was to change can be planned anew."}
      </Notice>
    </StepPage>
  );
}

function journalNote({ state, refusal, imageState }: JournalFacts): string {
  if (imageState === "elsewhere")
    return "A journal from somebody else can name any file: look at its path first.";
  if (state === "planned") {
    return refusal
      ? "As things are, it can't be begun."
      : "Nothing is written before you press the button that says so.";
  }
  if (state === "undone") return "There is nothing that could be undone.";
  return refusal
    ? "As things are, it can't be taken back."
    : "Nothing is written before you press the button that says so.";
}

/** Which acts make sense; the way back last, as it is the one that is looked for here. */
function modesOf(state: string): readonly FinishMode[] {
  if (state === "planned") return ["resume"];
  if (state === "applying") return ["resume", "undo"];
  return state === "applied" || state === "verified" ? ["undo"] : [];
}
