// What the scripts tell the person at the terminal: one line a step, with its time, on stderr so that a
// command's own output (`npm run cli -- ... | jq`) stays clean.

import { endChildrenWithUs } from "./run.mjs";

/** A failure with a message meant for the reader; the scripts print it without a stack. */
export class SetupError extends Error {
  /** @override */
  name = "SetupError";
}

export function say(/** @type {string} */ line) {
  process.stderr.write(`blkscope: ${line}\n`);
}

export const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(1)} s`;

/**
 * Runs a step and says how it ended and how long it took. A step that has nothing to do answers undefined and
 * says nothing.
 * @param {string} name
 * @param {() => Promise<string | undefined>} body answers what it did
 */
export async function step(name, body) {
  const start = performance.now();
  const did = await body();
  if (did !== undefined) say(`${name}: ${did} (${seconds(performance.now() - start)})`);
}

/** What to print for an error: the message of one that is meant for the reader, else the stack too. */
export function explain(/** @type {unknown} */ error) {
  if (error instanceof SetupError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/**
 * Runs a script's main function; a SetupError is printed as its message, anything else with its stack.
 * @param {() => Promise<number | void>} main answers the exit code
 */
export async function runMain(main) {
  endChildrenWithUs();
  let code = 1;
  try {
    code = (await main()) ?? 0;
  } catch (error) {
    say(explain(error));
  }
  process.exitCode = code;
  // The packager sets the code to 0 as the process ends, whatever it was: a failed test would pass for success.
  process.on("exit", () => {
    process.exitCode = code;
  });
}
