// The map of an image's clusters: against our own check of the same image, its memory, and how soon it answers.
import { once } from "node:events";
import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { inRoot } from "../setup/paths.mjs";
import { fullQcow2 } from "./fullQcow2.mjs";
import { fullQed } from "./fullQed.mjs";
import { alternate, median, peakMemory } from "./measure.mjs";
import { mib, ms, speed } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */

const GiB = 2 ** 30;
const TiB = 1024 * GiB;
/** As much as fits into a file of 16 TiB, the longest of common file systems. */
const vast = 16 * TiB - 8 * GiB;
const questions = 200;

const own = (/** @type {readonly string[]} */ ...args) => [
  process.execPath,
  inRoot("dist/cli/blkscope.js"),
  ...args,
];

/** @param {Context} context @returns {Promise<{ title: string, lines: Line[] }[]>} */
export async function run(context) {
  const { folder, quick } = context;
  /** @type {Line[]} */
  const lines = [];
  /** @type {readonly (readonly [string, "contiguous" | "scattered" | "anywhere"])[]} */
  const orders = [
    ["written in order", "contiguous"],
    ["shuffled in each 2 GiB", "scattered"],
    ["shuffled as a whole", "anywhere"],
  ];
  for (const [how, order] of orders) {
    const image = path.join(folder, "full.qed");
    fullQed(image, TiB, order);
    lines.push(...againstCheck(`1 TiB, ${how}`, image, context), ...(await answers(`1 TiB, ${how}`, image)));
    fs.rmSync(image);
  }
  const work = path.join(folder, "mapWork.mjs");
  await build({
    entryPoints: [inRoot("scripts/bench/mapWork.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["koffi"],
    outfile: work,
    logLevel: "error",
  });
  if (!quick) {
    const shuffled = path.join(folder, "shuffled.qed");
    fullQed(shuffled, 8 * TiB, "anywhere");
    lines.push(againstOneThread("8 TiB, shuffled as a whole", shuffled, work));
    fs.rmSync(shuffled);
    const image = path.join(folder, "vast.qed");
    fullQed(image, vast, "contiguous");
    lines.push(...againstCheck("15.99 TiB, written in order", image, { ...context, runs: 3 }));
    lines.push(...(await answers("15.99 TiB, written in order", image)));
    fs.rmSync(image);
  }
  return [
    { title: "the map of a fully allocated QED image", lines },
    { title: "the map of a fully allocated qcow2 image", lines: qcow2(context, work) },
  ];
}

/** @returns {Line[]} */
function qcow2(/** @type {Context} */ context, /** @type {string} */ work) {
  const { folder, quick, runs } = context;
  /** @type {readonly (readonly [string, number, "contiguous" | "anywhere"])[]} */
  const images = [
    ["1 TiB, written in order", TiB, "contiguous"],
    ["1 TiB, shuffled as a whole", TiB, "anywhere"],
    ["15 TiB, written in order", 15 * TiB, "contiguous"],
    ["15 TiB, shuffled as a whole", 15 * TiB, "anywhere"],
  ];
  return images
    .filter(([, size]) => size === TiB || !quick)
    .flatMap(([what, size, order]) => {
      const image = path.join(folder, "full.qcow2");
      fullQcow2(image, size, order);
      const lines = againstCheck(
        what,
        image,
        size === TiB ? context : { ...context, runs: Math.min(runs, 3) },
      );
      if (size > TiB) lines.push(againstOneThread(what, image, work));
      fs.rmSync(image);
      return lines;
    });
}

/** @returns {Line[]} */
function againstCheck(
  /** @type {string} */ what,
  /** @type {string} */ image,
  /** @type {Context} */ { runs },
) {
  const format = path.extname(image).slice(1);
  const mapRun = { name: "map", argv: own("map", "--kinds", "-f", format, image) };
  const medians = alternate([mapRun, { name: "check", argv: own("check", "-q", "-f", format, image) }], runs);
  const map = medians.get("map") ?? Number.NaN;
  const check = medians.get("check") ?? Number.NaN;
  const peak = peakMemory(mapRun);
  return [
    {
      what: `${what}: map, blkscope check`,
      value: ms(map),
      peer: ms(check),
      ratio: speed(map, check),
      ...(isPromised(what) ? { goal: "at most 1.50x slower", met: map / check <= 1.5 } : {}),
    },
    { what: `${what}: peak memory`, value: mib(peak), goal: "under 1536 MiB", met: peak < 1.5 * GiB },
  ];
}

/** @returns {Line} */
function againstOneThread(
  /** @type {string} */ what,
  /** @type {string} */ image,
  /** @type {string} */ work,
) {
  const threads = Math.min(4, availableParallelism());
  const format = path.extname(image).slice(1);
  const by = (/** @type {number} */ amount) => ({
    name: `by ${amount}`,
    argv: [process.execPath, work, image, format, String(amount)],
  });
  const medians = alternate([by(threads), by(1)], 5);
  const [several = Number.NaN, one = Number.NaN] = [medians.get(by(threads).name), medians.get(by(1).name)];
  return {
    what: `${what}: by ${threads} threads, by one`,
    value: ms(several),
    peer: ms(one),
    ratio: speed(several, one),
  };
}

/**
 * The longest time in which the job says who refers to a cluster, of many all over the file, and how long the guest's
 * order takes, which is made at the first question about it.
 *
 * @returns {Promise<Line[]>}
 */
async function answers(/** @type {string} */ what, /** @type {string} */ image) {
  const worker = new Worker(pathToFileURL(inRoot("dist/main/jobWorker.js")), { workerData: "blkscope:job" });
  /** @type {(kind: string) => Promise<any>} */
  const told = async (kind) => {
    for (;;) {
      const [message] = await once(worker, "message");
      if (message.kind === "fail") throw new Error(message.error.message);
      if (message.kind === kind) return message;
    }
  };
  try {
    const scanned = told("items");
    const file = { driver: "file", filename: image };
    worker.postMessage({ kind: "start", name: "map", params: { spec: { driver: "qed", file } } });
    const { fileSize } = (await scanned).items[0].summary;
    const times = [];
    for (let id = 0; id < questions; id++) {
      const offset = Math.floor((fileSize / questions) * (id + 0.5));
      const start = performance.now();
      const answered = told("answer");
      worker.postMessage({ kind: "ask", id, name: "place", question: { offset } });
      const { answer } = await answered;
      times.push(performance.now() - start);
      if (!answer.ok || answer.value.references.total !== 1) throw new Error("a cluster lacks its reference");
    }
    const slowest = Math.max(...times);
    const line = {
      what: `${what}: references of a cluster, slowest of ${questions} (median ${ms(median(times))})`,
      value: ms(slowest),
    };
    const start = performance.now();
    const answered = told("answer");
    const question = { order: "guest", level: 0, first: 0, count: 1 };
    worker.postMessage({ kind: "ask", id: questions, name: "tile", question });
    if (!(await answered).answer.ok) throw new Error("the guest's order has no cells");
    return [
      isPromised(what) ? { ...line, goal: "within 100 ms", met: slowest <= 100 } : line,
      { what: `${what}: the guest's order`, value: ms(performance.now() - start) },
    ];
  } finally {
    await worker.terminate();
  }
}

/** Times are promised of 1 TiB; those of the vast image are stated. */
const isPromised = (/** @type {string} */ what) => what.startsWith("1 TiB");
