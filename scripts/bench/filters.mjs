// The debugging drivers against the peer's, both through their `bench` commands. What counts is the time that the
// programs state themselves ("Run completed in"): starting them is measured by the suite "core".
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { inRoot } from "../setup/paths.mjs";
import { SetupError } from "../setup/say.mjs";
import { randomFile } from "./inputs.mjs";
import { childEnv, median } from "./measure.mjs";
import { mib, ms, speed } from "./report.mjs";

/** @typedef {import("./report.mjs").Line} Line */
/** @typedef {{ folder: string, quick: boolean, runs: number }} Context */

const MiB = 1024 * 1024;
const own = [process.execPath, inRoot("dist/cli/blkscope.js")];
const peer = ["qemu-img"];

/** The goal: at least this part of the peer's speed. */
const leastSpeed = 0.8;

/** Memory that looks like a disk, where there is one: a disk's own moods are not to be measured. */
const inMemory = "/dev/shm";

/** @param {Context} context @returns {{ title: string, lines: Line[] }[]} */
export function run({ folder, quick, runs }) {
  const size = (quick ? 64 : 256) * MiB;
  const place = fs.existsSync(inMemory) ? fs.mkdtempSync(path.join(inMemory, "blkscope-bench-")) : folder;
  // Ctrl+C leaves nothing there either.
  const remove = () => fs.rmSync(place, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    return [{ title: `filters over ${mib(size)} of cached files`, lines: measured(place, size, runs) }];
  } finally {
    remove();
  }
}

/** @returns {Line[]} */
function measured(/** @type {string} */ place, /** @type {number} */ size, /** @type {number} */ runs) {
  const files = ["a.raw", "b.raw", "c.raw"].map((name) => path.join(place, name));
  const [a = "", ...copies] = files;
  randomFile(a, size);
  for (const copy of copies) fs.copyFileSync(a, copy);
  const verify = `driver=blkverify,${rawFile("raw", a)},${rawFile("test", copies[0] ?? "")}`;
  const children = files.map((file, index) => rawFile(`children.${index}`, file));
  const quorum = `driver=quorum,vote-threshold=2,${children.join(",")}`;
  const log = path.join(place, "log");
  const logged = `driver=blklogwrites,file.driver=file,file.filename=${a},log.driver=file,log.filename=${log}`;
  const large = ["-c", String((2 * size) / MiB), "-d", "1", "-s", "1M"];
  const small = ["-c", String(size / 4096), "-s", "4k"];
  /** Every log begins anew. */
  const emptyLog = () => fs.writeFileSync(log, "");
  return [
    line("blkverify, reads of 1 MiB", contest([...large, "--image-opts", verify], runs), true),
    line("blkverify, reads of 4 KiB", contest([...small, "-d", "1", "--image-opts", verify], runs), false),
    // The peer's bench reads all of them into one buffer, in which its blkverify then finds mismatches.
    alone("blkverify, reads of 4 KiB, 16 at once", [...small, "-d", "16", "--image-opts", verify], runs),
    line("quorum of 3, reads of 1 MiB", contest([...large, "--image-opts", quorum], runs), true),
    line(
      "quorum of 3, reads of 4 KiB, 16 at once",
      contest([...small, "-d", "16", "--image-opts", quorum], runs),
      false,
    ),
    line(
      "blklogwrites, writes of 1 MiB",
      contest(
        ["-w", "--pattern", "7", "-c", String(size / MiB), "-d", "1", "-s", "1M", "--image-opts", logged],
        runs,
        emptyLog,
      ),
      true,
    ),
  ];
}

function rawFile(/** @type {string} */ child, /** @type {string} */ file) {
  return `${child}.driver=raw,${child}.file.driver=file,${child}.file.filename=${file}`;
}

/**
 * Medians of alternating runs, milliseconds.
 * @param {readonly string[]} args
 * @param {number} runs
 * @param {() => void} [prepare]
 */
function contest(args, runs, prepare = () => undefined) {
  /** @type {{ ours: number[], peers: number[] }} */
  const times = { ours: [], peers: [] };
  for (let index = 0; index <= runs; index++) {
    prepare();
    const ours = statedTime(own, args);
    prepare();
    const peers = statedTime(peer, args);
    // The first of each is not counted.
    if (index === 0) continue;
    times.ours.push(ours);
    times.peers.push(peers);
  }
  return { ours: median(times.ours), peers: median(times.peers) };
}

/** @returns {Line} */
function alone(
  /** @type {string} */ what,
  /** @type {readonly string[]} */ args,
  /** @type {number} */ runs,
) {
  return { what, value: ms(median(Array.from({ length: runs }, () => statedTime(own, args)))) };
}

/** @returns {number} milliseconds */
function statedTime(/** @type {readonly string[]} */ program, /** @type {readonly string[]} */ args) {
  const [command = "", ...first] = program;
  const child = spawnSync(command, [...first, "bench", ...args], { env: childEnv(), encoding: "utf8" });
  if (child.error !== undefined) throw new SetupError(`${command} cannot be run: ${child.error.message}`);
  const [, seconds] = /Run completed in ([0-9.]+) seconds/.exec(child.stdout) ?? [];
  if (child.status === 0 && seconds !== undefined) return Number(seconds) * 1000;
  throw new SetupError(`${command} bench ended with ${child.status ?? child.signal}: ${child.stderr.trim()}`);
}

/** @returns {Line} */
function line(
  /** @type {string} */ what,
  /** @type {{ ours: number, peers: number }} */ { ours, peers },
  /** @type {boolean} */ hasGoal,
) {
  return {
    what,
    value: ms(ours),
    peer: ms(peers),
    ratio: speed(ours, peers),
    ...(hasGoal && {
      goal: `${leastSpeed}x of the peer's speed`,
      met: peers / ours >= leastSpeed,
    }),
  };
}
