// States of logs that QEMU wrote: the last one is QEMU's own disk, each one before is what an independent replay gives,
// and an image whose file was logged can be opened and checked as it was at every flush.
import * as fs from "node:fs";
import * as path from "node:path";
import { describe, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { readLog, replay } from "../build/logReader.ts";
import { firstDifference, openForTest, readAll } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";

const size = 1024 * 1024;

interface Logged {
  readonly disk: string;
  readonly log: string;
}

function files(): Logged {
  const folder = tempDir();
  const [disk, log] = [path.join(folder, "disk"), path.join(folder, "log")];
  fs.writeFileSync(disk, new Uint8Array(size));
  fs.writeFileSync(log, new Uint8Array(0));
  return { disk, log };
}

function record({ disk, log }: Logged, sectorSize: number, commands: readonly string[]): void {
  const image = `driver=blklogwrites,file.driver=file,file.filename=${disk},log.driver=file,log.filename=${log}`;
  const list = commands.flatMap((command) => ["-c", command]);
  run(
    "qemu-io",
    "-t",
    "writeback",
    "-d",
    "unmap",
    "--image-opts",
    `${image},log-sector-size=${sectorSize}`,
    ...list,
  );
}

function state(log: string, entry: number) {
  return { driver: "logstate", log: { driver: "file", filename: log }, entry, size };
}

describe.skipIf(lacksPeer("qemu-io", "qemu-img"))("the states of a log that QEMU wrote", () => {
  it.each([512, 4096])("in sectors of %i are its replay, and the last is its disk", async (sectorSize) => {
    await seeded(async (random) => {
      const logged = files();
      const commands = Array.from({ length: 60 }, () => {
        const length = sectorSize * (1 + random.below(16));
        const offset = sectorSize * random.below((size - length) / sectorSize);
        const pattern = 1 + random.below(255);
        return random.pick([
          `write -q -P ${pattern} ${offset} ${length}`,
          `write -q -P ${pattern} ${offset} ${length}`,
          `write -q -z ${offset} ${length}`,
          `discard -q ${offset} ${length}`,
          "flush",
        ]);
      });
      record(logged, sectorSize, commands);
      const log = readLog(fs.readFileSync(logged.log));
      expect(log.entries.length).toBeGreaterThan(40);
      for (let count = 0; count <= log.entries.length; count++) {
        const graph = await openGraph(state(logged.log, count));
        const found = await readAll(graph.root);
        expect([count, firstDifference(found, replay(log, size, count))]).toEqual([count, undefined]);
        await graph.close();
      }
      const { root } = await openForTest(state(logged.log, log.entries.length));
      expect(firstDifference(await readAll(root), fs.readFileSync(logged.disk))).toBeUndefined();
    });
  });

  it("below a format open as images of it, sound at every flush", async () => {
    const { disk, log } = files();
    run("qemu-img", "create", "-q", "-f", "qed", disk, "4M");
    const before = Uint8Array.from(fs.readFileSync(disk));
    const image = `driver=qed,file.driver=blklogwrites,file.file.driver=file,file.file.filename=${disk},file.log.driver=file,file.log.filename=${log}`;
    const commands = [
      "write -q -P 1 0 64k",
      "flush",
      "write -q -P 2 1M 128k",
      "flush",
      "write -q -P 3 0 4k",
      "flush",
    ];
    run("qemu-io", "-t", "writeback", "--image-opts", image, ...commands.flatMap((one) => ["-c", one]));
    const { entries } = readLog(fs.readFileSync(log));
    const base = { driver: "memory", bytes: before };
    const firsts: (number | undefined)[] = [];
    for (const [number, { flags }] of entries.entries()) {
      if (flags !== 1) continue;
      const moment = { driver: "logstate", log: { driver: "file", filename: log }, entry: number + 1, base };
      const { root } = await openForTest({ driver: "qed", file: { ...moment, size: 4 * size } });
      expect((await root.check?.({}))?.corruptions).toBe(0);
      const first = new Uint8Array(1);
      await root.read(0, first);
      if (first[0] !== firsts.at(-1)) firsts.push(first[0]);
    }
    // Not written, then what was there after the first and the third write.
    expect(firsts.at(-1)).toBe(3);
    expect(firsts.filter((byte) => byte !== 0)).toEqual([1, 3]);
  });
});
