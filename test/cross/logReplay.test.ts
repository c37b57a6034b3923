// Logs that QEMU wrote: a replay gives QEMU's own disk, every state of an image that was logged below its format passes
// QEMU's check where ours says so, and a write that breaks such an image is named by bisect.
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLog, replay } from "../build/logReader.ts";
import { firstDifference } from "../build/open.ts";
import { lacksPeer, run } from "../build/peers.ts";
import { seeded } from "../build/random.ts";
import { makeLog } from "../build/randomLog.ts";
import { Cli } from "../core/cli/support.ts";

const size = 1024 * 1024;
let cli: Cli;

function record(image: string, commands: readonly string[]): void {
  const list = commands.flatMap((command) => ["-c", command]);
  run("qemu-io", "-t", "writeback", "-d", "unmap", "--image-opts", image, ...list);
}

const logged = (disk: string, log: string) =>
  `driver=blklogwrites,file.driver=file,file.filename=${disk},log.driver=file,log.filename=${log}`;

describe.skipIf(lacksPeer("qemu-io", "qemu-img"))("a log that QEMU wrote", () => {
  beforeAll(async () => {
    cli = await Cli.build();
  });
  afterAll(() => cli.remove());

  it.each([32, 512, 4096])("is replayed to QEMU's disk, in sectors of %i", async (sectorSize) => {
    await seeded(async (random) => {
      const [disk, log] = [cli.path(`disk${sectorSize}`), cli.path(`log${sectorSize}`)];
      fs.writeFileSync(disk, new Uint8Array(size));
      fs.writeFileSync(log, "");
      const commands = Array.from({ length: 80 }, () => {
        const length = 512 * (1 + random.below(32));
        const offset = 512 * random.below((size - length) / 512);
        const unit = Math.max(512, sectorSize);
        const at = `${offset - (offset % unit)} ${unit * Math.ceil(length / unit)}`;
        return random.pick([
          `write -q -P ${1 + random.below(255)} ${offset} ${length}`,
          `write -q -P ${1 + random.below(255)} ${offset} ${length}`,
          `write -q -z ${at}`,
          `discard -q ${at}`,
          "flush",
        ]);
      });
      record(`${logged(disk, log)},log-sector-size=${sectorSize}`, commands);
      const name = `replayed${sectorSize}`;
      const options = ["--verify", "--size", String(size)];
      expect(cli.run(["log", "replay", ...options, log, name])).toMatchObject({ code: 0, stderr: "" });
      expect(firstDifference(fs.readFileSync(cli.path(name)), fs.readFileSync(disk))).toBeUndefined();
      const parsed = readLog(fs.readFileSync(log));
      for (let round = 0; round < 5; round++) {
        const count = random.below(parsed.entries.length + 1);
        const part = [...options, "--over", "--end-entry", String(count)];
        fs.writeFileSync(cli.path("part"), new Uint8Array(size));
        expect(cli.run(["log", "replay", ...part, log, "part"]).code).toBe(0);
        expect(
          firstDifference(fs.readFileSync(cli.path("part")), replay(parsed, size, count)),
        ).toBeUndefined();
      }
    });
  });

  it("below QED: each of its flushed states is sound for QEMU, and a write that breaks one is named", async () => {
    const [disk, base, log] = ["image.qed", "base.qed", "qed.log"].map((name) => cli.path(name)) as [
      string,
      string,
      string,
    ];
    run("qemu-img", "create", "-q", "-f", "qed", disk, "4M");
    fs.copyFileSync(disk, base);
    fs.writeFileSync(log, "");
    const writes = Array.from({ length: 12 }, (_, i) => [
      `write -q -P ${i + 1} ${300_000 * i} 8k`,
      "flush",
    ]).flat();
    record(`driver=qed,file.${logged(disk, log).replaceAll(",", ",file.")}`, writes);
    const common = ["log", "bisect", "--output", "json", "--base", base, "--all"];
    const checked = cli.run([...common, "--check", "qed", "--jobs", "2", log]);
    const byQemu = cli.run([
      ...common,
      "--shell",
      log,
      "--",
      "qemu-img check -q -f qed {}; test $? = 0 -o $? = 3",
    ]);
    expect([checked.code, byQemu.code]).toEqual([0, 0]);
    expect(JSON.parse(checked.stdout).table.length).toBeGreaterThan(10);
    expect(JSON.parse(checked.stdout).looked).toBe(JSON.parse(byQemu.stdout).looked);

    // The first entry that QEMU wrote into an L2 table at its end gets a pointer to nowhere.
    const { entries, sectorSize } = readLog(fs.readFileSync(log));
    const broken = 20;
    const l2 = l2Table(log, base, entries.length);
    const nowhere = Buffer.alloc(512);
    nowhere.writeBigUInt64LE(2n ** 40n, 0);
    const planted = makeLog(sectorSize, [
      ...entries.slice(0, broken),
      { sector: (l2 + 256 * 1024 - 512) / 512, payload: nowhere },
      ...entries.slice(broken),
    ]);
    fs.writeFileSync(cli.path("planted.log"), planted.bytes);
    const found = (options: readonly string[]) =>
      JSON.parse(cli.run([...common.filter((word) => word !== "--all"), ...options, "planted.log"]).stdout);
    for (const jobs of ["1", "2"]) {
      const each = found(["--at", "each", "--check", "qed", "--jobs", jobs]);
      expect([each["first-bad"].entry, each["first-bad"].output]).toEqual([
        broken,
        expect.stringContaining("L2"),
      ]);
      const halves = found(["--at", "each", "--search", "binary", "--check", "qed", "--jobs", jobs]);
      expect([halves.edges, halves["first-bad"].entry]).toEqual(["good-bad", broken]);
    }
    expect(found(["--at", "each", "--search", "binary", "--check", "qed"])["first-bad"].reproduce).toContain(
      `--entry ${broken + 1} --base ${base}`,
    );
  });
});

/** Where the first L2 table of the image lies, by its header and L1 table (QED: L1 offset at byte 40). */
function l2Table(log: string, base: string, count: number): number {
  const name = `final${path.basename(log)}`;
  expect(cli.run(["log", "state", "--base", base, "--entry", String(count), log, name]).code).toBe(0);
  const bytes = fs.readFileSync(cli.path(name));
  return Number(bytes.readBigUInt64LE(Number(bytes.readBigUInt64LE(40))));
}
