// Runs the steps of a check one after the other: says what runs, how it ended and how long it took, and goes on
// after a failure, so that one run tells everything.

import { explain, say, seconds } from "../setup/say.mjs";
import { countLine, none, oneFailure, sum } from "./counts.mjs";

/** @typedef {import("./counts.mjs").Counts} Counts */
/** @typedef {{ name: string, body: () => Promise<Counts>, isVital?: boolean }} Step isVital: without it the rest cannot run */

/** A step of one command that succeeds or fails and is no test itself. */
export function plainCounts(/** @type {boolean} */ ok) {
  return ok ? none : oneFailure;
}

/** @returns {Promise<Counts>} */
async function runStep(/** @type {Step} */ { name, body }) {
  say(`${name} ...`);
  const start = performance.now();
  let counts = oneFailure;
  try {
    counts = await body();
  } catch (error) {
    say(`${name}: ${explain(error)}`);
  }
  const how = counts.passed + counts.failed + counts.skipped === 0 ? "ok" : countLine(counts);
  say(`${name}: ${how} (${seconds(performance.now() - start)})`);
  return counts;
}

/**
 * Runs the steps, all of them unless a vital one fails, and prints the last line on standard output.
 * @param {readonly Step[]} steps
 * @returns {Promise<number>} the exit code
 */
export async function runSteps(steps) {
  /** @type {Counts[]} */
  const all = [];
  for (const step of steps) {
    const counts = await runStep(step);
    all.push(counts);
    if (step.isVital && counts.failed > 0) break;
  }
  const total = sum(all);
  console.log(countLine(total));
  return total.failed === 0 ? 0 : 1;
}
