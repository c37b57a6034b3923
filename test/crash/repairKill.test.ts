// A repair killed at every step: before each call that changes a file, at every record boundary of the journal, in the
// middle of records and of writes to the image. What is left is resumed on one copy and rolled back on another: the
// first is the planned image, byte for byte, the second the original. Some hundred points are taken in the test's own
// process, where the dying program is an exception that no cleaning up gets past; at some forty of them, from the first
// call to the last, the built command line is killed with SIGKILL, and must leave the same files as the exception did.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { brokenCluster, brokenQed } from "../build/brokenQed.ts";
import { lacksPeer } from "../build/peers.ts";
import { buildQed } from "../build/qed.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir, tempFile } from "../build/temp.ts";
import { journalOf, KilledCli, killedAt, RepairKills, sameBytes } from "./repairKills.ts";

const kills = new RepairKills("qed", brokenQed());
/** Of a busy machine, ms. */
const timeout = 120_000;

describe("a repair that is killed", () => {
  const noPeer = lacksPeer("qemu-img");
  // What a power cut leaves is asked in repair.test.ts.
  const killedCli = KilledCli.forTests();

  it("is planned to end in an image that qemu-img finds nothing wrong with", async () => {
    const { image, planned } = await kills.uninterrupted(tempDir());
    expect(Buffer.compare(planned, kills.original)).not.toBe(0);
    // Bit 1 of the features is the dirty bit.
    expect(planned[16]).toBe(0);
    if (noPeer) return;
    const peer = spawnSync("qemu-img", ["check", "-f", "qed", image], { encoding: "utf8" });
    expect({ status: peer.status, said: peer.stderr }).toEqual({ status: 0, said: "" });
  });

  it("is finished and taken back from every point, and so are these when they are killed", {
    timeout,
  }, async () => {
    await seeded(async (random: Random) => {
      const folder = tempDir();
      const { planned, points } = await kills.uninterrupted(folder);
      const ends = await kills.killAtAll(folder, points, planned, random);
      console.log(`points of death: ${points.length} (${JSON.stringify(ends)})`);
      expect(points.length).toBeGreaterThan(300);
      expect(ends.untouched).toBeGreaterThan(20);
      expect(ends.finished).toBeGreaterThan(150);
      expect(ends.again).toBeGreaterThan(50);
    });
  });

  it("has its journal or none where there are no hard links", async () => {
    const folder = tempDir();
    const { planned, calls, points } = await kills.uninterrupted(folder, false);
    const link = calls.find(({ name }) => name === "linkSync")?.number ?? Number.NaN;
    const naming = points.filter(({ call }) => call > link && call <= link + 4);
    let empty = 0;
    for (const [index, point] of naming.entries()) {
      const where = `killed at call ${point.call}, byte ${point.bytes}`;
      const image = kills.fresh(folder, `${index}`);
      expect(await killedAt(point, () => kills.apply(image), { links: false }), where).toBe(true);
      empty += fs.existsSync(journalOf(image)) && fs.statSync(journalOf(image)).size === 0 ? 1 : 0;
      await kills.judge(image, planned, where);
    }
    expect(empty).toBe(1);
    expect(naming.length).toBeGreaterThan(3);
  });

  it("by Ctrl-C stops between two changes, says how to go on, and does", { timeout }, async () => {
    // Every other entry, each a change of its own: every thousand changes it is asked whether to stop.
    const l2 = Array.from({ length: 4000 }, (_, i) => [0, 1 + i * 2, 5n] as const);
    const clusters = new Map([[0, Buffer.alloc(brokenCluster, 1)]]);
    const spec = { size: 2 ** 26, clusterSize: brokenCluster, tableSize: 16, clusters };
    const { bytes } = buildQed({ ...spec, l2 });
    const image = tempFile("many.qed", bytes);
    const journal = journalOf(image);
    const killed = killedCli();
    const { cli } = killed;
    const interrupted = (at: number, ...args: string[]) =>
      killed.run({ BLKSCOPE_INTERRUPT_AT: `${at}` }, "repair", ...args);
    const isBetween = () => {
      const cleared = fs.readFileSync(image).compare(bytes) !== 0;
      return cleared && cli.run(["repair", "--undo", journal, "--dry-run"]).code === 0;
    };
    const ran = interrupted(100, "--apply", image);
    expect(ran).toMatchObject({ status: 130, signal: null, stdout: "" });
    expect(ran.stderr).toContain("The repair was not finished: The repair was cancelled");
    expect(ran.stderr).toContain(`--resume '${journal}', or take it back with --undo '${journal}'`);
    expect(isBetween()).toBe(true);
    const undoing = interrupted(100, "--undo", journal);
    expect(undoing).toMatchObject({ status: 130, stdout: "" });
    expect(undoing.stderr).toContain("Nothing is lost: the same command");
    expect(cli.run(["repair", "--resume", journal])).toMatchObject({ code: 0, stderr: "" });
    expect(cli.run(["repair", "--plan", image]).stdout).toBe("There is nothing to mend.\n");
    expect(cli.run(["repair", "--undo", journal])).toMatchObject({ code: 0, stderr: "" });
    expect(sameBytes(image, bytes)).toBe(true);
  });

  it("by SIGKILL leaves the same, and the command line finishes it and takes it back", {
    timeout,
  }, async () => {
    const folder = tempDir();
    const { points, planned } = await kills.uninterrupted(folder);
    const every = Math.ceil(points.length / 45);
    const some = points.filter((_, index) => index % every === 0);
    for (const [index, point] of some.entries()) {
      await killedCli().kill(kills, { folder, name: `${index}`, planned }, point, index % 5 === 0);
    }
    expect(some.length).toBeGreaterThan(30);
  });
});
