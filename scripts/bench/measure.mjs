// Measures whole processes: candidates take turns in the same run, so that what the machine does besides meets
// all of them; medians, and ratios of medians. Differences under a tenth are noise.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { SetupError } from "../setup/say.mjs";

/**
 * A program and its arguments. `exits` are the exit codes it may end with; 0 unless given.
 * @typedef {{ name: string, argv: readonly string[], exits?: readonly number[] }} Candidate
 */

/** What Node's start pays for and a person's shell seldom has. */
export function childEnv(/** @type {Record<string, string>} */ more = {}) {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  return { ...env, ...more };
}

/** Runs it once and answers milliseconds. */
function timeOnce(/** @type {Candidate} */ { name, argv, exits = [0] }) {
  const [command = "", ...args] = argv;
  const start = performance.now();
  const child = spawnSync(command, args, {
    env: childEnv(),
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  const ms = performance.now() - start;
  if (child.error !== undefined) throw child.error;
  if (child.status === null || !exits.includes(child.status)) {
    throw new SetupError(`${name} ended with ${child.status ?? child.signal}: ${child.stderr.trim()}`);
  }
  return ms;
}

/**
 * Runs the candidates in turn `runs` times, after one run each that is not counted. Every other time the last one goes
 * first: what a run leaves behind, such as memory just given back, is not always met by the same one.
 * @param {readonly Candidate[]} candidates
 * @param {number} runs
 * @param {() => void} [before] done before each run, and not measured
 * @returns {Map<string, number>} median milliseconds by name
 */
export function alternate(candidates, runs, before) {
  /** @type {Map<string, number[]>} */
  const times = new Map(candidates.map(({ name }) => [name, []]));
  for (let run = 0; run <= runs; run++) {
    for (const candidate of run % 2 === 0 ? candidates : [...candidates].reverse()) {
      before?.();
      const ms = timeOnce(candidate);
      if (run > 0) times.get(candidate.name)?.push(ms);
    }
  }
  return new Map([...times].map(([name, all]) => [name, median(all)]));
}

export function median(/** @type {readonly number[]} */ values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Peak resident memory of one run of a Node script, bytes: the process says it itself when it ends.
 * @param {Candidate} candidate whose argv begins with Node and the script
 */
export function peakMemory({ name, argv, exits = [0] }) {
  const folder = mkdtempSync(path.join(tmpdir(), "blkscope-peak-"));
  try {
    const [node = "", ...args] = argv;
    const hook = path.join(folder, "hook.mjs");
    const result = path.join(folder, "peak");
    // Linux counts into maxRSS what the process that started it had: this one, after a build, more than any command.
    const text = `import { existsSync, readFileSync, writeFileSync } from "node:fs";
      import { isMainThread } from "node:worker_threads";
      const own = "/proc/self/status";
      const peak = () => (existsSync(own) && /VmHWM:\\s*(\\d+)/.exec(readFileSync(own, "utf8"))?.[1]) || process.resourceUsage().maxRSS;
      if (isMainThread) process.on("exit", () => writeFileSync(${JSON.stringify(result)}, String(peak())));`;
    writeFileSync(hook, text);
    const child = spawnSync(node, ["--import", pathToFileURL(hook).href, ...args], {
      env: childEnv(),
      stdio: "ignore",
    });
    if (child.status === null || !exits.includes(child.status)) {
      throw new SetupError(`${name} ended with ${child.status ?? child.signal}`);
    }
    // Both are in KiB, maxRSS on every system.
    return Number(readFileSync(result, "utf8")) * 1024;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
