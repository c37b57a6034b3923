// Logs of writes: reading millions of entries, the disk at any of them, replay, and the search for a bad write. The peer
// is a plain program that does the least there is to do: a read for each header, a copy of the bytes.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { build } from "esbuild";
import { inRoot } from "../setup/paths.mjs";
import { SetupError } from "../setup/say.mjs";
import { manyEntries, muchPayload } from "./logFiles.mjs";
import { alternate, childEnv, median, peakMemory } from "./measure.mjs";
import { mib, ms, speed } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {import("./logWork.ts").LogTimes} LogTimes */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */

const replayLog = "replay-log";

/** Memory that looks like a disk, where there is one: a disk's own moods are not to be measured. */
const inMemory = "/dev/shm";

const own = (/** @type {readonly string[]} */ ...args) => [
  process.execPath,
  inRoot("dist/cli/blkscope.js"),
  ...args,
];

/** @param {Context} context @returns {Promise<{ title: string, lines: Line[] }[]>} */
export async function run(context) {
  const { folder } = context;
  const place = fs.existsSync(inMemory) ? fs.mkdtempSync(path.join(inMemory, "blkscope-bench-")) : folder;
  // Ctrl+C leaves nothing there either.
  const remove = () => fs.rmSync(place, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return await tables({ ...context, folder: place, disk: folder });
  } finally {
    remove();
  }
}

/** @param {Context & { disk: string }} context @returns {Promise<{ title: string, lines: Line[] }[]>} */
async function tables({ folder, disk, quick, runs }) {
  const few = Math.min(runs, 3);
  const work = path.join(folder, "logWork.mjs");
  await build({
    entryPoints: [inRoot("scripts/bench/logWork.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["koffi"],
    outfile: work,
    logLevel: "error",
  });
  const entries = quick ? 1_000_000 : 5_000_000;
  const many = path.join(folder, "many.log");
  manyEntries(many, entries);
  const manyLines = ofMany(work, many, few);
  fs.rmSync(many);
  const payload = path.join(folder, "payload.log");
  const writes = quick ? 20_000 : 100_000;
  muchPayload(payload, writes);
  const payloadLines = [
    ...ofPayload(work, payload, few),
    onDisk(work, payload, disk, few),
    ...replays(payload, folder, few),
    bisect(payload, writes),
  ];
  const size = fs.statSync(payload).size;
  fs.rmSync(payload);
  return [
    { title: `logs: ${entries} entries`, lines: manyLines },
    { title: `logs: ${mib(size)} in ${writes} entries`, lines: payloadLines },
  ];
}

/** @returns {Line[]} */
function ofMany(/** @type {string} */ work, /** @type {string} */ log, /** @type {number} */ runs) {
  const info = { name: "log info", argv: own("log", "info", log) };
  const peak = peakMemory(info);
  const command = alternate([info], runs).get(info.name) ?? Number.NaN;
  const state = {
    name: "state",
    argv: own("info", "--image-opts", `driver=logstate,log.driver=file,log.filename=${log}`),
  };
  const opened = alternate([state], runs).get(state.name) ?? Number.NaN;
  const times = timesOf(work, log, runs);
  const opens = times.map((each) => each.opens);
  return [
    limit("log info: index, as a command", command, 5000),
    { what: "log info: peak memory", ...memoryLimit(peak) },
    against(
      "index, a plain read for each header",
      times,
      ({ index }) => index,
      ({ headers }) => headers,
    ),
    {
      what: "prepare states, with the index in the app",
      value: ms(medianOf(times, ({ prepare }) => prepare)),
    },
    limit(
      "a state once the log is indexed, slowest of 7 moments",
      median(opens.map((all) => Math.max(...all))),
      200,
    ),
    { what: "a state, as a command: index and state", value: ms(opened) },
    { what: "its peak memory", ...memoryLimit(peakMemory(state)) },
    readLine(times),
    limit(
      "history of a sector",
      medianOf(times, ({ histories }) => median(histories)),
      200,
    ),
    ...counting(log, runs),
  ];
}

/** @returns {Line[]} */
function ofPayload(/** @type {string} */ work, /** @type {string} */ log, /** @type {number} */ runs) {
  const times = timesOf(work, log, runs);
  return [
    against(
      "index, a plain read for each header",
      times,
      ({ index }) => index,
      ({ headers }) => headers,
    ),
    readLine(times),
    ...counting(log, runs),
  ];
}

/**
 * A file system on a disk keeps a file in larger pieces of memory than one in memory does: they are copied quicker.
 * @returns {Line}
 */
function onDisk(
  /** @type {string} */ work,
  /** @type {string} */ log,
  /** @type {string} */ disk,
  /** @type {number} */ runs,
) {
  const copy = path.join(disk, "payload.log");
  fs.copyFileSync(log, copy);
  // Being written to the disk, it is read at any speed.
  spawnSync("sync", [copy]);
  try {
    return against(
      "the same of a file on the disk, cached",
      timesOf(work, copy, runs),
      ({ index }) => index,
      ({ headers }) => headers,
    );
  } finally {
    fs.rmSync(copy);
  }
}

/** Against the peer's own program, where there is one. @returns {Line[]} */
function counting(/** @type {string} */ log, /** @type {number} */ runs) {
  if (spawnSync(replayLog, ["--help"]).error !== undefined) return [];
  const medians = alternate(
    [
      { name: "ours", argv: own("log", "info", log) },
      { name: "peer", argv: [replayLog, "--log", log, "--find", "--end-mark", "none"], exits: [0, 1] },
    ],
    runs,
  );
  const [ours, peer] = [medians.get("ours") ?? Number.NaN, medians.get("peer") ?? Number.NaN];
  return [
    {
      what: "log info, replay-log over all entries",
      value: ms(ours),
      peer: ms(peer),
      ratio: speed(ours, peer),
    },
  ];
}

/** @returns {Line[]} */
function replays(/** @type {string} */ log, /** @type {string} */ folder, /** @type {number} */ runs) {
  const [target, copy] = [path.join(folder, "replayed.raw"), path.join(folder, "copy.raw")];
  const medians = alternate(
    [
      { name: "replay", argv: own("log", "replay", "--over", log, target) },
      { name: "copy", argv: ["dd", "bs=1M", "status=none", `if=${log}`, `of=${copy}`] },
    ],
    runs,
  );
  for (const file of [target, copy]) fs.rmSync(file);
  const [ours, peer] = [medians.get("replay") ?? Number.NaN, medians.get("copy") ?? Number.NaN];
  return [
    {
      what: "replay to a file, dd of as many bytes",
      value: ms(ours),
      peer: ms(peer),
      ratio: speed(ours, peer),
      goal: "0.5x of its speed",
      met: peer / ours >= 0.5,
    },
  ];
}

/** A command that does nothing, at 50 moments: what showing each as a file costs. @returns {Line} */
function bisect(/** @type {string} */ log, /** @type {number} */ entries) {
  const moments = 50;
  const argv = own(
    "log",
    "bisect",
    "--search",
    "linear",
    "--at",
    String(entries / moments),
    log,
    "--",
    "true",
    "{}",
  );
  const start = performance.now();
  const [command = "", ...args] = argv;
  const child = spawnSync(command, args, { env: childEnv(), encoding: "utf8" });
  if (child.status !== 0)
    throw new SetupError(`log bisect ended with ${child.status}: ${child.stderr.trim()}`);
  const rate = (moments * 1000) / (performance.now() - start);
  return {
    what: `bisect, ${moments} states of 1 GiB as files, each judged at once`,
    value: `${rate.toFixed(1)} states/s`,
  };
}

/** @returns {LogTimes[]} */
function timesOf(/** @type {string} */ work, /** @type {string} */ log, /** @type {number} */ runs) {
  return Array.from({ length: runs }, () => {
    const child = spawnSync(process.execPath, [work, log], { env: childEnv(), encoding: "utf8" });
    if (child.status !== 0) throw new SetupError(`the bench's own process failed: ${child.stderr.trim()}`);
    return JSON.parse(child.stdout);
  });
}

/** @typedef {(times: LogTimes) => number} Of */

function medianOf(/** @type {readonly LogTimes[]} */ times, /** @type {Of} */ of) {
  return median(times.map(of));
}

/** @returns {Line} */
function against(
  /** @type {string} */ what,
  /** @type {readonly LogTimes[]} */ times,
  /** @type {Of} */ ours,
  /** @type {Of} */ peers,
) {
  const [mine, peer] = [medianOf(times, ours), medianOf(times, peers)];
  const met = mine <= peer;
  return { what, value: ms(mine), peer: ms(peer), ratio: speed(mine, peer), goal: "no slower", met };
}

/** @returns {Line} */
function readLine(/** @type {readonly LogTimes[]} */ times) {
  const rate = medianOf(times, ({ readSpeed }) => readSpeed);
  return {
    what: "reads of 64 KiB anywhere in the last state",
    value: `${mib(rate)}/s`,
    goal: "200 MB/s",
    met: rate >= 200e6,
  };
}

/** @returns {Pick<Line, "value" | "goal" | "met">} */
function memoryLimit(/** @type {number} */ bytes) {
  return { value: mib(bytes), goal: "under 400 MB", met: bytes < 400e6 };
}

/** @returns {Line} */
function limit(/** @type {string} */ what, /** @type {number} */ value, /** @type {number} */ most) {
  return { what, value: ms(value), goal: `within ${ms(most)}`, met: value <= most };
}
