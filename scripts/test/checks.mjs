// Types, lint and unit tests: what `npm run check` runs and `npm test` begins with.
import { readFile, rm } from "node:fs/promises";
import { inRoot } from "../setup/paths.mjs";
import { nodeEnv, run } from "../setup/run.mjs";
import { vitestCounts } from "./counts.mjs";
import { plainCounts } from "./steps.mjs";

/** One TypeScript project per top folder, so that core cannot see the DOM nor the renderer Node. */
const projects = ["core", "electron", "renderer", "test", "scripts"];

/** What `npm run check` runs of the projects in vitest.config.ts. */
export const quickProjects = ["engine", "app"];

const tool = (/** @type {string} */ path) => inRoot("node_modules", path);

/** Runs a Node tool quietly; shows its output only when it fails. */
async function quiet(/** @type {string} */ script, /** @type {string[]} */ ...args) {
  const { code, output } = await run(process.execPath, [tool(script), ...args], { env: nodeEnv() });
  if (code !== 0) process.stderr.write(`${output.trimEnd()}\n`);
  return code === 0;
}

async function types() {
  const results = await Promise.all(projects.map((name) => quiet("typescript/bin/tsc", "-p", inRoot(name))));
  return plainCounts(results.every((ok) => ok));
}

async function lint() {
  return plainCounts(await quiet("@biomejs/biome/bin/biome", "check", "--error-on-warnings", "--colors=off"));
}

/** @param {readonly string[]} args more arguments for vitest */
async function unitTests(args) {
  const report = inRoot(".cache/reports/vitest.json");
  await rm(report, { force: true });
  const { code } = await run(
    process.execPath,
    [
      tool("vitest/vitest.mjs"),
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...args,
    ],
    { env: nodeEnv(), show: true },
  );
  return vitestCounts(JSON.parse(await readFile(report, "utf8")), code);
}

/**
 * @param {readonly string[]} [vitestArgs]
 * @returns {import("./steps.mjs").Step[]}
 */
export function checkSteps(vitestArgs = []) {
  return [
    { name: "types", body: types },
    { name: "lint", body: lint },
    { name: "unit tests", body: () => unitTests(vitestArgs) },
  ];
}
