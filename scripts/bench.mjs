// npm run bench [-- --quick] [--suite NAME]...: measures against the peers, side by side in the same run.
// Inputs are made in a temporary folder (6 GiB; 1 GiB with --quick) and removed. Exits with 0 whatever it finds:
// numbers are for reading, and other work on the machine moves them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { parseArgs } from "node:util";
import * as app from "./bench/app.mjs";
import * as clusterMap from "./bench/clusterMap.mjs";
import * as core from "./bench/core.mjs";
import * as filters from "./bench/filters.mjs";
import * as log from "./bench/log.mjs";
import * as map from "./bench/map.mjs";
import * as qcow2 from "./bench/qcow2.mjs";
import * as qed from "./bench/qed.mjs";
import { table } from "./bench/report.mjs";
import * as timeline from "./bench/timeline.mjs";
import { ensureBuild } from "./build/build.mjs";
import { ensurePackages } from "./setup/packages.mjs";
import { runMain, SetupError, say, step } from "./setup/say.mjs";

/**
 * The suites in the order in which they run. `run` answers tables; `parts` are those of the build it needs.
 * @typedef {{ folder: string, quick: boolean, runs: number }} Context
 * @typedef {{ title: string, lines: readonly import("./bench/report.mjs").Line[] }} Table
 * @type {readonly { name: string, parts: readonly import("./build/build.mjs").Part[],
 *   run(context: Context): readonly Table[] | Promise<readonly Table[]> }[]}
 */
const suites = [
  { name: "core", parts: ["node"], run: core.run },
  { name: "qed", parts: ["node"], run: qed.run },
  { name: "qcow2", parts: ["node"], run: qcow2.run },
  { name: "filters", parts: ["node"], run: filters.run },
  { name: "log", parts: ["node"], run: log.run },
  { name: "clusterMap", parts: ["node"], run: clusterMap.run },
  { name: "map", parts: [], run: map.run },
  { name: "timeline", parts: ["node", "renderer"], run: timeline.run },
  { name: "app", parts: ["node", "renderer"], run: app.run },
];

/** Throws SetupError. */
function wishes() {
  try {
    const quick = /** @type {const} */ ({ type: "boolean", default: false });
    const suite = /** @type {const} */ ({ type: "string", multiple: true });
    return parseArgs({ options: { quick, suite } }).values;
  } catch (error) {
    const usage = `Usage: npm run bench [-- [--quick] [--suite ${suites.map(({ name }) => name).join("|")}]...]`;
    throw new SetupError(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}

await runMain(async () => {
  const values = wishes();
  const wanted = suites.filter(({ name }) => values.suite?.includes(name) ?? true);
  if (wanted.length === 0)
    throw new SetupError(`there are only the suites ${suites.map(({ name }) => name)}`);
  await step("packages", ensurePackages);
  const parts = [...new Set(wanted.flatMap((suite) => suite.parts))];
  await step("build", () => ensureBuild({ parts }));
  const folder = mkdtempSync(path.join(tmpdir(), "blkscope-bench-"));
  // Ctrl+C must not leave gigabytes behind.
  process.once("SIGINT", () => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  });
  try {
    for (const { name, run } of wanted) {
      say(`bench: ${name}`);
      const context = { folder, quick: values.quick, runs: values.quick ? 3 : 9 };
      for (const { title, lines } of await run(context)) console.log(`${table(title, lines)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
