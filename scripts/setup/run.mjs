// Child processes: run to the end, or run in the foreground with signals and exit code passed on.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { root } from "./paths.mjs";

/**
 * The environment for our own Node children. NODE_EXTRA_CA_CERTS is read on every start of Node and costs time;
 * nothing but downloads needs it.
 * @param {Record<string, string | undefined>} [more]
 * @returns {NodeJS.ProcessEnv}
 */
export function nodeEnv(more = {}) {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  return { ...env, ...more };
}

/** The code a shell would answer: 128 + number for a child ended by a signal. */
function exitCode(/** @type {number | null} */ code, /** @type {NodeJS.Signals | null} */ signal) {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

/** The children running now. @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();

/** Whether one of them owns the terminal and decides when we end. */
let hasForeground = false;

function track(/** @type {import("node:child_process").ChildProcess} */ child) {
  children.add(child);
  child.on("close", () => children.delete(child));
  child.on("error", () => children.delete(child));
}

/** From now on a signal that ends this script ends its children too, and runs what waits for its exit. */
export function endChildrenWithUs() {
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => {
      for (const child of children) child.kill(signal);
      if (!hasForeground) process.exit(exitCode(null, signal));
    });
  }
}

/**
 * Runs a command to its end, without standard input. Never rejects: a command that cannot be started answers
 * code 127 with the reason as its output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean, timeoutMs?: number }} [options]
 *   show: the output goes to the terminal (standard error) instead of being collected
 * @returns {Promise<{ code: number, output: string, stdout: string }>} output: both streams as they came
 */
export function run(command, args, { cwd = root, env = process.env, show = false, timeoutMs = 0 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      timeout: timeoutMs,
      stdio: ["ignore", show ? 2 : "pipe", show ? 2 : "pipe"],
    });
    track(child);
    let output = "";
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => {
      output += text;
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.on("error", (error) => resolve({ code: 127, output: error.message, stdout: "" }));
    child.on("close", (code, signal) => resolve({ code: exitCode(code, signal), output, stdout }));
  });
}

/**
 * Runs a command in the foreground: it owns the terminal, gets our signals, and its exit code is answered.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>}
 */
export function foreground(command, args, { cwd = root, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: "inherit" });
    track(child);
    hasForeground = true;
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(exitCode(code, signal)));
  });
}

/**
 * npm as a command for `run`. On Windows npm is a script that only a shell starts, so its JavaScript is run
 * where npm named it.
 * @param {string[]} args
 */
export function npmCommand(...args) {
  const script = process.env.npm_execpath;
  return script?.endsWith(".js")
    ? { command: process.execPath, args: [script, ...args] }
    : { command: "npm", args };
}
