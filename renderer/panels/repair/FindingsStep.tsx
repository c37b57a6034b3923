// Step 2: what was found, worst first, in plain words: what is at risk, and what happens if nothing is done.
import type { OfferedRepair } from "../../../core/block/finding.ts";
import type { RepairOffered } from "../../../core/ops/repairRun.ts";
import { bytes, count, decimal, percent } from "../../widgets/format.ts";
import { OkIcon, WarningIcon } from "../../widgets/icons.ts";
import { Notice } from "../../widgets/Notice.tsx";
import type { FindingGroup } from "./findings.ts";
import { RescueLeaks } from "./RescueLeaks.tsx";
import styles from "./repair.module.css";
import { StepPage } from "./StepPage.tsx";
import type { RepairSession } from "./session.ts";
import type { RepairState } from "./state.ts";
import {
  foundText,
  leaksText,
  problemWordsOf,
  riskMeanings,
  riskWords,
  sentence,
  severityTitles,
} from "./wording.ts";

interface StepProps {
  readonly session: RepairSession;
  readonly state: RepairState;
  readonly name: string;
}

export function FindingsStep({ session, state, name }: StepProps) {
  const { offered, findings } = session;
  if (!offered) return null;
  const { items, unmended } = offered;
  const severities = findings.grouped();
  const actions = severities.flatMap(({ groups }) => groups.map(({ action }) => action));
  const leaks = leaksText(offered, actions);
  return (
    <StepPage
      title="Findings"
      actions={
        <>
          <button type="button" className="button" onClick={() => session.go("preflight")}>
            Back
          </button>
          <button
            type="button"
            className="button primary"
            disabled={items === 0}
            onClick={() => session.go("plan")}
          >
            Next: Plan
          </button>
        </>
      }
      note={items === 0 ? "There is nothing to plan." : "Nothing has been changed."}
    >
      <p
        className={`${styles.lead} selectable`}
        data-clean={items === 0 && unmended.length === 0 ? "" : undefined}
      >
        {items === 0 && unmended.length === 0 && <OkIcon size={16} className={styles.icon} aria-hidden />}
        {foundText(name, offered)}
      </p>
      {state.listed < items && !state.listError && (
        <p className={styles.muted} role="status">
          Sorting: {percent(state.listed, items)} % of {count(items, "item")}. The numbers below are of these.
        </p>
      )}
      {state.listError && (
        <Notice tone="error">
          Not all items could be listed: {sentence(state.listError.message)} The groups below are of the first{" "}
          {decimal(state.listed)}.
        </Notice>
      )}
      {severities.map(({ severity, groups }) => (
        <section key={severity} className={styles.severity} aria-label={severityTitles[severity]}>
          <h3>{severityTitles[severity]}</h3>
          {groups.map((group) => (
            <GroupCard key={group.action} group={group} offered={offered} />
          ))}
        </section>
      ))}
      {unmended.length > 0 && <Unmended unmended={unmended} />}
      {leaks !== undefined && (
        <section className={styles.severity} aria-label="Leaked clusters">
          <h3>Leaked clusters</h3>
          <p className="selectable">{leaks}</p>
          {session.image && <RescueLeaks session={session} state={state} image={session.image} />}
        </section>
      )}
    </StepPage>
  );
}

function GroupCard({ group, offered }: { group: FindingGroup; offered: RepairOffered }) {
  const { action, count: problems, guestBytes, risk, first } = group;
  const words = problemWordsOf(action, offered);
  return (
    <article className={styles.group}>
      <header>
        <h4>{words.title}</h4>
        <span className={styles.term}>{words.term}</span>
        <span className={`${styles.groupCount} number`}>{decimal(problems)}</span>
      </header>
      <dl>
        <dt>At risk</dt>
        <dd className="selectable">{words.atRisk}</dd>
        <dt>If I do nothing</dt>
        <dd className="selectable">{words.ifNothing}</dd>
        <dt>Mending it</dt>
        <dd>
          <b>{riskWords[risk]}</b>. {riskMeanings[risk]}
          {guestBytes > 0 && ` ${bytes(guestBytes)} of the guest's disk read differently then.`}
        </dd>
      </dl>
      <Examples items={first} total={problems} />
    </article>
  );
}

function Examples({ items, total }: { items: readonly OfferedRepair[]; total: number }) {
  return (
    <ul className={`${styles.examples} mono selectable`}>
      {items.map(({ id, problem }) => (
        <li key={id}>{problem}</li>
      ))}
      {total > items.length && <li>and {decimal(total - items.length)} more, in the plan</li>}
    </ul>
  );
}

function Unmended({ unmended }: { unmended: readonly string[] }) {
  const shown = unmended.slice(0, 20);
  return (
    <section className={styles.severity} aria-label="Not mended by this">
      <h3>
        <WarningIcon size={14} aria-hidden /> Not mended by this
      </h3>
      <p>
        The plan can't mend these: what the tables said there is not known. Copy the disk or file that the
        image is on first, and look at its health.
      </p>
      <ul className={`${styles.examples} mono selectable`}>
        {shown.map((text) => (
          <li key={text}>{text}</li>
        ))}
        {unmended.length > shown.length && <li>and {decimal(unmended.length - shown.length)} more</li>}
      </ul>
    </section>
  );
}
