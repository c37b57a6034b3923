// Step 4: to what it is written, how much, where the undo journal lies, and the one button that writes. It has no
// default focus and no key.
import { type ReactNode, useId } from "react";
import type { RepairChoice } from "../../../core/ops/repairRun.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { bytes, count } from "../../widgets/format.ts";
import { Notice } from "../../widgets/Notice.tsx";
import { CheckRow } from "./PreflightStep.tsx";
import { Progress } from "./Progress.tsx";
import styles from "./repair.module.css";
import { StepPage } from "./StepPage.tsx";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import { refusals } from "./steps.ts";
import {
  actsText,
  copyName,
  forApp,
  guestText,
  journalName,
  riskMeanings,
  riskWords,
  sizeText,
  writeLabel,
  writtenText,
  writtenTitle,
} from "./wording.ts";

interface StepProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly name: string;
  readonly folder: string;
}

export function WriteStep({ session, state, name, folder }: StepProps) {
  const { offered, writeJob, written, toCopy } = session;
  const { choice, choosing, preflight, copyTo } = state;
  const target = toCopy ? (copyTo?.name ?? "a copy") : name;
  if (writeJob?.state.kind === "running") {
    return (
      <StepPage
        title={`Writing to ${target}`}
        note="Cancel stops between two changes and says what the state is."
      >
        <Progress
          job={writeJob}
          label={`Writing to ${target}`}
          cancel="Cancel"
          onCancel={() => session.cancel()}
        />
        <p className={styles.lead}>
          The undo journal is complete and on disk before the first change is made; each change is read back
          after it was written.
        </p>
      </StepPage>
    );
  }
  if (!offered || !choice) return null;
  const checks = preflight.kind === "known" ? preflight.value : undefined;
  const refused = refusals(checks, toCopy, state.journal !== undefined);
  const missing = toCopy && !copyTo;
  const blocked = refused.length > 0 || missing || checks === undefined || choosing;
  return (
    <StepPage
      title="Write"
      phase={writeJob?.state.kind ?? "not written"}
      actions={
        <>
          <button type="button" className="button" onClick={() => session.go("plan")}>
            Back
          </button>
          <button type="button" className="button primary" disabled={blocked} onClick={() => session.write()}>
            {writeLabel(choice, target)}
          </button>
        </>
      }
      note={missing ? "Choose where the copy goes first." : "Nothing has been changed so far."}
    >
      {written && (
        <Notice tone={written.error ? "error" : "info"} live>
          {writtenTitle(written, name)}. {writtenText(written, name)}
        </Notice>
      )}
      {writeJob?.state.kind === "failed" && (
        <ErrorState
          title={`Nothing was written to ${target}`}
          error={forApp(writeJob.state.error)}
          onRetry={() => session.forgetWrite()}
        />
      )}
      <TargetChoice session={session} state={state} name={name} folder={folder} />
      {refused.length > 0 && (
        <ul className={styles.checks}>
          {refused.map((check) => (
            <CheckRow key={check.id} check={check} session={session} state={state} />
          ))}
        </ul>
      )}
      <Summary choice={choice} fileSize={offered.fileSize}>
        <JournalPlace session={session} state={state} name={name} folder={folder} />
      </Summary>
    </StepPage>
  );
}

interface PlaceProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly name: string;
  readonly folder: string;
}

/** Neither is chosen until it is known whether there is room for a copy. */
function TargetChoice({ session, state: { toCopy: chosen, copyTo, placeError }, name, folder }: PlaceProps) {
  const { toCopy } = session;
  const id = useId();
  return (
    <fieldset className={styles.target}>
      <legend>What is written to</legend>
      <div className={styles.option}>
        <input
          type="radio"
          id={`${id}-copy`}
          name={id}
          checked={chosen === true}
          onChange={() => session.places.setToCopy(true)}
        />
        <label htmlFor={`${id}-copy`}>
          <b>Repair a copy</b> <span className={styles.muted}>{name} stays exactly as it is</span>
        </label>
      </div>
      {toCopy && (
        <p className={styles.place}>
          {copyTo ? (
            <span className="mono selectable">{placeText(copyTo)}</span>
          ) : (
            <span>No place chosen yet</span>
          )}
          <button
            type="button"
            className="button"
            onClick={() =>
              void session.places.choose("copyTo", "Where the repaired copy goes", copyName(name))
            }
          >
            {copyTo ? "Change…" : "Choose where…"}
          </button>
        </p>
      )}
      <div className={styles.option}>
        <input
          type="radio"
          id={`${id}-itself`}
          name={id}
          checked={chosen === false}
          onChange={() => session.places.setToCopy(false)}
        />
        <label htmlFor={`${id}-itself`}>
          <b>Repair {name} itself</b>{" "}
          <span className={styles.muted}>what is overwritten is kept in the undo journal</span>
        </label>
      </div>
      {!toCopy && (
        <p className={styles.place}>
          <span className="mono selectable">{placeText({ name, folder })}</span>
        </p>
      )}
      {placeError !== undefined && <p className={styles.failure}>That place can't be used: {placeError}.</p>}
    </fieldset>
  );
}

interface SummaryProps {
  readonly choice: RepairChoice;
  readonly fileSize: number;
  /** Where the undo journal goes. */
  readonly children: ReactNode;
}

function Summary({ choice, fileSize, children }: SummaryProps) {
  const { risks, journalBytes, cutBytes } = choice;
  const named = (["safe", "cannot-be-undone-elsewhere", "may-lose-data"] as const).filter(
    (risk) => risks[risk] > 0,
  );
  return (
    <dl className={styles.summary}>
      <dt>Changes</dt>
      <dd className="number">{actsText(choice)}</dd>
      <dt>Risk</dt>
      <dd>
        {named.map((risk) => (
          <div key={risk}>
            <b>{riskWords[risk]}</b> <span className="number">({count(risks[risk], "item")})</span>.{" "}
            {riskMeanings[risk]}
          </div>
        ))}
      </dd>
      <dt>Size of the file</dt>
      <dd className="number">{sizeText(choice, fileSize)}</dd>
      <dt>The guest's disk</dt>
      <dd className="number">{guestText(choice)}</dd>
      <dt>Undo journal</dt>
      <dd>
        {children}
        <span className="number">
          {cutBytes > 0 && "up to "}
          {bytes(journalBytes)}, written and synced before the first change
        </span>
      </dd>
    </dl>
  );
}

function JournalPlace({ session, state: { journal, copyTo }, name, folder }: PlaceProps) {
  const beside = session.toCopy ? copyTo : { name, folder };
  const shown = journal ?? (beside && { ...beside, name: journalName(beside.name) });
  return (
    <p className={styles.place}>
      {shown ? <span className="mono selectable">{placeText(shown)}</span> : <span>Beside the copy</span>}
      <button
        type="button"
        className="button"
        onClick={() =>
          void session.places.choose(
            "journal",
            "Where the undo journal goes",
            journalName(copyTo?.name ?? name),
          )
        }
      >
        Change…
      </button>
    </p>
  );
}

function placeText({ name, folder }: { readonly name: string; readonly folder: string }): string {
  const slash = folder.includes("\\") ? "\\" : "/";
  return folder.endsWith(slash) ? `${folder}${name}` : `${folder}${slash}${name}`;
}
