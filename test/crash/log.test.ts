// The product tests itself: whole lives of images over our own blklogwrites, and every prefix of the log, read by
// the tests' own reader, is a disk that a crash may have left. It is judged as crash.test.ts judges its states: it
// opens, its own repair mends it, and what was flushed or FUA before the prefix ends is there.
//
// A prefix is judged at the moment before its next entry got its place. What was answered until then has its entry
// in it, and nothing that began later has.
//
//   BLKSCOPE_CRASH=full   many more lives
//   BLKSCOPE_SEED=n       that life alone
import { expect, it } from "vitest";
import { guard } from "../../core/block/guard.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { blklogwrites } from "../../core/filter/blklogwrites.ts";
import { type Log, readLog } from "../build/logReader.ts";
import { openContext } from "../build/openContext.ts";
import { type Random, randomFrom } from "../build/random.ts";
import type { Chooser } from "./format.ts";
import { judge } from "./judge.ts";
import { chooseQcow2 } from "./qcow2Life.ts";
import { chooseQed } from "./qedLife.ts";
import { type Clock, RecordingNode } from "./recorder.ts";
import { describePart } from "./report.ts";
import { type Part, runPart } from "./workload.ts";

const asked = process.env.BLKSCOPE_SEED;
const full = process.env.BLKSCOPE_CRASH === "full";
const firstSeed = 20261200;
const lives = asked === undefined ? (full ? 400 : 10) : 1;
const timeout = full ? 3_600_000 : 120_000;

it.each([
  ["QED", chooseQed],
  ["qcow2", chooseQcow2],
])(
  "every prefix of our own write log of %s opens, is mended, and has what was flushed",
  { timeout },
  async (_, choose) => {
    const tally = { prefixes: 0, flushes: 0, corrupt: 0, leaking: 0 };
    for (let index = 0; index < lives; index++) {
      const seed = asked === undefined ? firstSeed + index : Number(asked);
      await runLogged(choose, seed, tally);
    }
    console.log(`prefixes judged: ${JSON.stringify(tally)}`);
    if (asked !== undefined) return;
    expect(tally.prefixes).toBeGreaterThan(lives * 10);
    expect(tally.flushes).toBeGreaterThan(lives * 2);
    expect(tally.corrupt + tally.leaking).toBeGreaterThan(0);
  },
);

interface Tally {
  prefixes: number;
  flushes: number;
  corrupt: number;
  leaking: number;
}

async function runLogged(choose: Chooser, seed: number, tally: Tally): Promise<void> {
  const random = randomFrom(seed);
  const { setting, start } = choose(random);
  const logged = new LoggedFile(random);
  let part: Part;
  try {
    part = await runPart(setting, start, random, (file, clock) => logged.open(file, clock));
  } catch (error) {
    throw new Error(`BLKSCOPE_SEED=${seed}: the workload failed: ${messageOf(error)}`, { cause: error });
  }
  const log = await logged.read();
  const places = placesOf(log);
  const disk = new Disk(part.record.initial);
  for (let count = 0; count <= log.entries.length; count++) {
    const entry = log.entries[count - 1];
    if (entry !== undefined) disk.apply(entry, log.sectorSize);
    const moment = logged.momentBefore(places[count]);
    try {
      const verdict = await judge(part, { moment, how: "a prefix of the log", bytes: disk.bytes });
      tally.prefixes++;
      if (verdict.corruptions > 0) tally.corrupt++;
      if (verdict.leaks > 0) tally.leaking++;
      if (entry?.flags === 1) tally.flushes++;
    } catch (error) {
      throw failure(seed, count, part, moment, error);
    }
  }
}

function failure(seed: number, count: number, part: Part, moment: number, error: unknown): Error {
  const where = `BLKSCOPE_SEED=${seed}, the first ${count} entries of the log`;
  return new Error(`${where}:\n${messageOf(error)}\n${describePart(part, moment)}`, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The image's file with a log beside it, both in memory; opened again it appends. */
class LoggedFile {
  readonly #random: Random;
  #log: RecordingNode | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  async open(file: BlockNode, clock: Clock): Promise<BlockNode> {
    const isAppending = this.#log !== undefined;
    this.#log ??= new RecordingNode("log", new Uint8Array(0), clock, this.#random);
    const nodes: Readonly<Record<string, BlockNode>> = { file: guard(file), log: guard(this.#log) };
    const options = { driver: "blklogwrites", file: { driver: "memory" }, log: { driver: "memory" } };
    return blklogwrites.open(
      blklogwrites.options.parse({ ...options, "log-append": isAppending }),
      openContext((name) => nodes[name] as BlockNode, { name: "logged", backing: "open" }),
    ) as Promise<BlockNode>;
  }

  async read(): Promise<Log> {
    const log = this.#log;
    if (log === undefined) throw new Error("nothing was opened");
    const bytes = new Uint8Array(log.size);
    await log.read(0, bytes);
    return readLog(bytes);
  }

  /** The last moment at which the entry at that byte had no place yet; undefined: the end of all. */
  momentBefore(place: number | undefined): number {
    const starts = (this.#log?.record.requests ?? [])
      .filter((request) => request.kind === "write" && request.offset === place)
      .map(({ start }) => start);
    return starts.length === 0 ? Number.MAX_SAFE_INTEGER : Math.min(...starts) - 1;
  }
}

/** The bytes of the log at which its entries begin. */
function placesOf({ sectorSize, entries }: Log): number[] {
  const places: number[] = [];
  let at = sectorSize;
  for (const { payload } of entries) {
    places.push(at);
    at += sectorSize + payload.length;
  }
  return places;
}

/** The file as entries make it, as long as the last byte that they write. */
class Disk {
  bytes: Uint8Array;

  constructor(initial: Uint8Array) {
    this.bytes = initial.slice();
  }

  apply({ sector, sectorCount, flags, payload }: Log["entries"][number], sectorSize: number): void {
    const at = sector * sectorSize;
    const isDiscard = Math.floor(flags / 4) % 2 === 1;
    const written = isDiscard ? new Uint8Array(sectorCount * sectorSize) : payload;
    const bytes = new Uint8Array(Math.max(this.bytes.length, at + written.length));
    bytes.set(this.bytes);
    bytes.set(written, at);
    this.bytes = bytes;
  }
}
