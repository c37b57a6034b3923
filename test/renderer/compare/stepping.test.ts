import { describe, expect, it } from "vitest";
import { RunTable } from "../../../renderer/panels/compare/runTable.ts";
import { type Step, type StepFacts, step, waitingText } from "../../../renderer/panels/compare/stepping.ts";
import { batchOf, plainRun } from "./model.ts";

const table = new RunTable();
table.append(batchOf([plainRun(10, 2), plainRun(20, 1), plainRun(30, 1)]));
const empty = new RunTable();

const facts = (more: Partial<StepFacts>): StepFacts => ({
  table,
  caret: 0,
  scanning: false,
  complete: true,
  scannedTo: 100 * 512,
  total: 100 * 512,
  armed: undefined,
  ...more,
});
const sector = (number: number): Step => ({ kind: "go", offset: number * 512 });

describe("stepping through differences", () => {
  it("goes by offset from the caret, also from inside a run and from between runs", () => {
    expect(step("next", facts({ caret: 0 }))).toEqual(sector(10));
    expect(step("next", facts({ caret: 10 * 512 }))).toEqual(sector(20));
    expect(step("next", facts({ caret: 11 * 512 + 5 }))).toEqual(sector(20));
    expect(step("next", facts({ caret: 25 * 512 }))).toEqual(sector(30));
    expect(step("previous", facts({ caret: 25 * 512 }))).toEqual(sector(20));
    // From inside a run to its own start first.
    expect(step("previous", facts({ caret: 11 * 512 }))).toEqual(sector(10));
    expect(step("previous", facts({ caret: 20 * 512 }))).toEqual(sector(10));
  });

  it("says that the end is reached, and wraps only at the second press in the same direction", () => {
    const atEnd = facts({ caret: 30 * 512 });
    expect(step("next", atEnd)).toEqual({ kind: "end", note: "Last difference" });
    expect(step("next", { ...atEnd, armed: "next" })).toEqual(sector(10));
    expect(step("next", { ...atEnd, armed: "previous" })).toEqual({ kind: "end", note: "Last difference" });
    const atStart = facts({ caret: 10 * 512 });
    expect(step("previous", atStart)).toEqual({ kind: "end", note: "First difference" });
    expect(step("previous", { ...atStart, armed: "previous" })).toEqual(sector(30));
  });

  it("waits for the scan only forwards, and only while it runs", () => {
    const scanning = { scanning: true, complete: false, scannedTo: 40 * 512 };
    expect(step("next", facts({ caret: 30 * 512, ...scanning }))).toEqual({ kind: "wait" });
    expect(step("next", facts({ caret: 0, ...scanning }))).toEqual(sector(10));
    expect(step("next", facts({ table: empty, ...scanning }))).toEqual({ kind: "wait" });
    expect(step("previous", facts({ caret: 10 * 512, ...scanning }))).toMatchObject({ kind: "end" });
  });

  it("never calls a difference the last when the scan is partial, nor images equal", () => {
    const partial = { complete: false, scannedTo: 71 * 512 };
    expect(step("next", facts({ caret: 30 * 512, ...partial }))).toEqual({
      kind: "end",
      note: "Last difference so far; 71 % scanned",
    });
    expect(step("next", facts({ table: empty, ...partial }))).toEqual({
      kind: "none",
      note: "No differences so far; 71 % scanned",
    });
    expect(step("next", facts({ table: empty }))).toEqual({ kind: "none", note: "No differences" });
  });

  it("names the speed of the search when it is known", () => {
    expect(waitingText(undefined)).toBe("Searching…");
    // 2.1 * 2^30
    expect(waitingText(2254857830)).toBe("Searching… 2.1 GiB/s");
  });
});
