import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import type { NodeEvent } from "../../../core/block/events.ts";
import { encodeEntry, encodeSuperblock } from "../../../core/writelog/layout.ts";
import { readLog, replay } from "../../build/logReader.ts";
import { failureOf, filled, openForTest, readAll } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

const kib = 1024;

async function open(
  options: object = {},
  { log = tempFile("log", new Uint8Array(0)), bytes = filled(64 * kib, 7) } = {},
) {
  const events: NodeEvent[] = [];
  const graph = await openForTest(
    {
      driver: "blklogwrites",
      file: { driver: "memory", bytes },
      log: { driver: "file", filename: log },
      ...options,
    },
    { readOnly: false, event: (event) => events.push(event) },
  );
  const file = graph.nodeAt("file");
  if (!file) throw new Error("there is a file");
  return { graph, node: graph.root, file, events, log: () => readLog(fs.readFileSync(log)), path: log };
}

/** "W 0+8" is a write of 8 sectors at 0; F a flush, U a flag FUA, D a discard, M a mark. */
function shown(entries: ReturnType<typeof readLog>["entries"]): string[] {
  return entries.map(({ sector, sectorCount, flags, text }) => {
    const kind = ["W", "F", "WU", "FU", "D"][flags] ?? (flags === 8 ? `M ${text}` : `flags ${flags}`);
    return sectorCount > 0 ? `${kind} ${sector}+${sectorCount}` : kind;
  });
}

describe("blklogwrites", () => {
  it("logs writes, zeroes, discards and flushes in sectors of the log", async () => {
    const { node, file, log } = await open();
    await node.write(0, filled(4096, 1));
    await node.writeZeroes(8192, 1024);
    await node.discard(16_384, 4096);
    await node.flush();
    const { entries, sectorSize } = log();
    expect(sectorSize).toBe(512);
    expect(shown(entries)).toEqual(["W 0+8", "W 16+2", "D 32+8", "F"]);
    expect(entries[0]?.payload).toEqual(filled(4096, 1));
    expect(entries[1]?.payload).toEqual(filled(1024, 0));
    expect((await readAll(file))[8192]).toBe(0);
  });

  it("widens a small write to whole sectors, with the bytes that were there", async () => {
    const { node, log } = await open({ "log-sector-size": "4k" });
    await node.write(5000, filled(10, 1));
    await node.flush();
    const [entry] = log().entries;
    expect(entry).toMatchObject({ sector: 1, sectorCount: 1, flags: 0 });
    expect([...(entry?.payload.subarray(903, 905) ?? [])]).toEqual([7, 1]);
  });

  it("discards only whole sectors", async () => {
    const { node, log } = await open({ "log-sector-size": 4096 });
    await node.discard(100, 8192);
    await node.discard(100, 2000);
    await node.flush();
    expect(shown(log().entries)).toEqual(["D 1+1", "F"]);
  });

  it.each([
    ["flush", ["W 0+1", "F"]],
    ["flag", ["WU 0+1", "F"]],
  ])("logs a durable write with fua=%s", async (fua, wanted) => {
    const { graph, node, log } = await open({ fua });
    await node.write(0, filled(512, 1), { fua: true });
    await graph.close();
    expect(shown(log().entries)).toEqual(wanted);
  });

  it("does not log a flush with nothing before it", async () => {
    const { node, log } = await open();
    await node.flush();
    await node.write(0, filled(512, 1));
    await node.flush();
    await node.flush();
    expect(shown(log().entries)).toEqual(["W 0+1", "F"]);
  });

  it("takes marks with their text, and refuses what does not fit", async () => {
    const { node, log } = await open();
    await node.mark?.("after mkfs, Ü");
    expect(log().entries).toMatchObject([{ flags: 8, text: "after mkfs, Ü", sectorCount: 0 }]);
    // A sector of 512 bytes holds 32 of the entry, the text and a zero byte: 479 of text.
    await node.mark?.("x".repeat(479));
    const error = await failureOf(node.mark?.("x".repeat(480)) ?? Promise.resolve());
    expect(error.message).toContain("takes 479");
    expect((await failureOf(node.mark?.("") ?? Promise.resolve())).code).toBe("EINVAL");
  });

  it("brings the superblock up to date when it is closed and every so many entries", async () => {
    const { graph, node, log } = await open({ "log-super-update-interval": 3 });
    await node.write(0, filled(512, 1));
    await node.write(512, filled(512, 1));
    expect(log().entries).toHaveLength(0);
    await node.write(1024, filled(512, 1));
    expect(log().entries).toHaveLength(3);
    await node.write(0, filled(512, 1));
    await graph.close();
    expect(shown(log().entries).slice(3)).toEqual(["W 0+1", "F"]);
  });

  it("does not let an old superblock claim entries of an earlier session", async () => {
    const first = await open();
    for (let i = 0; i < 5; i++) await first.node.write(i * 512, filled(512, i));
    await first.graph.close();
    expect(first.log().entries).toHaveLength(6);
    const second = await open({}, { log: first.path });
    // Nothing is written by opening.
    expect(second.log().entries).toHaveLength(6);
    await second.node.write(0, filled(512, 9));
    expect(second.log().entries).toHaveLength(0);
  });

  it("goes on behind the last entry with log-append", async () => {
    const first = await open({ "log-sector-size": 1024 });
    await first.node.write(0, filled(2048, 1));
    await first.node.discard(4096, 1024);
    await first.node.mark?.("one");
    await first.graph.close();
    const second = await open({ "log-append": "on" }, { log: first.path });
    await second.node.write(8192, filled(1024, 2));
    await second.graph.close();
    expect(second.log().sectorSize).toBe(1024);
    expect(shown(second.log().entries)).toEqual(["W 0+2", "D 4+1", "M one", "F", "W 8+1", "F"]);
    const empty = await open({ "log-append": true });
    await empty.node.write(0, filled(512, 1));
    await empty.graph.close();
    expect(shown(empty.log().entries)).toEqual(["W 0+1", "F"]);
  });

  it("gives the disk again when its log is replayed, for many requests at once", async () => {
    await seeded(async (random) => {
      const size = 256 * kib;
      const { graph, node, file, log } = await open({}, { bytes: new Uint8Array(size) });
      const underWay: Promise<void>[] = [];
      for (let i = 0; i < 600; i++) {
        const offset = random.below(size - 9000);
        const length = 1 + random.below(8999);
        const kind = random.below(10);
        if (kind < 7) underWay.push(node.write(offset, filled(length, 1 + (i % 255))));
        else if (kind < 9) underWay.push(node.writeZeroes(offset, length));
        else underWay.push(node.flush());
        if (i % 32 === 0) await Promise.all(underWay);
      }
      await Promise.all(underWay);
      const bytes = await readAll(file);
      await graph.close();
      expect(Buffer.compare(replay(log(), size), bytes)).toBe(0);
    });
  });

  it("fails a request that could not be logged, says so, and keeps the log readable", async () => {
    const failing = {
      driver: "blkdebug",
      "inject-error": [{ event: "none", sector: 20, iotype: "write", errno: 28 }],
    };
    const path = tempFile("log", new Uint8Array(0));
    const { graph, node, events } = await open({
      log: { ...failing, image: { driver: "file", filename: path } },
    });
    await node.write(0, filled(4096, 1));
    // The first entry takes sectors 1 to 9, this one 10 to 26.
    const error = await failureOf(node.write(0, filled(8192, 2)));
    expect(error).toMatchObject({ code: "ENOSPC" });
    expect(events.filter(({ kind }) => kind === "log-error")).toMatchObject([
      { op: "write", offset: 0, length: 8192 },
    ]);
    await node.write(512, filled(512, 3));
    await graph.close();
    expect(shown(readLog(fs.readFileSync(path)).entries)).toEqual(["W 0+8", "W 1+1", "F"]);
  });

  it.each([
    [{ "log-sector-size": 100 }, "Invalid log sector size 100"],
    [{ "log-sector-size": 16 }, "Invalid log sector size 16"],
    // 4 GiB and 512 bytes: 512 for one who keeps 32 bits.
    [{ "log-sector-size": 4294967808 }, "Invalid log sector size 4294967808"],
    [{ "log-super-update-interval": 0 }, "Invalid log superblock update interval 0"],
    [{ "log-append": true, "log-sector-size": 512 }, "log-append and log-sector-size are mutually exclusive"],
    [{ log: undefined }, "Invalid option 'log'"],
  ])("refuses %j", async (options, message) => {
    expect((await failureOf(open(options))).message).toContain(message);
  });

  const superblock = (entries: number, change: (bytes: Uint8Array) => void = () => {}) => {
    const bytes = new Uint8Array(4096);
    bytes.set(encodeSuperblock(512, entries));
    bytes.set(encodeEntry(512, { sector: 0, sectorCount: 1, flags: 0 }), 512);
    change(bytes);
    return bytes;
  };

  it.each([
    ["a foreign magic", superblock(1, (bytes) => bytes.fill(0x41, 0, 8)), "Invalid log superblock magic"],
    ["another version", superblock(1, (bytes) => bytes.fill(2, 8, 9)), "Unsupported log version 2"],
    [
      "a sector size that is none",
      superblock(1, (bytes) => bytes.fill(3, 24, 25)),
      "Invalid log sector size 515",
    ],
    ["more entries than room", superblock(1e9), "counts 1000000000 entries"],
    ["a huge count", superblock(1, (bytes) => bytes.fill(255, 16, 24)), "more than 2^53"],
    [
      "unknown flags",
      superblock(1, (bytes) => bytes.fill(0x40, 528, 529)),
      "Invalid flags 0x40 in log entry 0",
    ],
    ["data past the end", superblock(1, (bytes) => bytes.fill(0xff, 520, 522)), "data of log entry 0"],
    ["a length beyond 2^53", superblock(1, (bytes) => bytes.fill(0xff, 520, 528)), "data of log entry 0"],
    ["an entry cut short", superblock(8), "Log entry 6"],
    ["too few bytes", new Uint8Array(20), "Could not read log superblock"],
  ])("does not append to a log with %s", async (_name, bytes, message) => {
    const log = tempFile("log", bytes, tempDir());
    expect((await failureOf(open({ "log-append": true }, { log }))).message).toContain(message);
    expect(fs.readFileSync(log)).toEqual(Buffer.from(bytes));
  });

  it("appends to a log of the kernel, whose entries may be metadata", async () => {
    const bytes = superblock(1, (all) => all.fill(16, 528, 529));
    const { graph, node, log } = await open({ "log-append": true }, { log: tempFile("log", bytes) });
    await node.write(0, filled(512, 1));
    await graph.close();
    expect(shown(log().entries)).toEqual(["flags 16 0+1", "W 0+1", "F"]);
  });
});
