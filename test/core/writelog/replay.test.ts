// Replays into memory: they give what a replay of plain records gives, cut and without discards too; what is asked for
// and not there is an error; the verification finds every byte that is wrong.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { type ReplayFilter, replayEntries, totalsOf, verifyReplay } from "../../../core/writelog/replay.ts";
import { selectEntries } from "../../../core/writelog/replaySelect.ts";
import { indexOf } from "../../build/indexedLog.ts";
import { failureOf, filled, firstDifference } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { type GivenEntry, type MadeLog, makeLog, randomLog } from "../../build/randomLog.ts";

const sectors = 64;
const signal = new AbortController().signal;
const everything: ReplayFilter = { start: 0, end: Number.MAX_SAFE_INTEGER, discards: true };

function disk(sectorSize: number, value: number): MemoryNode {
  return new MemoryNode("disk", false, filled(sectors * sectorSize, value));
}

async function bytesOf(node: MemoryNode): Promise<Uint8Array> {
  const bytes = new Uint8Array(node.size);
  await node.read(0, bytes);
  return bytes;
}

/** Byte by byte. */
function model(log: MadeLog, first: number, end: number, filter: ReplayFilter, value: number): Uint8Array {
  const bytes = filled(sectors * log.sectorSize, value);
  for (const { sector, sectorCount, flags, payload } of log.entries.slice(first, end)) {
    const isDiscard = Math.floor(flags / 4) % 2 === 1;
    if (Math.floor(flags / 8) % 2 === 1 || (isDiscard && !filter.discards)) continue;
    for (let i = 0; i < sectorCount * log.sectorSize; i++) {
      const at = sector * log.sectorSize + i;
      if (at >= filter.start && at < filter.end) bytes[at] = isDiscard ? 0 : (payload[i] as number);
    }
  }
  return bytes;
}

describe("a replay", () => {
  it.each([64, 512, 4096])("gives what plain records give, in sectors of %i", async (sectorSize) => {
    await seeded(async (random) => {
      const log = randomLog(random, sectorSize, sectors, 80);
      const { index, node } = await indexOf(log);
      for (let round = 0; round < 20; round++) {
        const first = random.below(81);
        const end = first + random.below(81 - first);
        const start = round < 5 ? 0 : sectorSize * random.below(sectors);
        const filter = {
          start,
          end: round < 5 ? Number.MAX_SAFE_INTEGER : start + sectorSize * random.below(20),
          discards: random.below(2) === 0,
        };
        const target = disk(sectorSize, 0x77);
        await replayEntries(index, node, target, [first, end], filter, { signal });
        const found = await bytesOf(target);
        expect(firstDifference(found, model(log, first, end, filter, 0x77))).toBeUndefined();
        const verified = () => verifyReplay(index, node, target, [first, end], filter, { signal });
        expect(await verified()).toBeUndefined();
        expect(totalsOf(index, first, end, filter).entries).toBe(end - first);
      }
    });
  });

  it("that went wrong in one byte is found by the verification, with the entry that wrote it", async () => {
    // Entry 2 wrote sectors 5 and 6 last; entry 1 wrote 4.
    const writes: GivenEntry[] = [3, 4, 5].map((sector) => ({ sector, payload: filled(1024, sector) }));
    const { index, node } = await indexOf(makeLog(512, writes));
    const target = disk(512, 0);
    await replayEntries(index, node, target, [0, 3], everything, { signal });
    const verified = () => verifyReplay(index, node, target, [0, 3], everything, { signal });
    expect(await verified()).toBeUndefined();
    await target.write(6 * 512 + 100, Uint8Array.of(0));
    expect(await verified()).toEqual({ offset: 6 * 512 + 100, entry: 2 });
    await target.write(4 * 512, Uint8Array.of(9));
    expect(await verified()).toEqual({ offset: 4 * 512, entry: 1 });
  });

  it("applies an entry whose data are longer than any buffer, and discards of any length", async () => {
    const long = filled(5 * 1024 * 1024, 0);
    long[0] = 1;
    long[long.length - 1] = 2;
    const log = makeLog(512, [
      { sector: 0, payload: filled(6 * 1024 * 1024, 9) },
      { sector: 1, payload: long },
      { flags: 4, sector: 11_000, sectorCount: 2 ** 32 },
    ]);
    const { index, node } = await indexOf(log);
    const target = new MemoryNode("disk", false, new Uint8Array(6 * 1024 * 1024));
    const filter = { ...everything, end: 6 * 1024 * 1024 };
    await replayEntries(index, node, target, [0, 3], filter, { signal });
    const expected = filled(6 * 1024 * 1024, 9);
    expected.set(long, 512);
    expected.fill(0, 11_000 * 512);
    expect(firstDifference(await bytesOf(target), expected)).toBeUndefined();
  });
});

/** The disk with writes that are watched or fail. */
function writing(inner: MemoryNode, before: (offset: number, length: number) => void): BlockNode {
  const write = async (offset: number, bytes: Uint8Array) => {
    before(offset, bytes.length);
    await inner.write(offset, bytes);
  };
  return Object.create(inner, { size: { value: inner.size }, write: { value: write } }) as BlockNode;
}

describe("small writes of a replay", () => {
  it("that touch are written together, the later entry's bytes over the earlier's, and nothing between those that don't", async () => {
    const at = (sector: number, value: number): GivenEntry => ({ sector, payload: filled(1024, value) });
    // Sectors 0 and 1, 2 and 3, a flush, 4 and 5; 20 and 21, then 19 and 20 over the first of them; 40 and 41 alone.
    const { index, node } = await indexOf(
      makeLog(512, [at(0, 1), at(2, 2), { flags: 1 }, at(4, 3), at(20, 4), at(40, 5), at(19, 6)]),
    );
    const target = disk(512, 0x77);
    const put: (readonly [number, number])[] = [];
    const watched = writing(target, (offset, length) => put.push([offset / 512, length / 512]));
    await replayEntries(index, node, watched, [0, 7], everything, { signal });
    // The first entry's data are read alone: what follows close is known with the second.
    const sectorsPut = put.toSorted(([a], [b]) => a - b);
    expect(sectorsPut).toEqual([
      [0, 2],
      [2, 4],
      [19, 3],
      [40, 2],
    ]);
    const expected = filled(sectors * 512, 0x77);
    for (const [first, end, value] of [
      [0, 2, 1],
      [2, 4, 2],
      [4, 6, 3],
      [21, 22, 4],
      [40, 42, 5],
      [19, 21, 6],
    ] as const) {
      expected.fill(value, first * 512, end * 512);
    }
    expect(firstDifference(await bytesOf(target), expected)).toBeUndefined();
  });

  it("come before a discard of what they wrote, and after one before them", async () => {
    const { index, node } = await indexOf(
      makeLog(512, [
        ...[1, 2, 3, 4].map((sector) => ({ sector, payload: filled(512, sector) })),
        { flags: 4, sector: 2, sectorCount: 2 },
        { sector: 3, payload: filled(512, 9) },
      ]),
    );
    const target = disk(512, 0x77);
    await replayEntries(index, node, target, [0, 6], everything, { signal });
    const bytes = await bytesOf(target);
    expect([0, 1, 2, 3, 4, 5].map((sector) => bytes[sector * 512])).toEqual([0x77, 1, 0, 9, 4, 0x77]);
  });

  it("that can't be written are named by their entry, and all before it are there", async () => {
    const { index, node } = await indexOf(
      makeLog(
        512,
        Array.from({ length: 20 }, (_, n) => ({ sector: n, payload: filled(512, n + 1) })),
      ),
    );
    const target = disk(512, 0);
    const failing = writing(target, (offset, length) => {
      if (offset <= 13 * 512 && offset + length > 13 * 512) throw new Error("no space");
    });
    const error = await failureOf(replayEntries(index, node, failing, [0, 20], everything, { signal }));
    expect(error.message).toBe("Entry 13 could not be applied: no space");
    const bytes = await bytesOf(target);
    expect(Array.from({ length: 13 }, (_, n) => bytes[n * 512])).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    ]);
  });

  it("are there when what fails behind them is no small write: a discard, or zeroes that become a hole", async () => {
    const small = [0, 1, 2].map((sector): GivenEntry => ({ sector, payload: filled(512, 5) }));
    for (const failing of [
      { flags: 4, sector: 32, sectorCount: 8 },
      { sector: 32, payload: new Uint8Array(4096) },
    ]) {
      const { index, node } = await indexOf(
        makeLog(512, [...small, failing, { sector: 3, payload: filled(512, 6) }]),
      );
      const target = disk(512, 0x77);
      const writeZeroes = () => Promise.reject(new Error("no space"));
      const full = Object.create(
        writing(target, () => undefined),
        {
          writeZeroes: { value: writeZeroes },
        },
      ) as BlockNode;
      const error = await failureOf(replayEntries(index, node, full, [0, 5], everything, { signal }));
      expect(error.message).toBe("Entry 3 could not be applied: no space");
      const bytes = await bytesOf(target);
      expect([0, 1, 2].map((sector) => bytes[sector * 512])).toEqual([5, 5, 5]);
    }
  });

  it("are named when they fail as what is behind them fails", async () => {
    const { index, node } = await indexOf(
      makeLog(512, [
        ...[0, 1, 2].map((sector): GivenEntry => ({ sector, payload: filled(512, 5) })),
        { flags: 4, sector: 32, sectorCount: 8 },
      ]),
    );
    const target = disk(512, 0x77);
    const failing = writing(target, (offset, length) => {
      if (offset <= 512 && offset + length > 512) throw new Error("no space");
    });
    const writeZeroes = () => Promise.reject(new Error("no space either"));
    const full = Object.create(failing, { writeZeroes: { value: writeZeroes } }) as BlockNode;
    const error = await failureOf(replayEntries(index, node, full, [0, 4], everything, { signal }));
    expect(error.message).toBe("Entry 1 could not be applied: no space");
    expect((await bytesOf(target))[0]).toBe(5);
  });

  it("are there up to the entry that a stop names", async () => {
    const entries = Array.from({ length: 200_000 }, (_, n) => ({
      sector: n % 2000,
      payload: filled(32, 1 + (n % 255)),
    }));
    const log = makeLog(32, entries);
    const { index, node } = await indexOf(log);
    const target = new MemoryNode("disk", false, new Uint8Array(2000 * 32));
    const stop = new AbortController();
    // Every look at the clock takes longer than a turn.
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 30));
    onTestFinished(() => clock.mockRestore());
    const error = await failureOf(
      replayEntries(index, node, target, [0, 200_000], everything, {
        signal: stop.signal,
        progress: (done) => {
          if (done > 5000) stop.abort();
        },
      }),
    );
    expect(error.code).toBe("ECANCELED");
    const last = Number(/after entry ([0-9]+)$/.exec(error.message)?.[1]);
    const bytes = await bytesOf(target);
    // The value of sector s is that of the last entry up to `last` with s = n mod 2000.
    const wrong = Array.from({ length: 2000 }, (_, s) => {
      const writer = last - ((((last - s) % 2000) + 2000) % 2000);
      return bytes[s * 32] === (writer < 0 ? 0 : 1 + (writer % 255)) ? [] : [s];
    }).flat();
    expect([last, wrong]).toEqual([last, []]);
  });

  it("are read many at once, and those around a bad sector alone", async () => {
    const entries = Array.from({ length: 1000 }, (_, n) => ({ sector: n, payload: filled(512, n % 251) }));
    const log = makeLog(512, entries);
    const { index, node } = await indexOf(log);
    const target = new MemoryNode("disk", false, new Uint8Array(1000 * 512));
    let reads = 0;
    // A header in the middle, which a replay does not need.
    const bad = index.headerOf(500);
    const read = async (offset: number, bytes: Uint8Array) => {
      reads++;
      if (offset <= bad && offset + bytes.length > bad) throw new Error("bad sector");
      await node.read(offset, bytes);
    };
    const flawed = Object.create(node, {
      size: { value: node.size },
      read: { value: read },
    }) as BlockNode;
    await replayEntries(index, flawed, target, [0, 1000], everything, { signal });
    const bytes = await bytesOf(target);
    expect(entries.findIndex(({ payload }, n) => bytes[n * 512] !== payload[0])).toBe(-1);
    // 1 MB of log; the pieces before the bad sector are read anew, one entry alone, until they end before it.
    expect(reads).toBeLessThan(200);
  });
});

const marked = makeLog(512, [
  { sector: 1, payload: filled(512, 1) },
  { flags: 8, text: "mkfs" },
  { flags: 1 },
  { sector: 2, payload: filled(512, 2), flags: 2 },
  { flags: 8, text: "x.mark10" },
  { flags: 8, text: "x.mark1" },
  { flags: 1 },
  { flags: 8, text: "mkfs" },
  { sector: 3, payload: filled(512, 3) },
]);

describe("the stretch of a replay", () => {
  it("is what its limits say, and of several ends the first counts", async () => {
    const { index, node } = await indexOf(marked);
    const cases = [
      [{}, 0, 9],
      [{ limit: 1 }, 0, 1],
      [{ startEntry: 3, limit: 2 }, 3, 5],
      [{ startEntry: 3, endEntry: 4, limit: 2 }, 3, 4],
      [{ startMark: "mkfs" }, 2, 9],
      [{ endMark: "mkfs" }, 0, 2],
      // Behind the start: the second one.
      [{ startMark: "mkfs", endMark: "mkfs" }, 2, 8],
      // The whole text: x.mark10 is another mark.
      [{ endMark: "x.mark1" }, 0, 6],
      [{ nextFlush: true }, 0, 3],
      [{ startEntry: 3, nextFlush: true }, 3, 7],
      [{ nextFua: true }, 0, 4],
      [{ nextFlush: true, nextFua: true }, 0, 3],
      [{ endMark: "x.mark1", nextFlush: true }, 0, 3],
      [{ startEntry: 9 }, 9, 9],
    ] as const;
    for (const [selection, first, end] of cases) {
      expect([selection, await selectEntries(index, node, selection)]).toMatchObject([
        selection,
        { first, end },
      ]);
    }
    const { notes } = await selectEntries(index, node, { endMark: "mkfs" });
    expect(notes).toEqual(["The mark 'mkfs' is there 2 times (entries 1, 7): entry 1 is taken"]);
  });

  it("is refused where it can't be", async () => {
    const { index, node } = await indexOf(marked);
    const cases = [
      [{ startEntry: 10 }, "EINVAL", "The log has 9 entries; 10 of them can't be left out"],
      [{ endEntry: 10 }, "EINVAL", "can't end before entry 10 of 9"],
      [{ startEntry: 4, endEntry: 3 }, "EINVAL", "from entry 4 on can't end before entry 3"],
      [{ limit: 0 }, "EINVAL", "A limit is 1 entry at least"],
      [{ startMark: "mkfs", startEntry: 1 }, "EINVAL", "an entry or a mark, not both"],
      [{ startMark: "nosuch" }, "ENOENT", "The log has no mark 'nosuch'"],
      [{ endMark: "x.mark" }, "ENOENT", "The log has no mark 'x.mark'"],
      [{ startEntry: 8, endMark: "mkfs" }, "ENOENT", "no mark 'mkfs' from entry 8 on"],
      [{ startEntry: 7, nextFlush: true }, "ENOENT", "No entry from 7 on has the flag FLUSH"],
      [{ startEntry: 4, nextFua: true }, "ENOENT", "No entry from 4 on has the flag FUA"],
    ] as const;
    for (const [selection, code, message] of cases) {
      const failure = await failureOf(selectEntries(index, node, selection));
      expect([selection, failure.code, failure.message]).toEqual([
        selection,
        code,
        expect.stringContaining(message),
      ]);
    }
  });

  it("goes behind the superblock's count when that is asked for, and not otherwise", async () => {
    const bytes = Buffer.from(marked.bytes);
    bytes.writeBigUInt64LE(4n, 16);
    const { index, node } = await indexOf({ ...marked, bytes });
    expect(await selectEntries(index, node, {})).toMatchObject({ first: 0, end: 4 });
    expect(await selectEntries(index, node, { tail: true })).toMatchObject({ first: 0, end: 9 });
    expect((await failureOf(selectEntries(index, node, { endMark: "x.mark1" }))).code).toBe("ENOENT");
  });

  it("is bounded by an end that is there, and not by a limit that the log does not reach", async () => {
    const { index, node } = await indexOf(marked);
    const cases = [
      [{}, 9, false],
      [{ limit: 9 }, 9, true],
      [{ limit: 10 }, 9, false],
      [{ startEntry: 3, limit: 6 }, 9, true],
      [{ startEntry: 3, limit: 7 }, 9, false],
      [{ startEntry: 3, limit: 7, endEntry: 9 }, 9, true],
      [{ limit: 100, nextFlush: true }, 3, true],
    ] as const;
    for (const [selection, end, isBounded] of cases) {
      const stretch = await selectEntries(index, node, selection);
      expect([selection, stretch]).toMatchObject([selection, { end, isBounded, notes: [] }]);
    }
    // 4 of the 9 are counted: a limit within them, and one behind.
    const bytes = Buffer.from(marked.bytes);
    bytes.writeBigUInt64LE(4n, 16);
    const four = await indexOf({ ...marked, bytes });
    const notesOf = async (limit: number) => (await selectEntries(four.index, four.node, { limit })).notes;
    expect(await notesOf(4)).toEqual([]);
    expect(await notesOf(5)).toEqual([
      "5 entries behind the superblock's count of 4 are left out; --tail takes them",
    ]);
  });
});
