// QED and raw against qemu-img: checking and mapping vast images, converting, and small reads.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { against, own } from "./against.mjs";
import { fullQed } from "./fullQed.mjs";
import { qemuImg, randomFile, withDenseImages } from "./inputs.mjs";
import { childEnv, median, peakMemory } from "./measure.mjs";
import { mib, ms, speed } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;

/** @param {Context} context @returns {{ title: string, lines: Line[] }[]} */
export function run(context) {
  return [tables(context), conversion(context), smallReads(context)];
}

/** Images of which only the tables are data. */
function tables(/** @type {Context} */ { folder, quick, runs }) {
  const size = quick ? TiB / 8 : TiB;
  const [contiguous, scattered] = [path.join(folder, "contiguous.qed"), path.join(folder, "scattered.qed")];
  fullQed(contiguous, size, "contiguous");
  fullQed(scattered, size, "scattered");
  const check = (/** @type {string} */ file) => ["check", "-q", "-f", "qed", file];
  const lines = [
    against("check, contiguous tables", check(contiguous), 1.4, runs),
    against("check, scattered tables", check(scattered), 1.2, runs),
    against("map", ["map", "-f", "qed", contiguous], 1, runs),
    against("info", ["info", "-f", "qed", contiguous], 1, runs),
  ];
  const peak = peakMemory({ name: "check", argv: own(...check(scattered)) });
  lines.push({ what: "check, peak memory", value: mib(peak), goal: "under 150 MiB", met: peak < 150 * MiB });
  const one = median(Array.from({ length: 3 }, () => once(own(...check(contiguous)))));
  for (const file of [contiguous, scattered]) fs.rmSync(file);
  if (!quick) lines.push(vast(folder, one));
  return { title: `QED image of ${size / TiB} TiB, every cluster allocated`, lines };
}

/** As close to 16 TiB as the largest file of common file systems comes. */
function vast(/** @type {string} */ folder, /** @type {number} */ one) {
  const file = path.join(folder, "vast.qed");
  const size = 15 * TiB;
  fullQed(file, size, "contiguous");
  const time = once(own("check", "-q", "-f", "qed", file));
  fs.rmSync(file);
  const times = time / one;
  return {
    what: "check of 15 TiB",
    value: ms(time),
    ratio: `${times.toFixed(1)}x of 1 TiB`,
    goal: "within 16x",
    met: times <= 16,
  };
}

/** Milliseconds of one run. */
function once(/** @type {readonly string[]} */ [command = "", ...args]) {
  const start = performance.now();
  const { status, stderr } = spawnSync(command, args, { env: childEnv(), encoding: "utf8" });
  if (status !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  return performance.now() - start;
}

function conversion(/** @type {Context} */ { folder, quick, runs }) {
  const size = quick ? 256 * MiB : 2 * GiB;
  const lines = withDenseImages(folder, "qed", size, ({ raw, image, target }) => {
    const line = (
      /** @type {string} */ what,
      /** @type {string} */ from,
      /** @type {string} */ to,
      /** @type {string} */ source,
    ) => against(what, ["convert", "-f", from, "-O", to, source, target], 1, Math.min(runs, 5), target);
    return [
      line("raw to QED", "raw", "qed", raw),
      line("QED to raw", "qed", "raw", image),
      line("raw to raw", "raw", "raw", raw),
    ];
  });
  return { title: `convert ${mib(size)} of cached random data`, lines };
}

/** What both programs' own `bench` says of reads of 4 KiB. */
function smallReads(/** @type {Context} */ { folder, quick, runs }) {
  const file = path.join(folder, "small.qed");
  const raw = path.join(folder, "small.raw");
  randomFile(raw, 64 * MiB);
  qemuImg("convert", "-f", "raw", "-O", "qed", raw, file);
  const count = quick ? 10_000 : 50_000;
  const lines = [1, 16].map((depth) => {
    // A step of a prime number of blocks goes through the image in no order.
    const args = [
      "bench",
      "-f",
      "qed",
      "-c",
      `${count}`,
      "-d",
      `${depth}`,
      "-s",
      "4096",
      "-S",
      `${4096 * 1009}`,
      file,
    ];
    /** @type {[number[], number[]]} */
    const times = [[], []];
    for (let i = 0; i < Math.min(runs, 5); i++) {
      times[0].push(completedIn(own(...args)));
      times[1].push(completedIn(["qemu-img", ...args]));
    }
    const [mine, peers] = times.map(median);
    return {
      what: `${count} reads of 4 KiB, ${depth} at a time`,
      value: ms((mine ?? 0) * 1000),
      peer: ms((peers ?? 0) * 1000),
      ratio: speed(mine ?? 0, peers ?? 0),
    };
  });
  for (const name of [file, raw]) fs.rmSync(name);
  return { title: "small reads of a cached QED image", lines };
}

/** Seconds, as the program prints them. */
function completedIn(/** @type {readonly string[]} */ [command = "", ...args]) {
  const { stdout, stderr } = spawnSync(command, args, { env: childEnv(), encoding: "utf8" });
  const found = /Run completed in ([0-9.]+) seconds/.exec(stdout)?.[1];
  if (found === undefined) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return Number(found);
}
