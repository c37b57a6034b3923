// States of a log: at every moment they hold what a replay into plain bytes gives, their extents are true, and logs that
// overlap in hostile ways are shown or refused, never wrong.
import { describe, expect, it, vi } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { buildIntervals } from "../../../core/writelog/intervalsBuild.ts";
import { LogIndex } from "../../../core/writelog/logIndex.ts";
import { LogStates } from "../../../core/writelog/state.ts";
import { indexOf } from "../../build/indexedLog.ts";
import type { LogEntry } from "../../build/logReader.ts";
import { failureOf, filled, firstDifference } from "../../build/open.ts";
import { type Random, seeded } from "../../build/random.ts";
import { type MadeLog, makeLog, randomLog } from "../../build/randomLog.ts";

interface StatesOf {
  readonly base?: BlockNode;
  readonly discards?: "zero" | "unknown";
}

async function statesOf(log: MadeLog, { base, discards = "zero" }: StatesOf = {}): Promise<LogStates> {
  const { index, node } = await indexOf(log);
  return new LogStates({ log: node, index, intervals: await buildIntervals(index), base, discards });
}

async function bytesOf(
  states: LogStates,
  count: number,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = filled(length, 0xee);
  await states.read(count, offset, bytes);
  return bytes;
}

/** What is on the disk, and beside each byte the state that extents give: D data, Z zero, - not written. */
class Model {
  readonly bytes: Uint8Array;
  readonly states: string[];

  constructor(size: number, base: Uint8Array = new Uint8Array(0)) {
    this.bytes = new Uint8Array(size);
    this.bytes.set(base.subarray(0, size));
    this.states = Array<string>(size).fill("-");
  }

  apply(log: MadeLog, { sector, sectorCount, flags, payload }: LogEntry): void {
    if (Math.floor(flags / 8) % 2 === 1) return;
    const isDiscard = Math.floor(flags / 4) % 2 === 1;
    const start = sector * log.sectorSize;
    for (let i = 0; i < sectorCount * log.sectorSize; i++) {
      if (start + i >= this.bytes.length) return;
      this.bytes[start + i] = isDiscard ? 0 : (payload[i] as number);
      this.states[start + i] = isDiscard ? "Z" : "D";
    }
  }
}

async function extentString(states: LogStates, count: number, from: number, to: number): Promise<string> {
  const letters = { data: "D", zero: "Z", unallocated: "-" } as const;
  let text = "";
  for (let at = from; at < to; ) {
    const { length, state } = await states.extentAt(count, at, to - at);
    expect(length).toBeGreaterThan(0);
    expect(at + length).toBeLessThanOrEqual(to);
    text += letters[state].repeat(length);
    at += length;
  }
  return text;
}

const size = 40 * 64;

async function compareEverywhere(random: Random, log: MadeLog, base: Uint8Array | undefined): Promise<void> {
  const states = await statesOf(log, base && { base: new MemoryNode("base", true, base) });
  const model = new Model(size, base);
  for (let count = 0; ; count++) {
    const whole = await bytesOf(states, count, 0, size);
    expect([count, firstDifference(whole, model.bytes)]).toEqual([count, undefined]);
    const [from, to] = [random.below(size), random.below(size)].sort((a, b) => a - b) as [number, number];
    expect(await bytesOf(states, count, from, to - from)).toEqual(model.bytes.slice(from, to));
    expect(await extentString(states, count, from, to)).toBe(model.states.slice(from, to).join(""));
    const next = log.entries[count];
    if (next === undefined) return;
    model.apply(log, next);
  }
}

it("asks a log for its holes a few times, wherever in it neighbours of the disk lie", async () => {
  // Entry i writes sector 0, 389, 778 ... of 1,000, so that the disk in order is the log in no order.
  const entries = Array.from({ length: 1000 }, (_, i) => ({
    sector: (i * 389) % 1000,
    payload: filled(512, 1 + (i % 255)),
  }));
  const { index, node } = await indexOf(makeLog(512, entries));
  const asked = vi.spyOn(node, "extentAt");
  const intervals = await buildIntervals(index);
  const states = new LogStates({ log: node, index, intervals, base: undefined, discards: "zero" });
  for (let at = 0; at < 1000; at++) {
    expect((await states.extentAt(1000, at * 512, 512)).state).toBe("data");
  }
  // Each place before all others asked so far: of a thousand in no order about seven.
  expect(asked.mock.calls.length).toBeLessThan(30);
});

describe("the state after every entry of a random log", () => {
  it("is what a replay into zeroes gives", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 15; round++) {
        await compareEverywhere(random, randomLog(random, 64, 40, 1 + random.below(100)), undefined);
      }
    });
  });

  it("is what a replay onto a base gives, of any length", async () => {
    await seeded(async (random) => {
      for (const length of [1, 1000, size, size + 77]) {
        await compareEverywhere(random, randomLog(random, 64, 40, 60), random.bytes(length));
      }
    });
  });
});

describe("a state", () => {
  const log = makeLog(512, [
    { sector: 2, payload: filled(1024, 1) }, // 0: bytes 1024..2047
    { sector: 3, sectorCount: 4, flags: 4 }, // 1: discards 1536..3583
    { flags: 8, text: "end" }, // 2
    { sector: 4, flags: 2, payload: filled(512, 2) }, // 3: bytes 2048..2559
  ]);

  it("is the base before the first entry, and has entry n after n + 1", async () => {
    const states = await statesOf(log);
    const firstBytes = await Promise.all(
      [0, 1, 2, 3, 4].map(async (count) => [
        (await bytesOf(states, count, 1536, 1))[0],
        (await bytesOf(states, count, 2048, 1))[0],
      ]),
    );
    expect(firstBytes).toEqual([
      [0, 0],
      [1, 0],
      [0, 0],
      [0, 0],
      [0, 2],
    ]);
  });

  it("says who wrote a byte, and where it is in the log", async () => {
    const states = await statesOf(log);
    // Superblock, header of entry 0, its two sectors, headers of 1, 2 and 3: the data of entry 3 begin at sector 7.
    expect(states.describeAt(4, 2050)).toBe("written by entry 3 (FUA), byte 0xe02 of the log");
    expect(states.describeAt(4, 1600)).toBe("discarded by entry 1: zeroes");
    expect(states.describeAt(4, 0)).toBe("not written, and there is no base");
    expect(states.lastWriterOf(1, 2047)).toBe(0);
    expect(states.lastWriterOf(1, 2048)).toBeUndefined();
  });

  it("does not call discarded ranges zero when they are unknown, though they read as zeroes", async () => {
    const unknown = await statesOf(log, { discards: "unknown" });
    expect(await bytesOf(unknown, 2, 1536, 512)).toEqual(new Uint8Array(512));
    expect(await unknown.extentAt(2, 1536, 512)).toEqual({ length: 512, state: "unallocated" });
    expect(unknown.describeAt(2, 1536)).toBe("discarded by entry 1: contents unknown, read as zeroes");
    // Over a base, unallocated would be the base's bytes.
    const over = await statesOf(log, {
      discards: "unknown",
      base: new MemoryNode("b", true, filled(8192, 7)),
    });
    expect(await bytesOf(over, 2, 1536, 1)).toEqual(new Uint8Array(1));
    expect(await over.extentAt(2, 1536, 512)).toEqual({ length: 512, state: "zero" });
    expect(await over.extentAt(2, 8000, 192)).toEqual({ length: 192, state: "unallocated" });
  });

  it("is refused beyond the log's entries, and for what is no number of entries", async () => {
    const states = await statesOf(log);
    for (const count of [5, -1, 1.5, Number.NaN]) {
      const error = await failureOf(states.read(count, 0, new Uint8Array(1)));
      expect([error.code, error.message]).toEqual([
        "EINVAL",
        `The log has 4 entries; ${count} of them can't be applied`,
      ]);
    }
  });

  it("of a log without writes is the base", async () => {
    const states = await statesOf(makeLog(512, [{ flags: 1 }, { sector: 9 }]));
    expect(await bytesOf(states, 2, 0, 100)).toEqual(new Uint8Array(100));
    expect(await states.extentAt(2, 0, 1e15)).toEqual({ length: 1e15, state: "unallocated" });
  });

  it("has zeroes that are holes of the log as zero", async () => {
    const made = makeLog(512, [{ sector: 0, payload: new Uint8Array(4096) }]);
    const { index, node } = await indexOf(made);
    // As a file whose bytes from 1024 to 3071 are a hole: the data begin at byte 1024, so two of four KiB are zero.
    const extentAt = async (offset: number, length: number) => {
      const state = offset < 3072 ? ("zero" as const) : ("data" as const);
      const end = offset < 3072 ? 3072 : node.size;
      return {
        offset,
        length: Math.min(length, end - offset),
        state,
        compressed: false,
        hostOffset: undefined,
      };
    };
    const log = Object.assign(new MemoryNode("log", true, made.bytes), { extentAt });
    const states = new LogStates({ log, index, intervals: await buildIntervals(index), discards: "zero" });
    expect(await states.extentAt(1, 0, 4096)).toEqual({ length: 2048, state: "zero" });
    expect(await states.extentAt(1, 2048, 4096)).toEqual({ length: 2048, state: "data" });
  });
});

/** An index alone, of discards: [offset, length] each, in bytes. */
function indexOfDiscards(ranges: readonly (readonly [number, number])[]): LogIndex {
  const superblock = { magicOk: true, version: 1, entries: ranges.length, sectorSize: 32 };
  const index = new LogIndex(superblock, 32, { kind: "complete", entry: 0, offset: 0, message: "" });
  for (const [i, [offset, length]] of ranges.entries()) index.push(offset, length, 4, 32 * (i + 1), 0);
  return index;
}

describe("hostile logs", () => {
  const most = Number.MAX_SAFE_INTEGER;

  it("may have ranges up to the last byte that can be counted", async () => {
    const intervals = await buildIntervals(
      indexOfDiscards([
        [0, most],
        [most - 1, 1],
        [2 ** 52, 4096],
        [0, 1],
      ]),
    );
    const runs: number[][] = [];
    intervals.runs(0, most, 4, (...run) => {
      runs.push(run);
      return true;
    });
    expect(runs).toEqual([
      [0, 1, 3],
      [1, 2 ** 52, 0],
      [2 ** 52, 2 ** 52 + 4096, 2],
      [2 ** 52 + 4096, most - 1, 0],
      [most - 1, most, 1],
    ]);
  });

  it("of ranges nested and staggered at random have the newest entry everywhere, at every moment", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 10; round++) {
        // All ends differ, half of the ranges span most of the disk, and all of it lies far out.
        const far = round % 2 === 0 ? 0 : 2 ** 51;
        const ranges = Array.from({ length: 200 }, (_, i): [number, number] =>
          i % 2 === 0 ? [i, 2000 - 2 * i] : [random.below(2000), 1 + random.below(100)],
        );
        const intervals = await buildIntervals(
          indexOfDiscards(ranges.map(([at, length]) => [far + at, length])),
        );
        const newest = new Int32Array(2200).fill(-1);
        for (let count = 0; count <= ranges.length; count++) {
          const found = new Int32Array(2200);
          intervals.runs(far, far + 2200, count, (start, end, entry) => {
            found.fill(entry, start - far, end - far);
            return true;
          });
          expect([count, Buffer.compare(Buffer.from(found.buffer), Buffer.from(newest.buffer))]).toEqual([
            count,
            0,
          ]);
          const [at, length] = ranges[count] ?? [0, 0];
          newest.fill(count, at, at + length);
        }
      }
    });
  });

  it("that write one place thousands of times have the newest entry everywhere around it, too", async () => {
    await seeded(async (random) => {
      // Within 8 KiB: hot sectors, a sector's neighbours, ranges of all lengths, and now and then a write of the rest.
      const size = 8192;
      const shapes: readonly (() => readonly [number, number])[] = [
        () => [512, 3584],
        () => [1024 + 512 * random.below(2), 512],
        () => [random.below(size - 1), 1],
        () => [7000, 1 + random.below(1192)],
        () => [512 * random.below(8), 512 * (1 + random.below(8))],
      ];
      for (let round = 0; round < 4; round++) {
        // One shape alone for a long time, so that whole groups of a list lie elsewhere.
        const ranges = Array.from({ length: 4000 }, (_, i) => {
          const shape = i % 1000 < 900 ? shapes[(round + Math.floor(i / 1000)) % 2] : random.pick(shapes);
          return shape?.() ?? ([0, 1] as const);
        });
        const intervals = await buildIntervals(indexOfDiscards(ranges));
        const newest = new Int32Array(size).fill(-1);
        for (let count = 0; count <= ranges.length; count++) {
          if (count % 97 === 0 || count === ranges.length) {
            const from = random.below(size);
            const end = from + 1 + random.below(size - from);
            const found = new Int32Array(size);
            intervals.runs(from, end, count, (start, stop, entry) => {
              found.fill(entry, start, stop);
              return true;
            });
            expect([count, found.slice(from, end)]).toEqual([count, newest.slice(from, end)]);
          }
          const [at, length] = ranges[count] ?? [0, 0];
          newest.fill(count, at, at + length);
        }
      }
    });
  });

  it("have at most two listings of an entry in memory, however they overlap", async () => {
    // Each of 20,000 ranges overlaps most of the others, and all their ends differ.
    const count = 20_000;
    const ranges = Array.from({ length: count }, (_, i) => [i, 2 ** 30 - 2 * i] as const);
    const intervals = await buildIntervals(indexOfDiscards(ranges));
    // Two numbers of 4 bytes, and 16 bytes for 64 of them; a few more for the blocks.
    expect(intervals.memory).toBeLessThan(count * 2 * (4 + 16 / 64) + 1000);
    const found: number[] = [];
    intervals.runs(count, count + 1, count / 2, (_start, _end, entry) => found.push(entry) > 0);
    expect(found).toEqual([count / 2 - 1]);
  });

  it("can be left while they are read", async () => {
    const ranges = Array.from({ length: 100 }, (_, i): [number, number] => [i * 64, 32]);
    const job = { signal: AbortSignal.abort() };
    const error = await failureOf(buildIntervals(indexOfDiscards(ranges), job));
    expect(error.code).toBe("ECANCELED");
  });
});
