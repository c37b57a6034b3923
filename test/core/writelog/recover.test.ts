// Entries behind damage: found, said to be recovered, and never taken from data that merely resemble some.
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import type { LogIndex } from "../../../core/writelog/logIndex.ts";
import { type RecoverJob, recoverPast } from "../../../core/writelog/recover.ts";
import { failureOf, filled } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { type GivenEntry, makeLog, randomLog } from "../../build/randomLog.ts";

async function recovered(bytes: Uint8Array, job?: RecoverJob) {
  const node: BlockNode = new MemoryNode("log", true, bytes);
  const index = await indexLog(node);
  const run = await recoverPast(node, index, job);
  return { node, index, run };
}

function offsets(index: LogIndex): number[] {
  return Array.from({ length: index.count }, (_, entry) => index.offsetOf(entry));
}

const write = (sector: number, sectors: number, value = 7): GivenEntry => ({
  sector,
  payload: filled(sectors * 512, value),
});

const sound = [write(0, 2), write(5, 1), write(6, 3), { flags: 1 }, { flags: 8, text: "m" }, write(7, 1)];

describe("recovery of a log", () => {
  it("goes on behind a header that was overwritten", async () => {
    const { bytes } = makeLog(512, sound);
    // Headers at 512, 2048, 3072. The second becomes nonsense.
    bytes.fill(0xee, 2048, 2080);
    const { index, run } = await recovered(bytes);
    // 2048 to 3072: that entry's header and its one sector of data.
    expect(run).toEqual({ first: 1, count: 4, offset: 3072, skipped: 1024 });
    expect(offsets(index)).toEqual([0, 6 * 512, 0, 0, 7 * 512]);
    expect(index.recovered).toEqual([run]);
    expect([0, 1, 4].map((entry) => index.isRecovered(entry))).toEqual([false, true, true]);
    expect([index.counted, index.end.kind]).toEqual([1, "torn"]);
    expect(index.end.message).toContain("counts 6 entries; 5 were found");
    expect([[...index.flushes], [...index.marks]]).toEqual([[2], [3]]);
  });

  it("goes on behind an entry whose length leads into data, and from wall to wall", async () => {
    const { bytes } = makeLog(512, [...sound, ...sound, ...sound]);
    const headers = await indexLog(new MemoryNode("log", true, bytes));
    // The first write claims 3 sectors instead of 2: what follows is data. The 8th entry's header is destroyed.
    bytes[512 + 8] = 3;
    bytes.fill(0x11, headers.headerOf(7), headers.headerOf(7) + 32);
    const { node, index, run } = await recovered(bytes);
    expect(run).toMatchObject({ first: 1, offset: headers.headerOf(2) });
    const second = await recoverPast(node, index);
    expect(second).toMatchObject({ offset: headers.headerOf(8) });
    expect(index.recovered).toEqual([run, second]);
    expect(index.count).toBe(1 + 5 + 10);
    expect(await recoverPast(node, index)).toBeUndefined();
  });

  it("finds the last two entries of a log, not a last one alone", async () => {
    const { bytes } = makeLog(512, [write(0, 1), write(1, 1), { flags: 1 }, write(2, 2)]);
    // Headers at 512, 1536, 2560, 3072.
    const two = Uint8Array.from(bytes).fill(0xee, 1536, 1568);
    expect((await recovered(two)).run).toEqual({ first: 1, count: 2, offset: 2560, skipped: 1024 });
    const one = Uint8Array.from(bytes).fill(0xee, 2560, 2592);
    expect((await recovered(one)).run).toBeUndefined();
  });

  it("passes over bad sectors", async () => {
    const { bytes } = makeLog(512, [write(0, 1), write(1, 40), ...sound]);
    const inner = new MemoryNode("log", true, bytes);
    // The second header, at 1536, and data of it.
    const node = Object.create(inner, {
      size: { value: inner.size },
      read: {
        value: async (offset: number, target: Uint8Array) => {
          if (offset < 8192 && offset + target.length > 1536) throw new Error("bad sector");
          await inner.read(offset, target);
        },
      },
    }) as BlockNode;
    const index = await indexLog(node);
    expect(index.end.kind).toBe("unreadable");
    expect(await recoverPast(node, index)).toMatchObject({ first: 1, count: 6, offset: 1536 + 41 * 512 });
  });

  it("reads a log whose superblock was never written, of any usual sector size", async () => {
    for (const size of [512, 4096, 65_536]) {
      const { bytes } = makeLog(size, [
        { sector: 3, payload: filled(size, 1) },
        { flags: 1 },
        { flags: 1 },
        {},
        { flags: 1 },
      ]);
      bytes.fill(0, 0, size);
      const { index, run } = await recovered(bytes);
      expect(run).toEqual({ first: 0, count: index.count, offset: size, skipped: 0 });
      expect([index.sectorSize, index.offsetOf(0), index.counted]).toEqual([size, 3 * size, 0]);
    }
  });

  it("reads a log whose beginning is lost, and believes what it is told of its sectors", async () => {
    const { bytes } = makeLog(
      1024,
      [...sound, ...sound].map(({ payload, ...entry }) => ({
        ...entry,
        payload: filled(payload?.length ? 1024 : 0, 9),
      })),
    );
    bytes.fill(0xaa, 0, 3000);
    const { index, run } = await recovered(bytes, { sectorSize: 1024 });
    // Headers at 1024, 3072, ...: the second is the first that is whole.
    expect(run).toMatchObject({ offset: 3072 });
    expect([index.sectorSize, index.offsetOf(0)]).toEqual([1024, 5 * 1024]);
    const error = await failureOf(recovered(bytes, { sectorSize: 1000 }));
    expect(error).toMatchObject({ code: "EINVAL", message: "The sector size of a log can't be 1000" });
  });

  it("takes no data for entries: random ones, blank ones, small numbers, text", () =>
    seeded(async (random) => {
      const data = [
        random.bytes(40_000),
        new Uint8Array(40_000),
        Uint8Array.from({ length: 40_000 }, (_, at) => (at % 512 === 0 ? 1 + random.below(200) : 0)),
        // A number and a flag in sectors that are blank else: flushes with a position, which nobody writes.
        Uint8Array.from({ length: 40_000 }, (_, at) => (at % 512 === 0 || at % 512 === 16 ? 1 : 0)),
        Uint8Array.from(Buffer.from("drwxr-xr-x  2 root root 4096 \n".repeat(1400))),
      ];
      for (const noise of data) {
        const bytes = Buffer.concat([makeLog(512, [write(0, 1)]).bytes, filled(512, 0xee), noise]);
        // The superblock counts more than is there.
        bytes.writeBigUInt64LE(9n, 16);
        expect((await recovered(bytes)).run).toBeUndefined();
      }
    }));

  it("does nothing where nothing is missing", async () => {
    for (const bytes of [
      makeLog(512, sound).bytes,
      Buffer.concat([makeLog(512, sound).bytes, filled(9000, 3)]),
    ]) {
      const { index, run } = await recovered(bytes);
      expect([run, index.end.kind, index.count]).toEqual([undefined, "complete", 6]);
    }
  });

  it("holds entries to the size of the disk where that is known", async () => {
    const { bytes } = makeLog(512, [...sound, ...sound.map((entry) => ({ ...entry, sector: 5000 }))]);
    const headers = await indexLog(new MemoryNode("log", true, bytes));
    bytes.fill(0xee, 2048, 2080);
    // What is left of the first six is a chain of four; its entries lie within 10 sectors.
    expect((await recovered(bytes, { diskSize: 5120 })).run).toMatchObject({ offset: headers.headerOf(2) });
    expect((await recovered(bytes, { diskSize: 512 })).run).toBeUndefined();
  });

  it("finds all that is left of any log with a destroyed header, and nothing that was not there", () =>
    seeded(async (random) => {
      for (let round = 0; round < 40; round++) {
        const { bytes } = randomLog(random, 512, 1000, 40);
        const whole = await indexLog(new MemoryNode("log", true, bytes));
        const there = Array.from({ length: 40 }, (_, entry) => whole.headerOf(entry));
        const hit = random.below(30);
        const at = there[hit] ?? 0;
        bytes.set(filled(32, 0xdd), at);
        const { node, index } = await recovered(bytes);
        while (await recoverPast(node, index)) {
          // Writes of nothing look like blank space: the log may go on behind them.
        }
        const found = Array.from({ length: index.count }, (_, entry) => index.headerOf(entry));
        expect(found.slice(0, hit)).toEqual(there.slice(0, hit));
        expect(found.filter((header) => !there.includes(header))).toEqual([]);
        // Of the rest, only writes of nothing at an edge and the last one or two can be missed.
        expect(found.length).toBeGreaterThanOrEqual(40 - 1 - 9);
      }
    }));

  it("stops when it is told to", async () => {
    const bytes = Buffer.concat([makeLog(512, [write(0, 1)]).bytes, filled(64 * 1024 * 1024, 1)]);
    bytes.writeBigUInt64LE(9n, 16);
    const stop = new AbortController();
    stop.abort();
    expect(await failureOf(recovered(bytes, { signal: stop.signal }))).toMatchObject({ code: "ECANCELED" });
  });

  it("that is stopped while it takes what it found leaves the log as it was, and can be begun again", async () => {
    // 20,000 entries of a header each, so that taking them takes several reads; the header of entry 2 is destroyed.
    const { bytes } = makeLog(512, [
      write(0, 1),
      write(1, 1),
      ...Array.from({ length: 20_000 }, () => ({ flags: 1 })),
    ]);
    bytes.fill(0xdd, 2560, 2592);
    const node: BlockNode = new MemoryNode("log", true, bytes);
    const index = await indexLog(node);
    const before = index.share();
    const stop = new AbortController();
    let reads = 0;
    const stopping = Object.create(node, {
      size: { value: node.size },
      readNow: { value: undefined },
      read: {
        value: async (offset: number, target: Uint8Array) => {
          // The scan reads a piece of 1 MiB and 5 sectors; the headers are then taken by 256 KiB.
          if (target.length === 256 * 1024 && ++reads === 2) stop.abort();
          await node.read(offset, target);
        },
      },
    }) as BlockNode;
    const error = await failureOf(recoverPast(stopping, index, { signal: stop.signal }));
    expect([error.code, reads]).toEqual(["ECANCELED", 2]);
    expect([index.count, index.counted, index.end, index.recovered]).toEqual([2, 2, before.end, []]);
    expect(index.totals).toMatchObject({ flushes: 0, writes: 2 });
    // Entry 2 is lost, and nothing else.
    expect(await recoverPast(node, index)).toMatchObject({ first: 2, count: 19_999, skipped: 512 });
  });

  it("that is stopped in a log without a beginning leaves it one", async () => {
    const { bytes } = makeLog(4096, [write(0, 8), ...Array.from({ length: 300 }, () => write(1, 8))]);
    bytes.fill(0, 0, 4096);
    const node: BlockNode = new MemoryNode("log", true, bytes);
    const index = await indexLog(node);
    const before = index.end;
    const stop = new AbortController();
    const stopping = Object.create(node, {
      size: { value: node.size },
      readNow: { value: undefined },
      read: {
        value: async (offset: number, target: Uint8Array) => {
          if (target.length === 256 * 1024) stop.abort();
          await node.read(offset, target);
        },
      },
    }) as BlockNode;
    expect(await failureOf(recoverPast(stopping, index, { signal: stop.signal }))).toMatchObject({
      code: "ECANCELED",
    });
    expect([before.kind, index.count, index.sectorSize, index.end]).toEqual(["foreign", 0, 512, before]);
    expect(await recoverPast(node, index)).toMatchObject({ first: 0, count: 301 });
  });
});
