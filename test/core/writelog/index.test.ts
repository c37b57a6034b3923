// What the reader makes of sound logs, and of every way in which a log can end. Logs are laid out by makeLog from the
// description of the format; expected positions are worked out by hand beside them.
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { readMark } from "../../../core/writelog/entry.ts";
import { extendIndex, indexLog } from "../../../core/writelog/index.ts";
import type { LogIndex } from "../../../core/writelog/logIndex.ts";
import type { IndexJob } from "../../../core/writelog/walk.ts";
import { readLog } from "../../build/logReader.ts";
import { failureOf, filled } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { type GivenEntry, makeLog, randomLog } from "../../build/randomLog.ts";

function nodeOf(bytes: Uint8Array): BlockNode {
  return new MemoryNode("log", true, bytes);
}

function indexBytes(bytes: Uint8Array, job?: IndexJob): Promise<LogIndex> {
  return indexLog(nodeOf(bytes), job);
}

/** The node with reads that are watched or fail. */
function reading(inner: BlockNode, read: BlockNode["read"]): BlockNode {
  return Object.create(inner, { size: { value: inner.size }, read: { value: read } }) as BlockNode;
}

/** A copy with 64-bit numbers put in its place. */
function patched(bytes: Uint8Array, ...changes: (readonly [at: number, value: bigint])[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (const [at, value] of changes) new DataView(copy.buffer).setBigUint64(at, value, true);
  return copy;
}

const stated = 16;

/** Every row, as the tests' own reader has it. */
function rows(index: LogIndex): object[] {
  return Array.from({ length: index.count }, (_, entry) => ({
    offset: index.offsetOf(entry),
    length: index.lengthOf(entry),
    flags: index.flagsOf(entry),
    payload: index.payloadLength(entry),
  }));
}

const write = (sector: number, sectors: number, flags = 0): GivenEntry => ({
  sector,
  flags,
  payload: filled(sectors * 512, 7),
});

describe("an index of a log", () => {
  it("knows where on the disk and in the log each kind of entry is", async () => {
    const log = makeLog(512, [
      write(8, 2),
      { flags: 1 },
      { flags: 4, sector: 100, sectorCount: 50 },
      { flags: 8, text: "mkfs done" },
      write(3, 1, 1 + 2 + 16),
      { sector: 9 },
    ]);
    const index = await indexBytes(log.bytes);
    // Superblock at 0; headers at 512; 512+512+1024 = 2048; 2560; 3072; 3584; 3584+512+512 = 4608.
    expect(Array.from({ length: 6 }, (_, entry) => index.headerOf(entry))).toEqual([
      512, 2048, 2560, 3072, 3584, 4608,
    ]);
    expect(rows(index)).toEqual([
      { offset: 4096, length: 1024, flags: 0, payload: 1024 },
      { offset: 0, length: 0, flags: 1, payload: 0 },
      { offset: 51_200, length: 25_600, flags: 4, payload: 0 },
      { offset: 0, length: 0, flags: 8, payload: 9 },
      { offset: 1536, length: 512, flags: 19, payload: 512 },
      { offset: 4608, length: 0, flags: 0, payload: 0 },
    ]);
    expect(Array.from({ length: 6 }, (_, entry) => index.kindOf(entry))).toEqual([
      "write",
      "flush",
      "discard",
      "mark",
      "write",
      "empty",
    ]);
    expect([index.payloadOf(0), index.payloadOf(3), index.payloadOf(4)]).toEqual([1024, 3104, 4096]);
    expect(await readMark(nodeOf(log.bytes), index, 3)).toBe("mkfs done");
    expect(index.end).toMatchObject({ kind: "complete", entry: 6, offset: 5120 });
    expect(index.superblock).toEqual({ magicOk: true, version: 1, entries: 6, sectorSize: 512 });
    expect([[...index.flushes], [...index.fuas], [...index.marks]]).toEqual([[1, 4], [4], [3]]);
    expect(index.diskEnd).toBe(51_200 + 25_600);
    expect(index.totals).toEqual({
      writes: 2,
      writeBytes: 1536,
      discards: 1,
      discardBytes: 25_600,
      flushes: 2,
      fua: 1,
      metadata: 1,
      marks: 1,
      empty: 1,
      unknownFlags: 0,
    });
  });

  it.each([32, 512, 4096, 65_536])(
    "of random entries in sectors of %i bytes is what a plain reader finds",
    (size) =>
      seeded(async (random) => {
        // Marks don't fit into sectors of 32 bytes.
        const all = randomLog(random, Math.max(size, 512), 2000, size > 4096 ? 30 : 300).entries;
        const entries = all
          .filter(({ flags }) => size > 32 || flags !== 8)
          .map(({ sectorCount, ...entry }) => (entry.payload.length > 0 ? entry : { ...entry, sectorCount }));
        const log = makeLog(size, entries);
        const index = await indexBytes(log.bytes);
        expect(index.end).toMatchObject({
          kind: "complete",
          entry: entries.length,
          offset: log.bytes.length,
        });
        expect(rows(index)).toEqual(
          readLog(log.bytes).entries.map(({ sector, sectorCount, flags, text, payload }) => ({
            offset: sector * size,
            length: sectorCount * size,
            flags,
            payload: flags === 8 ? Buffer.byteLength(text) : payload.length,
          })),
        );
        const having = (flag: number) =>
          log.entries.flatMap(({ flags }, entry) => (Math.floor(flags / flag) % 2 === 1 ? [entry] : []));
        expect([...index.flushes]).toEqual(having(1));
        expect([...index.fuas]).toEqual(having(2));
        expect([...index.marks]).toEqual(having(8));
        const covers = log.entries.filter(({ flags, sectorCount }) => flags !== 8 && sectorCount > 0);
        const writes = covers.filter(({ flags }) => Math.floor(flags / 4) % 2 === 0);
        const sectors = (list: typeof covers) => list.reduce((sum, { sectorCount }) => sum + sectorCount, 0);
        expect(index.totals).toMatchObject({
          writes: writes.length,
          writeBytes: sectors(writes) * size,
          discards: covers.length - writes.length,
          discardBytes: (sectors(covers) - sectors(writes)) * size,
        });
        const ends = covers.map(({ sector, sectorCount }) => (sector + sectorCount) * size);
        expect(index.diskEnd).toBe(Math.max(0, ...ends));
      }),
  );

  it("spans chunks and finds the flush, mark and FUA write next to any entry", async () => {
    // 70,000 entries: more than a chunk of rows. Every 7th is a flush.
    const log = makeLog(
      32,
      Array.from({ length: 70_000 }, (_, entry) => (entry % 7 === 0 ? { flags: 1 } : { sector: entry })),
    );
    const index = await indexBytes(log.bytes);
    expect(index.count).toBe(70_000);
    expect([index.offsetOf(65_535), index.offsetOf(65_536), index.offsetOf(69_993)]).toEqual([
      65_535 * 32,
      65_536 * 32,
      0,
    ]);
    expect(index.flushes.length).toBe(10_000);
    expect([index.flushes.atOrAfter(65_530), index.flushes.atOrBefore(65_530)]).toEqual([65_534, 65_527]);
    expect([index.flushes.atOrAfter(70_000), index.flushes.atOrBefore(-1)]).toEqual([undefined, undefined]);
    expect(index.flushes.positionOf(14)).toBe(2);
  });

  it("takes marks that fill their sector, repeat, or are no UTF-8", async () => {
    const long = "x".repeat(480);
    const log = makeLog(512, [
      { flags: 8, text: long },
      { flags: 8, text: "a" },
      { flags: 8, text: "a" },
      { flags: 8 },
    ]);
    log.bytes[1024 + 32] = 0xff;
    const [node, index] = [nodeOf(log.bytes), await indexBytes(log.bytes)];
    expect(index.marks.length).toBe(4);
    const texts = await Promise.all([0, 1, 2, 3].map((entry) => readMark(node, index, entry)));
    expect(texts).toEqual([long, "\ufffd", "a", ""]);
  });

  it("takes a mark with other flags or with sectors of its own for a mark, and its data for nobody's", async () => {
    const log = makeLog(512, [write(0, 1), { ...write(9, 2), flags: 8 + 1, text: "hi" }, write(5, 1)]);
    const [node, index] = [nodeOf(log.bytes), await indexBytes(log.bytes)];
    // Superblock, 512 of a header and 512 of data; then a header and 1024 of data that are no write's.
    expect([index.count, index.kindOf(1), index.headerOf(2)]).toEqual([3, "mark", 512 + 1024 + 512 + 1024]);
    expect(await readMark(node, index, 1)).toBe("hi");
    expect([[...index.marks], [...index.flushes]]).toEqual([[1], [1]]);
    // Sectors 9 and 10 are not written: the disk ends with sector 5.
    expect([index.totals.writes, index.totals.writeBytes, index.diskEnd]).toEqual([2, 1024, 6 * 512]);
  });

  it.each([
    ["writes", { sector: 3 }],
    ["flushes with FUA", { flags: 3 }],
    ["marks", { flags: 8 }],
  ])("has 40 bytes an entry at most, also of nothing but %s", async (_, entry: GivenEntry) => {
    // Whole chunks of rows: what the last one has to spare does not grow with the log.
    const count = 65_536 * 2;
    const log = makeLog(
      32,
      Array.from({ length: count }, () => entry),
    );
    const index = await indexBytes(log.bytes);
    expect(index.count).toBe(count);
    const { chunks, flushes, fuas, marks, textLengths } = index.share();
    const rowBytes = chunks
      .flatMap((chunk) => Object.values(chunk))
      .reduce((sum, { byteLength }) => sum + byteLength, 0);
    const lists = [flushes, fuas, marks, textLengths].flatMap((list) => list.chunks);
    const bytes = rowBytes + lists.reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(bytes).toBeGreaterThanOrEqual(25 * count);
    expect(bytes).toBeLessThanOrEqual(40 * count);
  });

  it("says of an entry it does not have that it does not", async () => {
    const index = await indexBytes(makeLog(512, [{ flags: 1 }]).bytes);
    for (const entry of [-1, 1, 0.5, Number.NaN]) {
      expect(() => index.offsetOf(entry)).toThrow(`The log has no entry ${entry}; it has 1`);
    }
  });
});

describe("a file that is no log", () => {
  const sound = makeLog(512, [{ flags: 1 }]).bytes;
  const cases: readonly (readonly [name: string, bytes: Uint8Array, message: RegExp])[] = [
    ["is empty", new Uint8Array(0), /is empty/],
    ["has no superblock yet", patched(new Uint8Array(2048), [512 + 16, 1n]), /no superblock yet/],
    ["begins otherwise", filled(1024, 0x51), /no log of writes/],
    ["is shorter than a magic", filled(5, 0x72), /no log of writes/],
    ["ends in its superblock", sound.slice(0, 27), /has 27 bytes of 28/],
    ["is of version 2", patched(sound, [8, 2n]), /version 2/],
    ["is of a version beyond 2^53", patched(sound, [8, 2n ** 63n]), /version beyond/],
    ...[0, 16, 511, 513, 0xffffffff, 16 * 1024 * 1024].map(
      (size) =>
        [
          `has sectors of ${size}`,
          patched(sound, [24, BigInt(size)]),
          new RegExp(`sector size is ${size};`),
        ] as const,
    ),
  ];
  it.each(cases)("that %s has an index without entries that says so", async (_, bytes, message) => {
    const index = await indexBytes(bytes);
    expect(index.count).toBe(0);
    expect(index.end).toMatchObject({ kind: "foreign", entry: 0, offset: 0 });
    expect(index.end.message).toMatch(message);
  });
});

describe("a log that is not whole", () => {
  // Headers at 512, 2048, 2560; ends at 4096.
  const three = makeLog(512, [write(0, 2), { flags: 8, text: "mark" }, write(9, 2)]).bytes;

  it("keeps every entry before a tail torn at any byte", async () => {
    for (let size = 28; size < three.length; size++) {
      const index = await indexBytes(three.slice(0, size));
      // A write is whole with its data, a mark with its text, which ends at 2048 + 32 + 4.
      const whole = size >= 2084 ? 2 : size >= 2048 ? 1 : 0;
      expect([size, index.count, index.end.kind]).toEqual([size, whole, "torn"]);
    }
    expect((await indexBytes(three)).end.kind).toBe("complete");
  });

  it("says what a torn entry lacks", async () => {
    const index = await indexBytes(three.slice(0, 4000));
    expect(index.end).toEqual({
      kind: "torn",
      entry: 2,
      offset: 2560,
      message: "Entry 2 is cut off: its 1024 bytes of data would end at 0x1000; the log ends at 0xfa0",
    });
  });

  it.each([
    [4n, 4],
    [1_000_000n, 1_000_000],
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [2n ** 64n - 1n, undefined],
  ])("whose superblock counts %i entries keeps both counts", async (count, counted) => {
    const index = await indexBytes(patched(three, [stated, count]));
    expect([index.count, index.superblock.entries]).toEqual([3, counted]);
    expect(index.end).toMatchObject({ kind: "torn", entry: 3, offset: 4096 });
    expect(index.end.message).toContain(`counts ${counted ?? "more than 2^53"} entries; 3 were found`);
  });

  it("whose superblock counts less has the others behind those", async () => {
    const index = await indexBytes(patched(three, [stated, 1n]));
    expect([index.count, index.counted, index.end.kind]).toEqual([3, 1, "complete"]);
    expect(index.end.message).toBe("3 entries: 1 that the superblock counts, 2 behind them");
  });

  it("ends at blank space behind its count, not before", async () => {
    // Three writes of nothing, all-zero headers, then a flush; blank space behind.
    const blank = Buffer.concat([makeLog(512, [{}, {}, {}, { flags: 1 }]).bytes, new Uint8Array(5000)]);
    const whole = await indexBytes(blank);
    expect([whole.count, whole.totals.empty, whole.end.kind]).toEqual([4, 3, "complete"]);
    const few = await indexBytes(patched(blank, [stated, 2n]));
    expect([few.count, few.end.kind]).toEqual([2, "complete"]);
  });

  it("does not take blank space for as many entries as a superblock may claim", async () => {
    // 100 KiB have room for 200 headers: 201 can't be, and writes of nothing are believed to no one.
    const bytes = new Uint8Array(100 * 1024);
    bytes.set(patched(three, [stated, 201n]));
    const index = await indexBytes(bytes);
    expect([index.count, index.end.kind]).toEqual([3, "torn"]);
  });

  it("shows stale bytes behind its end as no entries, and older entries as not counted", async () => {
    const older = makeLog(512, [write(1, 1), write(2, 4), write(3, 1), { flags: 1 }]).bytes;
    // A newer log of one write of 1 sector: the older second header, at 1536, follows right behind.
    const reused = Buffer.from(older);
    reused.set(makeLog(512, [write(50, 1)]).bytes);
    const index = await indexBytes(reused);
    expect([index.count, index.counted, index.end.kind]).toEqual([4, 1, "complete"]);
    // One of 2 sectors: the header would be within older data.
    reused.set(makeLog(512, [write(50, 2)]).bytes);
    expect(await indexBytes(reused)).toMatchObject({ count: 1, end: { kind: "complete", offset: 2048 } });
  });
});

describe("a damaged entry", () => {
  const log = makeLog(512, [write(0, 2), write(5, 1), { flags: 1 }]).bytes;
  const at = 2048;
  const cases: readonly (readonly [name: string, changes: (readonly [number, bigint])[], message: RegExp])[] =
    [
      ["2^40 sectors of data", [[at + 8, 2n ** 40n]], /data would end at 0x2000000000a00/],
      ["a length that wraps to 0 in 64 bits", [[at + 8, 2n ** 55n]], /36028797018963968 sectors/],
      ["a length of 2^64 - 1", [[at + 8, 2n ** 64n - 1n]], /18446744073709551615 sectors/],
      ["a position of 2^63", [[at, 2n ** 63n]], /at sector 9223372036854775808/],
      ["an end beyond 2^53", [[at, 2n ** 44n - 1n]], /about 1 sector at sector 17592186044415/],
      ["flags beyond 8 bits", [[at + 16, 0x100n]], /its flags are 0x100;/],
      ["flags in the upper half", [[at + 16, 2n ** 32n]], /its flags are 0x100000000;/],
      ["more data of its own than data", [[at + 24, 513n]], /states 513 bytes of its own and has 512/],
      ["a huge length of its own", [[at + 24, 2n ** 63n]], /bytes of its own/],
      ["something behind its fields", [[at + 32, 1n << 56n]], /the rest of its sector is not zero/],
      [
        "a mark longer than its sector",
        [
          [at + 16, 8n],
          [at + 24, 481n],
        ],
        /a mark of 481 bytes; a sector has room for 480/,
      ],
      [
        "a mark of 2^64 - 1 bytes",
        [
          [at + 16, 8n],
          [at + 24, 2n ** 64n - 1n],
        ],
        /mark of/,
      ],
    ];
  it.each(cases)("with %s is the wall", async (_, changes, message) => {
    const index = await indexBytes(patched(log, ...changes));
    expect(index.end).toMatchObject({ kind: "bad-entry", entry: 1, offset: at });
    expect(index.end.message).toMatch(message);
    expect(rows(index)).toEqual([{ offset: 0, length: 1024, flags: 0, payload: 1024 }]);
    // Behind the count it is what was there before.
    const behind = await indexBytes(patched(log, [stated, 1n], ...changes));
    expect([behind.count, behind.end.kind]).toEqual([1, "complete"]);
  });

  it("with a flag that is not defined is read without it where it is counted", async () => {
    const odd = patched(log, [at + 16, 0x22n]);
    const index = await indexBytes(odd);
    expect([index.count, index.flagsOf(1), index.totals.unknownFlags]).toEqual([3, 2, 1]);
    expect((await indexBytes(patched(odd, [stated, 1n]))).count).toBe(1);
  });

  it("that can't be read is the wall, and no bad sector in data is one", async () => {
    const inner = nodeOf(Buffer.concat([log, new Uint8Array(512)]));
    const failing = (from: number, to: number): BlockNode =>
      reading(inner, async (offset: number, target: Uint8Array) => {
        if (offset < to && offset + target.length > from) throw new Error("Input/output error");
        await inner.read(offset, target);
      });
    expect((await indexLog(failing(1024, 2048))).end.kind).toBe("complete");
    const index = await indexLog(failing(2048, 2560));
    expect(index.end).toEqual({
      kind: "unreadable",
      entry: 1,
      offset: 2048,
      message: "Entry 1 can't be read: Input/output error",
    });
  });

  it("of an older DAX kernel, with data of an exact length, is a write like any", async () => {
    const index = await indexBytes(patched(log, [at + 24, 100n]));
    expect([index.count, index.payloadLength(1)]).toEqual([3, 512]);
  });

  it("anywhere never throws, and what is before it is as it was", () =>
    seeded(async (random) => {
      const made = randomLog(random, 512, 500, 60);
      const sound = rows(await indexBytes(made.bytes));
      for (let round = 0; round < 300; round++) {
        const hurt = Uint8Array.from(made.bytes);
        const hit = random.below(hurt.length - 8);
        hurt.set(random.bytes(1 + random.below(8)), hit);
        const node = nodeOf(hurt);
        const index = await indexLog(node);
        const before = sound.filter((_, entry) => entry < index.count && index.headerOf(entry) + 512 <= hit);
        expect(rows(index).slice(0, before.length)).toEqual(before);
        expect(index.end.offset).toBeLessThanOrEqual(hurt.length + 512);
      }
    }));
});

describe("a growing log", () => {
  const entries = [write(0, 2), { flags: 1 }, { flags: 8, text: "m" }, write(9, 3, 2), { flags: 1 }];

  it("is read on from where the superblock's count ended, at any step of any writer", () =>
    seeded(async (random) => {
      const { entries: all } = randomLog(random, 512, 500, 80);
      const whole = makeLog(512, all);
      const sound = await indexBytes(whole.bytes);
      let index = await indexBytes(makeLog(512, []).bytes, { growing: true });
      for (let written = 0; written < all.length; ) {
        written = Math.min(all.length, written + 1 + random.below(9));
        // What the writer has not counted yet, and half of the entry after it.
        const count = written - random.below(3);
        const size = Math.min(whole.bytes.length, sound.headerOf(written - 1) + 512 + random.below(2000));
        const now = patched(whole.bytes.slice(0, size), [stated, BigInt(Math.max(index.counted, count))]);
        await extendIndex(nodeOf(now), index, { growing: random.below(2) === 0 });
        expect(index.counted).toBeLessThanOrEqual(index.count);
        expect(rows(index)).toEqual(rows(sound).slice(0, index.count));
      }
      await extendIndex(nodeOf(whole.bytes), index);
      expect(rows(index)).toEqual(rows(sound));
      expect(index.totals).toEqual(sound.totals);
      expect([[...index.flushes], [...index.marks], index.diskEnd]).toEqual([
        [...sound.flushes],
        [...sound.marks],
        sound.diskEnd,
      ]);
      index = await indexBytes(whole.bytes, { growing: true });
      expect(index.end).toMatchObject({
        kind: "growing",
        message: "80 entries so far: the log is being written",
      });
    }));

  it("forgets entries that were not counted and have become others", async () => {
    const old = patched(makeLog(512, entries).bytes, [stated, 1n]);
    const index = await indexBytes(old);
    expect([index.count, index.counted]).toEqual([5, 1]);
    const now = makeLog(512, [write(0, 2), { flags: 4, sector: 3, sectorCount: 3 }]).bytes;
    expect(await extendIndex(nodeOf(now), index)).toBe(1);
    expect(rows(index).slice(1)).toEqual([{ offset: 1536, length: 1536, flags: 4, payload: 0 }]);
    expect([[...index.flushes], [...index.marks], [...index.fuas]]).toEqual([[], [], []]);
    expect(index.diskEnd).toBe(3072);
    expect(index.totals).toMatchObject({
      writes: 1,
      writeBytes: 1024,
      discards: 1,
      flushes: 0,
      marks: 0,
      fua: 0,
    });
  });

  it("that was begun anew is told from one that goes on", async () => {
    const began = [
      makeLog(512, [write(1, 2), { flags: 1 }, ...entries]).bytes,
      makeLog(4096, entries).bytes,
      makeLog(512, entries.slice(0, 3)).bytes,
      new Uint8Array(4096),
    ];
    for (const bytes of began) {
      const index = await indexBytes(makeLog(512, entries).bytes);
      const error = await failureOf(extendIndex(nodeOf(bytes), index));
      expect(error).toMatchObject({ code: "EINVAL", message: "The log was begun anew since it was read" });
      expect(index.count).toBe(5);
    }
  });

  it("that was begun anew is told though its last entry is a flush in the same place", async () => {
    const pairs = (count: number, place: (pair: number) => number) =>
      makeLog(512, Array.from({ length: count }, (_, pair) => [write(place(pair), 8), { flags: 1 }]).flat())
        .bytes;
    // A pair takes 5,120 bytes of either log. Entry 199 is the flush that ends the old one's 100 pairs, and is it in all.
    const old = pairs(100, (pair) => 8 * pair);
    for (const began of [pairs(150, (pair) => 8000 + 8 * pair), pairs(100, (pair) => 8000 + 8 * pair)]) {
      const index = await indexBytes(old);
      expect(index.headerOf(199)).toBe(512 + 99 * 5120 + 512 + 4096);
      expect(await failureOf(extendIndex(nodeOf(began), index))).toMatchObject({ code: "EINVAL" });
      expect(index.count).toBe(200);
    }
    const index = await indexBytes(old);
    expect(await extendIndex(nodeOf(pairs(150, (pair) => 8 * pair)), index)).toBe(200);
    expect(index.count).toBe(300);
  });

  it("that was begun anew is told by flags and by the length of a mark, too", async () => {
    const last = { flags: 1 };
    const cases: readonly (readonly [GivenEntry, GivenEntry])[] = [
      [write(5, 1), write(5, 1, 2)],
      [{ flags: 1 }, { flags: 0 }],
      [
        { flags: 8, text: "mkfs" },
        { flags: 8, text: "fsync" },
      ],
    ];
    for (const [before, now] of cases) {
      const index = await indexBytes(makeLog(512, [before, last]).bytes);
      expect(await extendIndex(nodeOf(makeLog(512, [before, last, last]).bytes), index)).toBe(2);
      const again = await indexBytes(makeLog(512, [before, last]).bytes);
      const began = extendIndex(nodeOf(makeLog(512, [now, last]).bytes), again);
      expect(await failureOf(began)).toMatchObject({ code: "EINVAL" });
    }
  });

  it("that was begun anew is told by entries in its midst, of which a few are read", async () => {
    // 64 stretches of 3,200 pairs are 100 entries each: the 200 entries from 3,000 on, which differ, hold one whole.
    const logOf = (shift: number) =>
      makeLog(
        512,
        Array.from({ length: 3200 }, (_, pair) => [
          write(pair >= 1500 && pair < 1600 ? pair + shift : pair, 1),
          { flags: 1 },
        ]).flat(),
      ).bytes;
    const index = await indexBytes(logOf(0));
    const inner = nodeOf(logOf(0));
    const heads: number[] = [];
    const watched: BlockNode = reading(inner, async (offset: number, target: Uint8Array) => {
      heads.push(offset);
      await inner.read(offset, target);
    });
    expect(await extendIndex(watched, index)).toBe(6400);
    // The superblock, 16 entries at each end and 64 among all, the first of which is the first entry again.
    expect(heads).toHaveLength(1 + 16 + 16 + 64 - 1);
    expect(await failureOf(extendIndex(nodeOf(logOf(10_000)), index))).toMatchObject({ code: "EINVAL" });
  });
});

describe("reading a log", () => {
  it("takes no more entries than it may", async () => {
    const log = makeLog(512, [{ flags: 1 }, { flags: 1 }, { flags: 1 }]).bytes;
    const index = await indexBytes(log, { maxEntries: 2 });
    expect([index.count, index.end.kind, index.end.offset]).toEqual([2, "limit", 1536]);
    expect((await indexBytes(log, { maxEntries: 3 })).end.kind).toBe("complete");
  });

  it("stops when it is told to", async () => {
    const stop = new AbortController();
    // Large strides: every header is a read, and each of these takes a while.
    const inner = nodeOf(
      makeLog(
        65_536,
        Array.from({ length: 60 }, () => ({ flags: 1 })),
      ).bytes,
    );
    const slow: BlockNode = reading(inner, async (offset: number, target: Uint8Array) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await inner.read(offset, target);
    });
    const told: number[] = [];
    const indexing = indexLog(slow, {
      signal: stop.signal,
      progress: (done) => {
        told.push(done);
        stop.abort();
      },
    });
    expect(await failureOf(indexing)).toMatchObject({ code: "ECANCELED" });
    expect(told).toHaveLength(1);
  });

  it("reads the headers, not the data between them", async () => {
    const log = makeLog(
      512,
      Array.from({ length: 40 }, (_, entry) => write(entry * 200, 200)),
    ).bytes;
    const inner = nodeOf(log);
    let bytes = 0;
    const counting: BlockNode = reading(inner, async (offset: number, target: Uint8Array) => {
      bytes += target.length;
      await inner.read(offset, target);
    });
    expect((await indexLog(counting)).count).toBe(40);
    // 40 entries of 102,912 bytes: 4.1 MB. One large piece at the beginning is what a log of small entries wants.
    expect(bytes).toBeLessThan(600_000);
  });
});
