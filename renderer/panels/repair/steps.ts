// The steps of the wizard: which of them can be gone to, and how each stands. Walkable backwards until something is
// written; from then on the steps before show nothing that is still true, and only what was written matters.
import type { RepairChoice, RepairOffered, RepairWritten } from "../../../core/ops/repairRun.ts";
import type { ShownCheck } from "../../../electron/ipc/contract.ts";

export const steps = ["preflight", "findings", "plan", "write", "verify", "undo"] as const;
export type Step = (typeof steps)[number];

export const stepNames: Readonly<Record<Step, string>> = {
  preflight: "Preflight",
  findings: "Findings",
  plan: "Plan",
  write: "Write",
  verify: "Verify",
  undo: "Undo",
};

/** What decides: nothing here is a view's own state. */
export interface StepFacts {
  readonly step: Step;
  readonly offered: RepairOffered | undefined;
  readonly preflight: readonly ShownCheck[] | undefined;
  readonly choice: RepairChoice | undefined;
  /** A change of the choice is on its way: `choice` is no longer what the person wants. */
  readonly choosing: boolean;
  /** Mend a copy and leave the image alone. */
  readonly toCopy: boolean;
  readonly writing: boolean;
  readonly written: RepairWritten | undefined;
  readonly undone: boolean;
}

export interface StepState {
  readonly step: Step;
  readonly state: "done" | "current" | "open" | "closed";
  /** Why it can't be gone to. */
  readonly reason: string | undefined;
}

export function stepStates(facts: StepFacts): readonly StepState[] {
  const shown = wasBegun(facts) ? steps : steps.filter((step) => step !== "undo");
  return shown.map((step) => {
    const reason = closedReason(step, facts);
    if (step === facts.step) return { step, state: "current", reason: undefined };
    if (reason !== undefined) return { step, state: isBehind(step, facts) ? "done" : "closed", reason };
    return { step, state: isBehind(step, facts) ? "done" : "open", reason };
  });
}

export function canGo(step: Step, facts: StepFacts): boolean {
  return closedReason(step, facts) === undefined;
}

/** The step that the main button leads to; undefined where only an act leads on. */
export function nextStep({ step }: StepFacts): Step | undefined {
  return step === "preflight" || step === "findings" || step === "plan"
    ? steps[steps.indexOf(step) + 1]
    : undefined;
}

/** Whether bytes of a file may have been changed: the way back is then the undo journal. */
export function wasBegun({ written }: Pick<StepFacts, "written">): boolean {
  return written !== undefined && written.state !== "planned";
}

function isBehind(step: Step, facts: StepFacts): boolean {
  return steps.indexOf(step) < steps.indexOf(facts.step);
}

function closedReason(step: Step, facts: StepFacts): string | undefined {
  const { offered, choice, choosing, writing } = facts;
  if (writing) return step === "write" ? undefined : "The repair is being written";
  if (wasBegun(facts)) {
    return step === "verify" || step === "undo" ? undefined : "The repair was written; it can be undone";
  }
  switch (step) {
    case "preflight":
      return undefined;
    case "findings":
      return offered ? undefined : "The image is still being looked at";
    case "plan":
      if (!offered) return "The image is still being looked at";
      return offered.items > 0 ? undefined : "There is nothing to mend";
    case "write":
      if (!offered || !choice) return "The plan is not made yet";
      if (choosing) return "What depends on the choice is still being worked out";
      return choice.ids.length > 0 ? undefined : "No change is chosen in the plan";
    case "verify":
      return "Nothing was written yet";
    case "undo":
      return "There is nothing to undo";
  }
}

/** Checks that stand in the way of writing; those about the image itself don't where a copy is mended. */
export function refusals(
  checks: readonly ShownCheck[] | undefined,
  toCopy: boolean,
  /** The person chose a place for the journal: it is not beside the copy then. */
  hasPlace = false,
): readonly ShownCheck[] {
  const refused = (checks ?? []).filter(({ state }) => state === "refused");
  if (!toCopy) return refused;
  return refused.filter(({ id }) =>
    hasPlace ? !aboutImage.has(id) : !aboutImage.has(id) && !aboutJournal.has(id),
  );
}

/** Whether a copy is what to begin with: there is room for it. */
export function prefersCopy(checks: readonly ShownCheck[]): boolean {
  return checks.find(({ id }) => id === "copy-space")?.state === "ok";
}

type Ids = ReadonlySet<ShownCheck["id"]>;
const aboutImage: Ids = new Set(["writable", "in-use", "unfinished"]);
const aboutJournal: Ids = new Set(["journal-place", "journal-space"]);
