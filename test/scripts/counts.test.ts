// The line that `npm test` ends with.
import { expect, test, vi } from "vitest";
import { countLine, playwrightCounts, sum, vitestCounts } from "../../scripts/test/counts.mjs";
import { readyReport } from "../../scripts/test/packed.mjs";
import { runSteps } from "../../scripts/test/steps.mjs";

const unit = {
  numPassedTests: 40,
  numFailedTests: 0,
  numPendingTests: 2,
  numTodoTests: 0,
  testResults: [{ status: "passed", assertionResults: [{}] }],
};
const stats = { expected: 7, unexpected: 0, flaky: 0, skipped: 1 };

test("the last line sums all runners", () => {
  const total = sum([vitestCounts(unit, 0), playwrightCounts({ stats, errors: [] }, 0)]);
  expect(countLine(total)).toBe("47 passed, 0 failed, 3 skipped");
});

test("skipped tests are named only when there are any", () => {
  expect(countLine({ passed: 1, failed: 2, skipped: 0 })).toBe("1 passed, 2 failed");
});

test("a test file that cannot be loaded is a failure", () => {
  const testResults = [...unit.testResults, { status: "failed", assertionResults: [] }];
  expect(vitestCounts({ ...unit, testResults }, 1).failed).toBe(1);
});

test("a runner that ends badly has a failure even when all its tests passed", () => {
  expect(vitestCounts(unit, 1).failed).toBe(1);
  expect(playwrightCounts({ stats, errors: [] }, 1).failed).toBe(1);
});

test("an end-to-end test that passes only the second time is a failure", () => {
  expect(playwrightCounts({ stats: { ...stats, flaky: 1 }, errors: [] }, 0).failed).toBe(1);
});

test("an error outside any end-to-end test is a failure", () => {
  expect(playwrightCounts({ stats, errors: [{ message: "no such folder" }] }, 1).failed).toBe(1);
});

test("a step that throws is a failure and the next step still runs", async () => {
  const print = vi.spyOn(console, "log").mockReturnValue();
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const ran: string[] = [];
  const code = await runSteps([
    { name: "first", body: () => Promise.reject(new Error("broken")) },
    {
      name: "second",
      body: async () => {
        ran.push("second");
        return { passed: 1, failed: 0, skipped: 0 };
      },
    },
  ]);
  expect([code, ran]).toEqual([1, ["second"]]);
  expect(print.mock.lastCall).toEqual(["1 passed, 1 failed"]);
  vi.restoreAllMocks();
});

test("nothing runs after a vital step that failed", async () => {
  const print = vi.spyOn(console, "log").mockReturnValue();
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const failing = async () => ({ passed: 0, failed: 1, skipped: 0 });
  await runSteps([
    { name: "build", body: failing, isVital: true },
    { name: "end-to-end tests", body: failing },
  ]);
  expect(print.mock.lastCall).toEqual(["0 passed, 1 failed"]);
  vi.restoreAllMocks();
});

test("the packed app's report is found among the lines of Chromium", () => {
  expect(readyReport('[12:ERROR] bus\n{"other":1}\n{"ready":true,"electron":"33.2.1"}\n')?.electron).toBe(
    "33.2.1",
  );
  expect(readyReport('{"ready":false}\nnonsense')).toBeUndefined();
});
