// How many tests passed, failed and were skipped, from the JSON reports of vitest and Playwright, and the line
// that `npm test` ends with. A step that is no test (types, lint, build) or that crashes counts as one failure
// when it fails and as nothing when it succeeds.

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** @type {Counts} */
export const none = { passed: 0, failed: 0, skipped: 0 };

/** @type {Counts} */
export const oneFailure = { passed: 0, failed: 1, skipped: 0 };

/** @returns {Counts} */
export function sum(/** @type {readonly Counts[]} */ all) {
  return all.reduce(
    (total, one) => ({
      passed: total.passed + one.passed,
      failed: total.failed + one.failed,
      skipped: total.skipped + one.skipped,
    }),
    none,
  );
}

/** The last line: `N passed, N failed`, and `, N skipped` when there are any. */
export function countLine(/** @type {Counts} */ { passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Whatever the report says, a runner that ended badly has at least one failure. */
function withExitCode(/** @type {Counts} */ counts, /** @type {number} */ code) {
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/**
 * A file that could not even be loaded has no tests in the report; it counts as one failure.
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: readonly { status: string, assertionResults: readonly unknown[] }[] }} report
 * @param {number} code vitest's exit code
 * @returns {Counts}
 */
export function vitestCounts(report, code) {
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  ).length;
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded,
    skipped: report.numPendingTests + report.numTodoTests,
  };
  return withExitCode(counts, code);
}

/**
 * A flaky test passed on a second try; nobody should rely on it, so it counts as failed.
 * @param {{ stats: { expected: number, unexpected: number, flaky: number, skipped: number },
 *   errors: readonly unknown[] }} report
 * @param {number} code Playwright's exit code
 * @returns {Counts}
 */
export function playwrightCounts({ stats, errors }, code) {
  const counts = {
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky + errors.length,
    skipped: stats.skipped,
  };
  return withExitCode(counts, code);
}
