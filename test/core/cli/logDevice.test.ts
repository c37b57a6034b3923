// `blkscope log` on block devices, where Linux's dm-log-writes leaves its logs and where a replay goes to be mounted.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { readLog, replay } from "../../build/logReader.ts";
import { filled, firstDifference } from "../../build/open.ts";
import { makeLog } from "../../build/randomLog.ts";
import { Cli } from "./support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const made = makeLog(512, [
  { sector: 0, payload: filled(8192, 1) },
  { flags: 8, text: "mkfs" },
  { sector: 4, payload: filled(4096, 2) },
  { flags: 1 },
  { flags: 4, sector: 8, sectorCount: 16 },
  { sector: 2, payload: filled(1024, 3), flags: 2 },
]);
const diskEnd = 24 * 512;

/** Undefined where no loop device can be made. Loop devices have whole sectors only. */
function deviceOf(name: string, bytes: Uint8Array): string | undefined {
  cli.write(name, bytes);
  const attached = spawnSync("losetup", ["--find", "--show", cli.path(name)], { encoding: "utf8" });
  if (attached.status !== 0) {
    console.warn("SKIPPED: no loop device can be made here (it needs root and losetup)");
    return undefined;
  }
  const device = attached.stdout.trim();
  onTestFinished(() => void spawnSync("losetup", ["--detach", device]));
  return device;
}

/** A device of 64 KiB with the log at its beginning, and what an older log left behind it. */
function logDevice(): string | undefined {
  const bytes = filled(65_536, 0x5a);
  bytes.set(made.bytes);
  return deviceOf("log.raw", bytes);
}

describe("a log on a device", () => {
  it("is read up to its end, whatever the device holds behind it", (context) => {
    const device = logDevice();
    if (device === undefined) return context.skip();
    const info = cli.run(["log", "info", "--output", "json", device]);
    expect([info.code, info.stderr]).toEqual([0, ""]);
    expect(JSON.parse(info.stdout)).toMatchObject({
      "log-size": 65_536,
      entries: 6,
      end: { kind: "complete", offset: made.bytes.length },
    });
    const history = cli.run(["log", "history", "--output", "json", "--at", "2k", device]);
    const entries = history.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).entry);
    // Sector 4 is within the writes of entries 0 and 2; entry 5 is of sectors 2 and 3.
    expect(entries).toEqual([2, 0]);
    const state = ["info", "--output", "json", "--image-opts"];
    const shown = cli.run([
      ...state,
      `driver=logstate,log.driver=host_device,log.filename=${device},entry=3`,
    ]);
    expect(JSON.parse(shown.stdout)["virtual-size"]).toBe(diskEnd);
  });

  it("is replayed to a device, which has to be long enough and is kept without --over", (context) => {
    const [log, target] = [logDevice(), deviceOf("target.raw", filled(65_536, 9))];
    if (log === undefined || target === undefined) return context.skip();
    const refused = cli.run(["log", "replay", log, target]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("is there already")]);
    expect(cli.run(["log", "replay", "--over", log, log]).stderr).toContain("is the log itself");
    expect(firstDifference(fs.readFileSync(target), filled(65_536, 9))).toBeUndefined();
    const ran = cli.run(["log", "replay", "--over", "--verify", log, target]);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    // All that the log writes, over what the device held.
    const expected = filled(65_536, 9);
    expected.set(replay(readLog(made.bytes), diskEnd, 6));
    expect(firstDifference(fs.readFileSync(target), expected)).toBeUndefined();
    const short = deviceOf("short.raw", filled(diskEnd - 512, 9));
    if (short === undefined) return context.skip();
    const tooShort = cli.run(["log", "replay", "--over", log, short]);
    expect([tooShort.code, tooShort.stderr]).toEqual([
      1,
      expect.stringContaining(`writes up to byte ${diskEnd}`),
    ]);
    expect(firstDifference(fs.readFileSync(short), filled(diskEnd - 512, 9))).toBeUndefined();
  });
});
