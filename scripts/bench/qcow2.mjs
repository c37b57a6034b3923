// qcow2 against qemu-img: checking vast images, comparing and converting much data, and compressing.
import * as fs from "node:fs";
import * as path from "node:path";
import { against, own } from "./against.mjs";
import { qemuImg, withDenseImages } from "./inputs.mjs";
import { peakMemory } from "./measure.mjs";
import { mib } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** @param {Context} context @returns {{ title: string, lines: Line[] }[]} */
export function run(context) {
  return [checks(context), dense(context), compression(context)];
}

/** An image of which only the tables are data: 128 MiB of L2 tables, 32 MiB of refcounts. */
function checks(/** @type {Context} */ { folder, quick, runs }) {
  const size = quick ? "128G" : "1T";
  const file = path.join(folder, "vast.qcow2");
  qemuImg("create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", file, size);
  const args = ["check", "-q", "-f", "qcow2", file];
  const lines = [against("check", args, 4, runs)];
  const peak = peakMemory({ name: "check", argv: own(...args) });
  // 4 bytes for each of 16 million clusters, and 64 MiB.
  lines.push({ what: "check, peak memory", value: mib(peak), goal: "under 192 MiB", met: peak < 192 * MiB });
  qemuImg("snapshot", "-c", "one", file);
  lines.push(against("check, with a snapshot of all", args, 1, Math.min(runs, 5)));
  fs.rmSync(file);
  return { title: `qcow2 image of ${size} with preallocated metadata`, lines };
}

/** Random data, all of which is read, equal in both images. */
function dense(/** @type {Context} */ { folder, quick, runs }) {
  const size = quick ? 256 * MiB : 2 * GiB;
  const lines = withDenseImages(folder, "qcow2", size, ({ raw, image, target }) => [
    against("compare raw/qcow2", ["compare", "-f", "raw", "-F", "qcow2", raw, image], 1.4, runs),
    against("convert raw to qcow2", ["convert", "-f", "raw", "-O", "qcow2", raw, target], 1, runs, target),
    against("convert qcow2 to raw", ["convert", "-f", "qcow2", "-O", "raw", image, target], 1, runs, target),
  ]);
  return { title: `compare and convert ${mib(size)} of cached random data`, lines };
}

/** What programs are made of compresses as guests' disks do. */
function compression(/** @type {Context} */ { folder, quick, runs }) {
  const size = (quick ? 128 : 512) * MiB;
  const [raw, target] = [path.join(folder, "program.raw"), path.join(folder, "target.qcow2")];
  const program = fs.readFileSync(process.execPath).subarray(0, 64 * MiB);
  const fd = fs.openSync(raw, "w");
  for (let at = 0; at < size; at += program.length) {
    fs.writeSync(fd, program, 0, Math.min(program.length, size - at), at);
  }
  fs.closeSync(fd);
  const lines = ["zlib", "zstd"].map((codec) => {
    const options = ["-f", "raw", "-O", "qcow2", "-o", `compression_type=${codec}`];
    return against(
      `convert -c, ${codec}`,
      ["convert", "-c", ...options, raw, target],
      1.5,
      Math.min(runs, 5),
      target,
    );
  });
  for (const file of [raw, target]) fs.rmSync(file, { force: true });
  return { title: `compress ${mib(size)} of cached programs`, lines };
}
