// Logs that qemu-io writes through its blklogwrites, as the reader has them: sector sizes, zero writes, discards, logs that
// are continued, begun anew, or cut off with their writer; and our own filter's with flags of the kernel.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { readMark } from "../../core/writelog/entry.ts";
import { extendIndex, indexLog } from "../../core/writelog/index.ts";
import type { LogIndex } from "../../core/writelog/logIndex.ts";
import { recoverPast } from "../../core/writelog/recover.ts";
import { filled, openForTest } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";

const size = 4 * 1024 * 1024;

interface Files {
  readonly data: string;
  readonly log: string;
}

function files(): Files {
  const folder = tempDir();
  const [data, log] = [path.join(folder, "data"), path.join(folder, "log")];
  fs.writeFileSync(data, new Uint8Array(size));
  fs.writeFileSync(log, "");
  return { data, log };
}

function peer({ data, log }: Files, options: string, ...commands: readonly string[]): void {
  const image = `driver=blklogwrites,file.driver=file,file.filename=${data},log.driver=file,log.filename=${log}${options}`;
  run("qemu-io", "-t", "writeback", "--image-opts", image, ...commands.flatMap((command) => ["-c", command]));
}

async function nodeOf(filename: string) {
  return (await openForTest({ driver: "file", filename })).root;
}

async function indexFile(filename: string): Promise<LogIndex> {
  return indexLog(await nodeOf(filename));
}

function rows(index: LogIndex, from = 0): object[] {
  return Array.from({ length: index.count - from }, (_, i) => [
    index.kindOf(from + i),
    index.offsetOf(from + i),
    index.lengthOf(from + i),
  ]);
}

/** The disk after every entry, from the index and the log's bytes alone; discards leave zeroes. */
function replayed(index: LogIndex, log: Uint8Array): Buffer {
  const disk = Buffer.alloc(size);
  for (let entry = 0; entry < index.count; entry++) {
    const [offset, length] = [index.offsetOf(entry), index.lengthOf(entry)];
    if (index.kindOf(entry) === "discard") disk.fill(0, offset, offset + length);
    if (index.kindOf(entry) === "write") {
      disk.set(
        log.subarray(index.payloadOf(entry), index.payloadOf(entry) + index.payloadLength(entry)),
        offset,
      );
    }
  }
  return disk;
}

/** Requests of whole sectors of 4096 bytes, so that the log has them as they were made. */
function randomCommands(random: Random, count: number): string[] {
  return Array.from({ length: count }, () => {
    const at = random.below(size / 4096 - 16) * 4096;
    const length = (1 + random.below(16)) * 4096;
    const write = `write -P ${1 + random.below(255)} ${at} ${length}`;
    return random.pick([write, write, write, `write -z ${at} ${length}`, `discard ${at} ${length}`, "flush"]);
  });
}

describe.skipIf(lacksPeer("qemu-io"))("logs of qemu-io", () => {
  it.each([512, 4096, 65_536])(
    "with sectors of %i bytes have every request at its place",
    async (sectorSize) => {
      const both = files();
      const requests = [
        "write -P 1 0 64k",
        "write -z 128k 64k",
        "discard 256k 128k",
        "flush",
        "write -P 2 512k 192k",
      ];
      peer(both, `,log-sector-size=${sectorSize}`, ...requests);
      const index = await indexFile(both.log);
      expect(index.sectorSize).toBe(sectorSize);
      expect(index.end).toMatchObject({ kind: "complete", entry: index.count });
      expect(index.superblock.entries).toBe(index.count);
      // qemu-io flushes when it closes, once or twice.
      expect(rows(index).slice(0, 5)).toEqual([
        ["write", 0, 65_536],
        ["write", 131_072, 65_536],
        ["discard", 262_144, 131_072],
        ["flush", 0, 0],
        ["write", 524_288, 196_608],
      ]);
      expect(
        new Set(
          rows(index)
            .slice(5)
            .map((row) => (row as unknown[])[0]),
        ),
      ).toEqual(new Set(["flush"]));
    },
  );

  it("of random requests replay to the disk that qemu-io left", () =>
    seeded(async (random) => {
      const both = files();
      for (const options of ["", ",log-append=on", ",log-append=on"])
        peer(both, options, ...randomCommands(random, 60));
      const index = await indexFile(both.log);
      expect(index.end.kind).toBe("complete");
      expect(index.totals.writes).toBeGreaterThan(60);
      const disk = replayed(index, fs.readFileSync(both.log));
      expect(disk.equals(fs.readFileSync(both.data))).toBe(true);
    }));

  it("hold writes of zeroes of 2 GiB and large discards, whose data are skipped", async () => {
    const both = files();
    fs.truncateSync(both.data, 4 * 1024 ** 3);
    peer(both, "", "write -z 1G 2147483136", "discard 1G 1G", "write -P 1 4294963200 4k");
    const index = await indexFile(both.log);
    expect(rows(index).slice(0, 3)).toEqual([
      ["write", 1024 ** 3, 2_147_483_136],
      ["discard", 1024 ** 3, 1024 ** 3],
      ["write", 4_294_963_200, 4096],
    ]);
    expect([index.headerOf(1), index.end.kind]).toEqual([1024 + 2_147_483_136, "complete"]);
    expect(index.diskEnd).toBe(4 * 1024 ** 3);
    // Cut off within the zeroes it is torn, not damaged.
    fs.truncateSync(both.log, 1024 ** 3);
    expect(await indexFile(both.log)).toMatchObject({ count: 0, end: { kind: "torn", entry: 0 } });
  });

  it("have a superblock after every few entries where that was asked for", async () => {
    const both = files();
    const writes = [0, 4, 8, 12, 16].map((at) => `write -P 1 ${at}k 4k`);
    expect(() => peer(both, ",log-super-update-interval=3", ...writes, "abort")).toThrow();
    const index = await indexFile(both.log);
    expect([index.counted, index.count]).toEqual([3, 5]);
  });

  it("have writes of nothing, whose headers are all zero, among their entries", async () => {
    const both = files();
    peer(both, "", "write 0 0", "write -P 3 0 4k", "flush");
    const index = await indexFile(both.log);
    const kinds = rows(index).map((row) => (row as unknown[])[0]);
    expect(kinds.slice(0, 3)).toEqual(["empty", "write", "flush"]);
    expect(index.end).toMatchObject({ kind: "complete", entry: index.superblock.entries });
  });

  it("that are continued are read on", async () => {
    const both = files();
    peer(both, "", "write -P 1 0 4k", "flush");
    const index = await indexFile(both.log);
    const before = index.count;
    peer(both, ",log-append=on", "write -P 2 64k 8k");
    expect(await extendIndex(await nodeOf(both.log), index)).toBe(before);
    expect(rows(index, before)[0]).toEqual(["write", 65_536, 8192]);
    expect(rows(index)).toEqual(rows(await indexFile(both.log)));
  });

  it("begun anew in the same file are told from those that go on, and what is left of the old is not counted", async () => {
    const both = files();
    peer(both, "", "write -P 1 0 4k", "write -P 2 4k 4k", "write -P 3 8k 4k", "flush");
    const index = await indexFile(both.log);
    // The same first entries' places, and then one more header than the new log has.
    peer(both, "", "write -P 9 1M 4k");
    const again = await indexFile(both.log);
    expect(again.end.kind).toBe("complete");
    expect(again.counted).toBe(again.superblock.entries);
    expect(rows(again)[0]).toEqual(["write", 1_048_576, 4096]);
    await expect(extendIndex(await nodeOf(both.log), index)).rejects.toThrow("begun anew");
  });

  it("whose writer was killed before its first flush have no superblock; their entries can be recovered", async () => {
    const both = files();
    const requests = [
      "write -P 1 0 4k",
      "write -P 2 8k 4k",
      "write -P 3 16k 4k",
      "write -P 4 24k 4k",
      "abort",
    ];
    expect(() => peer(both, "", ...requests)).toThrow();
    const node = await nodeOf(both.log);
    const index = await indexLog(node);
    expect(index.end.kind).toBe("foreign");
    expect(index.end.message).toContain("no superblock yet");
    expect(await recoverPast(node, index)).toEqual({ first: 0, count: 4, offset: 512, skipped: 0 });
    expect(rows(index)).toEqual([0, 8192, 16_384, 24_576].map((offset) => ["write", offset, 4096]));
  });

  it("whose writer was killed later have entries behind those that are counted", async () => {
    const both = files();
    expect(() => peer(both, "", "write -P 1 0 4k", "flush", "write -P 2 8k 4k", "abort")).toThrow();
    const index = await indexFile(both.log);
    expect([index.count, index.counted, index.superblock.entries]).toEqual([3, 2, 2]);
    expect(index.end.kind).toBe("complete");
  });
});

describe("logs of our own filter", () => {
  it("have FUA writes, marks, discards and widened writes as such", async () => {
    const both = files();
    const graph = await openGraph(
      {
        driver: "blklogwrites",
        file: { driver: "file", filename: both.data },
        log: { driver: "file", filename: both.log },
        "log-sector-size": 4096,
        fua: "flag",
      },
      { readOnly: false },
    );
    const { root } = graph;
    await root.write(100, filled(10, 1));
    await root.write(8192, filled(4096, 2), { fua: true });
    await root.mark?.("after the first");
    await root.writeZeroes(16_384, 8192);
    await root.discard(32_768, 4096);
    await graph.close();
    const node = await nodeOf(both.log);
    const index = await indexLog(node);
    expect(rows(index).slice(0, 5)).toEqual([
      ["write", 0, 4096],
      ["write", 8192, 4096],
      ["mark", 0, 0],
      ["write", 16_384, 8192],
      ["discard", 32_768, 4096],
    ]);
    expect([[...index.fuas], [...index.marks]]).toEqual([[1], [2]]);
    expect(await readMark(node, index, 2)).toBe("after the first");
    expect(replayed(index, fs.readFileSync(both.log)).equals(fs.readFileSync(both.data))).toBe(true);
  });
});
