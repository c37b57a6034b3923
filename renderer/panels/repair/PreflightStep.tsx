// Step 1: whether the image can be mended at all, said before anything else is done.
import type { PlainError } from "../../../core/base/errors.ts";
import type { ShownCheck } from "../../../electron/ipc/contract.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { ErrorIcon, OkIcon, RescanIcon, WarningIcon } from "../../widgets/icons.ts";
import { Notice } from "../../widgets/Notice.tsx";
import { EarlierJournal } from "./EarlierJournal.tsx";
import { Progress } from "./Progress.tsx";
import styles from "./repair.module.css";
import { StepPage } from "./StepPage.tsx";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { refusals } from "./steps.ts";
import { forApp, preflightNames, preflightStates, sentence } from "./wording.ts";

interface StepProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly name: string;
}

export function PreflightStep({ session, state, name }: StepProps) {
  const { planJob, offered } = session;
  const next = (
    <button
      type="button"
      className="button primary"
      disabled={!offered}
      onClick={() => session.go("findings")}
    >
      Next: Findings
    </button>
  );
  return (
    <StepPage
      title="Preflight"
      actions={
        <>
          <button type="button" className="button" onClick={() => session.look()}>
            <RescanIcon size={14} aria-hidden /> Check again
          </button>
          {next}
        </>
      }
      note="Nothing is written before step 4, and there only by the button that says so."
    >
      {planJob?.state.kind === "running" && (
        <Progress
          job={planJob}
          label={`Looking at ${name}, read-only`}
          cancel="Cancel"
          onCancel={() => session.cancel()}
        />
      )}
      {planJob?.state.kind === "cancelled" && (
        <Notice tone="info">
          You stopped looking at {name} before the end. Nothing was changed, and nothing is known of its
          problems.
        </Notice>
      )}
      {planJob?.state.kind === "failed" && (
        <Failed error={forApp(planJob.state.error)} name={name} onRetry={() => session.look()} />
      )}
      <Checks session={session} state={state} />
    </StepPage>
  );
}

interface FailedProps {
  readonly error: PlainError;
  readonly name: string;
  onRetry(): void;
}

/** A format without a repair is no failure: it is said, with what works all the same. */
function Failed({ error, name, onRetry }: FailedProps) {
  if (error.code !== "ENOTSUP")
    return <ErrorState title={`Can't look at ${name}`} error={error} onRetry={onRetry} />;
  return (
    <Notice tone="info" live>
      There is no repair for {name}: {sentence(error.message)}{" "}
      {error.context.hint && sentence(error.context.hint)} Its bytes can be looked at and compared as before.
      Nothing was changed.
    </Notice>
  );
}

function Checks({ session, state }: { session: RepairSession; state: RepairState }) {
  const { preflight } = state;
  if (preflight.kind === "failed") {
    return (
      <ErrorState
        title="Can't say whether writing is possible"
        error={forApp(preflight.error)}
        onRetry={() => void session.checkPreflight()}
      />
    );
  }
  if (preflight.kind === "asking") return <p role="status">Checking rights, space and other programs…</p>;
  if (preflight.kind !== "known") return null;
  const inPlace = refusals(preflight.value, false);
  return (
    <>
      <Verdict inPlace={inPlace} byCopy={refusals(preflight.value, true)} />
      <ul className={styles.checks}>
        {preflight.value.map((check) => (
          <CheckRow key={check.id} check={check} session={session} state={state} />
        ))}
      </ul>
    </>
  );
}

function Verdict({ inPlace, byCopy }: { inPlace: readonly ShownCheck[]; byCopy: readonly ShownCheck[] }) {
  if (inPlace.length === 0)
    return <p className={styles.lead}>The image can be mended in place, or as a copy.</p>;
  return (
    <p className={styles.lead}>
      <b>The image itself can't be mended as things are.</b>{" "}
      {isAboutJournal(inPlace) && `${journalAdvice(inPlace)} `}
      {byCopy.length === 0
        ? "A copy of it can be, and you can look at all that would be done."
        : "You can look at all that would be done."}
    </p>
  );
}

const isAboutJournal = (refused: readonly ShownCheck[]) =>
  refused.every(({ id }) => id === "journal-place" || id === "journal-space");

function journalAdvice(refused: readonly ShownCheck[]): string {
  const elsewhere = "hoose another place for the undo journal in step 4.";
  return refused.some(({ earlier }) => earlier)
    ? `Say below what becomes of the journal of an earlier repair, or c${elsewhere}`
    : `C${elsewhere}`;
}

const icons = { ok: OkIcon, warn: WarningIcon, refused: ErrorIcon } as const;

interface CheckRowProps {
  readonly check: ShownCheck;
  readonly session: RepairSession;
  readonly state: RepairState;
}

export function CheckRow({ check, session, state: wizard }: CheckRowProps) {
  const { id, state, text, hint, earlier } = check;
  const Icon = icons[state];
  return (
    <li data-state={state}>
      <Icon size={16} className={styles.icon} aria-hidden />
      <span className={styles.checkState}>{preflightStates[state]}</span>
      <b>{preflightNames[id]}</b>
      <div>
        <p className="selectable">{text}</p>
        {hint !== undefined && <p className={`${styles.muted} selectable`}>{hint}</p>}
        {earlier && (
          <EarlierJournal session={session} state={wizard} earlier={earlier} image={session.image?.file} />
        )}
      </div>
    </li>
  );
}
