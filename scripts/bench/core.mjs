// The command line against its peers: comparing much data, comparing vast sparse images, starting.
import * as fs from "node:fs";
import * as path from "node:path";
import { inRoot } from "../setup/paths.mjs";
import { qemuImg, randomFile, scatteredFiles } from "./inputs.mjs";
import { alternate, peakMemory } from "./measure.mjs";
import { mib, ms, speed } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {import("./measure.mjs").Candidate} Candidate */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const ours = "blkscope";
const peer = "qemu-img";

const own = (/** @type {readonly string[]} */ ...args) => [
  process.execPath,
  inRoot("dist/cli/blkscope.js"),
  ...args,
];

/** @param {Context} context @returns {{ title: string, lines: Line[] }[]} */
export function run(context) {
  return [dense(context), sparse(context), start(context)];
}

/** Cached random data, equal in both images, so that all of it is read. */
function dense(/** @type {Context} */ { folder, quick, runs }) {
  const size = quick ? 256 * MiB : 2 * GiB;
  const a = path.join(folder, "a.raw");
  const b = path.join(folder, "b.raw");
  const qed = path.join(folder, "b.qed");
  randomFile(a, size);
  fs.copyFileSync(a, b);
  qemuImg("convert", "-f", "raw", "-O", "qed", a, qed);
  /** @type {Line[]} */
  const lines = [];
  for (const { what, format, other } of [
    { what: "raw/raw", format: "raw", other: b },
    { what: "raw/QED", format: "qed", other: qed },
  ]) {
    const medians = alternate(
      [
        { name: ours, argv: own("compare", "-f", "raw", "-F", format, a, other) },
        { name: peer, argv: [peer, "compare", "-f", "raw", "-F", format, a, other] },
        // Files that differ in their headers would end cmp at once: only the raw pair is read by it.
        { name: "cmp", argv: ["cmp", a, b] },
        {
          name: "dd",
          argv: ["sh", "-c", 'dd if="$0" of=/dev/null bs=1M && dd if="$1" of=/dev/null bs=1M', a, other],
        },
      ],
      runs,
    );
    const mine = medians.get(ours) ?? Number.NaN;
    const peers = medians.get(peer) ?? Number.NaN;
    lines.push({
      what: `${what}, qemu-img compare`,
      value: ms(mine),
      peer: ms(peers),
      ratio: speed(mine, peers),
      ...(quick ? {} : { goal: "1.50x faster", met: peers / mine >= 1.5 }),
    });
    for (const { name, label } of [
      { name: "cmp", label: "cmp of the raw pair" },
      { name: "dd", label: "dd of one file, then the other" },
    ]) {
      const time = medians.get(name) ?? Number.NaN;
      lines.push({ what: `${what}, ${label}`, value: ms(mine), peer: ms(time), ratio: speed(mine, time) });
    }
  }
  for (const file of [a, b, qed]) fs.rmSync(file);
  return { title: `compare ${mib(size)} of cached random data`, lines };
}

/** 1 TiB with 64 MiB of data in 1,024 places, equal in both images. */
function sparse(/** @type {Context} */ { folder, runs }) {
  const a = path.join(folder, "sparse-a.raw");
  const b = path.join(folder, "sparse-b.raw");
  scatteredFiles([a, b], 1024 * GiB, 1024, 64 * 1024);
  /** @type {Candidate} */
  const mineRun = { name: ours, argv: own("compare", "-f", "raw", "-F", "raw", a, b) };
  const medians = alternate(
    [mineRun, { name: peer, argv: [peer, "compare", "-f", "raw", "-F", "raw", a, b] }],
    runs,
  );
  const mine = medians.get(ours) ?? Number.NaN;
  const peers = medians.get(peer) ?? Number.NaN;
  const peak = peakMemory(mineRun);
  for (const file of [a, b]) fs.rmSync(file);
  return {
    title: "compare two sparse images of 1 TiB with 64 MiB of data",
    lines: [
      {
        what: "raw/raw, qemu-img compare",
        value: ms(mine),
        peer: ms(peers),
        ratio: speed(mine, peers),
        goal: "at most 1.50x slower",
        met: mine / peers <= 1.5,
      },
      { what: "peak memory", value: mib(peak), goal: "under 150 MiB", met: peak < 150 * MiB },
    ],
  };
}

/** What a command costs before it does anything. */
function start(/** @type {Context} */ { folder, runs }) {
  const image = path.join(folder, "info.qed");
  qemuImg("create", "-q", "-f", "qed", image, "1G");
  const medians = alternate(
    [
      { name: "version", argv: own("--version") },
      { name: "info", argv: own("info", image) },
      { name: "qemu version", argv: [peer, "--version"] },
      { name: "qemu info", argv: [peer, "info", image] },
    ],
    runs,
  );
  fs.rmSync(image);
  const line = (/** @type {string} */ name, /** @type {string} */ what, /** @type {number} */ limit) => {
    const mine = medians.get(name) ?? Number.NaN;
    const peers = medians.get(`qemu ${name}`) ?? Number.NaN;
    const goal = `within ${ms(limit)}`;
    return { what, value: ms(mine), peer: ms(peers), ratio: speed(mine, peers), goal, met: mine <= limit };
  };
  return {
    title: "start of a command",
    lines: [line("version", "--version", 120), line("info", "info of a QED image", 200)],
  };
}
