// Runs tests of the peer's suite with our programs in the place of qemu-img and qemu-io. Each test has a folder
// of its own, so that several run at a time; what a failed one printed differently is kept to be read.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inRoot } from "../setup/paths.mjs";
import { nodeEnv, run } from "../setup/run.mjs";
import { say, seconds } from "../setup/say.mjs";
import { makePrograms } from "./programs.mjs";
import { ensureSuite } from "./source.mjs";

/** @typedef {"qed" | "raw" | "qcow2"} Format */
/** @typedef {{ format: Format, test: string, seconds: number }} Listed seconds: about, with the stock programs */
/** @typedef {{ verdict: "passed" | "failed" | "skipped", why: string, ms: number }} Outcome */

/** The longest of qcow2 take a third of it. */
const limitMs = 300_000;
const atATime = 2;

/** The listed tests of a format: lines "NUMBER  SECONDS  what it tests"; # begins a comment. */
export async function listed(/** @type {Format} */ format) {
  const text = await readFile(inRoot("test/peerSuite", `${format}.txt`), "utf8");
  return text
    .split("\n")
    .filter((line) => /^[0-9]/.test(line))
    .map((line) => {
      const [test = "", time = "0"] = line.split(/\s+/);
      return { format, test, seconds: Number(time) };
    });
}

/** Seconds: longer ones of qcow2, whose list is long, are left to a run that asks for them. */
const quick = 4;

/** What `npm test` runs of the lists. */
export async function listedForAllTests() {
  const wantsLong = Boolean(process.env.BLKSCOPE_LONG_TESTS);
  const qcow2 = (await listed("qcow2")).filter((test) => wantsLong || test.seconds <= quick);
  return [...(await listed("qed")), ...(await listed("raw")), ...qcow2];
}

/**
 * Runs the tests and says how each ended.
 * @param {readonly Listed[]} tests
 * @param {{ resultsFolder?: string }} [options]
 * @returns {Promise<import("../test/counts.mjs").Counts>}
 */
export async function runSuite(tests, { resultsFolder = inRoot(".cache/reports/peer-suite") } = {}) {
  const suite = await ensureSuite();
  // The suite's filters replace names of formats wherever they occur: none may be in the folder's name.
  const work = await mkdtemp(join(tmpdir(), "io-"));
  await rm(resultsFolder, { recursive: true, force: true });
  await mkdir(resultsFolder, { recursive: true });
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const waiting = [...tests.entries()];
  const next = async () => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      const [index, test] = entry;
      const outcome = await runOne(suite, join(work, String(index)), test, resultsFolder);
      counts[outcome.verdict]++;
      const why = outcome.why === "" ? "" : `: ${outcome.why}`;
      if (outcome.verdict !== "passed")
        say(`  ${test.format} ${test.test} ${outcome.verdict}${why} (${seconds(outcome.ms)})`);
    }
  };
  try {
    await Promise.all(Array.from({ length: atATime }, next));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  if (counts.failed > 0) say(`  what failed printed differently is in ${resultsFolder}`);
  return counts;
}

/**
 * @param {string} suite
 * @param {string} folder
 * @param {Listed} listed
 * @param {string} resultsFolder
 * @returns {Promise<Outcome>}
 */
async function runOne(suite, folder, { format, test }, resultsFolder) {
  const programs = await makePrograms(join(folder, "bin"), [
    process.execPath,
    inRoot("dist/cli/blkscope.js"),
  ]);
  const [images, sockets] = [join(folder, "t"), join(folder, "s")];
  for (const name of [images, sockets]) await mkdir(name, { recursive: true });
  const env = nodeEnv({
    ...programs,
    TEST_DIR: images,
    SOCK_DIR: sockets,
    QEMU_IMG_OPTIONS: undefined,
    QEMU_IO_OPTIONS: undefined,
  });
  const start = performance.now();
  const limit = `${limitMs / 1000}`;
  const { code, output } = await run(
    "timeout",
    ["-k", "5", limit, "python3", "./check", "-tap", `-${format}`, test],
    {
      cwd: suite,
      env,
    },
  );
  const ms = performance.now() - start;
  const outcome = verdictOf(output, code, `${format} ${test}`);
  if (outcome.verdict === "failed") {
    await writeFile(join(resultsFolder, `${format}-${test.replaceAll("/", "-")}.diff`), output);
  }
  await rm(folder, { recursive: true, force: true });
  return { ...outcome, ms };
}

/**
 * What the suite said of the one test it ran, in the Test Anything Protocol.
 * @param {string} output
 * @param {number} code
 * @param {string} name
 * @returns {{ verdict: Outcome["verdict"], why: string }}
 */
export function verdictOf(output, code, name) {
  if (code === 124 || code === 137)
    return { verdict: "failed", why: `it took longer than ${limitMs / 1000} s` };
  for (const line of output.split("\n")) {
    if (line.startsWith(`ok ${name} # SKIP`)) return { verdict: "skipped", why: "the suite skips it here" };
    if (line === `ok ${name}`) return { verdict: "passed", why: "" };
    if (line === `not ok ${name}`) {
      const differing = output.split("\n").filter((text) => /^[-+][^-+]/.test(text)).length;
      return { verdict: "failed", why: `${differing} lines differ` };
    }
  }
  return { verdict: "failed", why: `the suite did not run it (exit code ${code})` };
}
