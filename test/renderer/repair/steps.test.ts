import { describe, expect, it } from "vitest";
import {
  canGo,
  prefersCopy,
  refusals,
  type Step,
  type StepFacts,
  stepStates,
  steps,
} from "../../../renderer/panels/repair/steps.ts";
import { choice, offered, preflight, written } from "./build.ts";

const facts = (more: Partial<StepFacts> = {}): StepFacts => ({
  step: "preflight",
  offered: offered(),
  preflight: preflight(),
  choice: choice(["a"]),
  choosing: false,
  toCopy: false,
  writing: false,
  written: undefined,
  undone: false,
  ...more,
});
const open = (state: StepFacts): readonly Step[] => steps.filter((step) => canGo(step, state));

describe("the steps of a repair", () => {
  it("lead nowhere while the image is looked at", () => {
    expect(open(facts({ offered: undefined, choice: undefined }))).toEqual(["preflight"]);
  });

  it("are walkable forwards and backwards until something is written", () => {
    for (const step of ["preflight", "findings", "plan", "write"] as const) {
      expect(open(facts({ step }))).toEqual(["preflight", "findings", "plan", "write"]);
    }
  });

  it("end at the findings where there is nothing to mend", () => {
    expect(open(facts({ offered: offered({ items: 0 }), choice: choice([]) }))).toEqual([
      "preflight",
      "findings",
    ]);
  });

  it("do not lead to writing while nothing is chosen", () => {
    expect(open(facts({ step: "plan", choice: choice([]) }))).toEqual(["preflight", "findings", "plan"]);
  });

  it("do not lead to writing while a choice was made that is not worked out", () => {
    const state = facts({ step: "plan", choosing: true });
    expect(open(state)).toEqual(["preflight", "findings", "plan"]);
    expect(stepStates(state).find(({ step }) => step === "write")?.reason).toBe(
      "What depends on the choice is still being worked out",
    );
  });

  it("hold still while it is written", () => {
    expect(open(facts({ step: "write", writing: true }))).toEqual(["write"]);
  });

  it("lead only to the outcome and its undoing once something was written", () => {
    expect(open(facts({ step: "verify", written: written({ state: "applying" }) }))).toEqual([
      "verify",
      "undo",
    ]);
  });

  it("go on as before where the writing ended before its first change", () => {
    const state = facts({ step: "write", written: written({ state: "planned", after: undefined }) });
    expect(open(state)).toEqual(["preflight", "findings", "plan", "write"]);
    expect(stepStates(state).map(({ step }) => step)).not.toContain("undo");
  });

  it("say why a step can't be gone to", () => {
    const [, findings] = stepStates(facts({ offered: undefined }));
    expect(findings).toEqual({
      step: "findings",
      state: "closed",
      reason: "The image is still being looked at",
    });
  });
});

describe("what stands in the way", () => {
  const readOnly = { id: "writable", state: "refused", text: "The image can't be written to." } as const;

  it("is no reason against a copy where only the image itself is concerned", () => {
    expect(refusals(preflight(readOnly), false)).toEqual([readOnly]);
    expect(refusals(preflight(readOnly), true)).toEqual([]);
  });

  it("is a reason against a copy too where the image changed since", () => {
    const changed = { id: "same-file", state: "refused", text: "The file has changed." } as const;
    expect(refusals(preflight(changed), true)).toEqual([changed]);
  });

  it("a copy is what to begin with where there is room for it, and only there", () => {
    expect(prefersCopy(preflight())).toBe(true);
    expect(prefersCopy(preflight({ id: "copy-space", state: "warn", text: "Too little." }))).toBe(false);
  });
});
