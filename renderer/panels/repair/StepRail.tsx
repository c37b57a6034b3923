// The steps at the left edge: always visible, walkable backwards until something was written. What can't be gone to
// says why.
import { OkIcon } from "../../widgets/icons.ts";
import styles from "./repair.module.css";
import type { RepairSession } from "./session.ts";
import { type StepState, stepNames, stepStates, steps } from "./steps.ts";

export function StepRail({ session }: { session: RepairSession }) {
  return (
    <nav className={styles.rail} aria-label="Steps of the repair" data-pane="steps">
      <ol>
        {stepStates(session.facts).map((state) => (
          <li key={state.step}>
            <StepButton state={state} onGo={() => session.go(state.step)} />
          </li>
        ))}
      </ol>
    </nav>
  );
}

function StepButton({ state: { step, state, reason }, onGo }: { state: StepState; onGo(): void }) {
  const isCurrent = state === "current";
  return (
    <button
      type="button"
      className={styles.step}
      data-state={state}
      aria-current={isCurrent ? "step" : undefined}
      aria-disabled={reason !== undefined || undefined}
      title={reason}
      onClick={onGo}
    >
      <span className={styles.stepMark} aria-hidden>
        {state === "done" ? <OkIcon size={16} /> : steps.indexOf(step) + 1}
      </span>
      {stepNames[step]}
      {state === "done" && <span className="visually-hidden"> (done)</span>}
    </button>
  );
}
