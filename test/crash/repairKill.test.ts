// A repair killed at every step: before each call that changes a file, at every record boundary of the journal, in the
// middle of records and of writes to the image. What is left is resumed on one copy and rolled back on another: the
// first is the planned image, byte for byte, the second the original. Some hundred points are taken in the test's own
// process, where the dying program is an exception that no cleaning up gets past; at some forty of them, from the first
// call to the last, the built command line is killed with SIGKILL, and must leave the same files as the exception did.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { brokenCluster, brokenQed } from "../build/brokenQed.ts";
import { finish, mend } from "../build/mend.ts";
import { lacksPeer } from "../build/peers.ts";
import { buildQed } from "../build/qed.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir, tempFile } from "../build/temp.ts";
import { Cli, childEnv } from "../core/cli/support.ts";
import { type ChangingCall, Killed, watchFiles } from "./fileFaults.ts";

const original = brokenQed();
/** Of a busy machine, ms. */
const timeout = 120_000;

interface Point {
  readonly call: number;
  readonly bytes: number;
}

const journalOf = (image: string) => `${image}.blkscope-undo`;
const apply = (image: string) => mend(image, { journal: journalOf(image) });
const sameBytes = (file: string, bytes: Uint8Array) => Buffer.compare(fs.readFileSync(file), bytes) === 0;

/** Runs `work` until it dies at the point, with nothing reaching a file afterwards. Whether it did die. */
async function killedAt(
  point: Point | undefined,
  work: () => Promise<unknown>,
  { seen, links = true }: { seen?: ChangingCall[]; links?: boolean } = {},
): Promise<boolean> {
  const done = watchFiles({
    skipSyncs: true,
    fault(call) {
      seen?.push({ ...call, ...(call.bytes && { bytes: call.bytes.slice() }) });
      if (call.name === "linkSync" && !links) return { kind: "throw", code: "EPERM" };
      return call.number === point?.call ? { kind: "die", bytes: point.bytes } : undefined;
    },
  });
  try {
    await work();
    return false;
  } catch (thrown) {
    if (point === undefined || !isKilled(thrown)) throw thrown;
    return true;
  } finally {
    done();
  }
}

function isKilled(thrown: unknown): boolean {
  return thrown instanceof Killed || (thrown instanceof Error && isKilled(thrown.cause));
}

/** Records of a journal: head of 24 bytes with the length of the data at 4, data, 16 bytes of checksum. */
function recordEnds(records: Uint8Array): number[] {
  const ends: number[] = [];
  for (let at = 0; at < records.length; ) {
    at += 24 + Buffer.from(records).readUInt32LE(at + 4) + 16;
    ends.push(at);
  }
  expect(ends.at(-1)).toBe(records.length);
  return ends;
}

/** Before every call; inside journal records and at their ends; at every byte of entries, in steps of longer writes. */
function pointsOf(calls: readonly ChangingCall[]): Point[] {
  const records = calls.find(({ name }) => name === "writeSync");
  return calls.flatMap((call) => {
    const { number, bytes } = call;
    if (!bytes) return [{ call: number, bytes: 0 }];
    const step = bytes.length > 64 ? 96 : 1;
    const places =
      call === records
        ? [0, ...recordEnds(bytes).flatMap((end) => [end - 20, end])]
        : [...bytes.keys()].filter((at) => at % step === 0);
    return places.filter((at) => at < bytes.length).map((at) => ({ call: number, bytes: at }));
  });
}

/** A fresh image in a folder of its own. */
function fresh(folder: string, name: string): string {
  const own = path.join(folder, name);
  fs.mkdirSync(own, { recursive: true });
  return tempFile("disk.qed", original, own);
}

/** The files that a killed repair left, under the same names in another folder. */
function copyOf(image: string, name: string): string {
  const folder = path.join(path.dirname(image), name);
  fs.mkdirSync(folder);
  for (const file of [image, journalOf(image)]) {
    if (fs.existsSync(file)) fs.copyFileSync(file, path.join(folder, path.basename(file)));
  }
  return path.join(folder, path.basename(image));
}

/** One uninterrupted repair: its calls, and the image it is planned to end in. */
async function uninterrupted(folder: string, links = true) {
  const image = fresh(folder, "planned");
  const calls: ChangingCall[] = [];
  await killedAt(undefined, () => apply(image), { seen: calls, links });
  return { image, calls, planned: fs.readFileSync(image), points: pointsOf(calls) };
}

/** Both endings from what is there; where nothing was changed yet a new repair instead. */
async function judge(image: string, planned: Uint8Array, where: string): Promise<"untouched" | "finished"> {
  // Where there are no hard links an empty file keeps the name for a moment.
  const isEmpty = fs.existsSync(journalOf(image)) && fs.statSync(journalOf(image)).size === 0;
  if (isEmpty) {
    await expect(finish(image, "undo", journalOf(image)), where).rejects.toThrow("The undo journal is empty");
    fs.rmSync(journalOf(image));
  }
  if (!fs.existsSync(journalOf(image))) {
    expect(sameBytes(image, original), `${where}: changed without a journal`).toBe(true);
    await apply(image);
    expect(sameBytes(image, planned), `${where}: repaired anew`).toBe(true);
    return "untouched";
  }
  const [forward, back] = [copyOf(image, "forward"), copyOf(image, "back")];
  await finish(forward, "resume", journalOf(forward));
  expect(sameBytes(forward, planned), `${where}: resumed`).toBe(true);
  await finish(back, "undo", journalOf(back));
  expect(sameBytes(back, original), `${where}: undone`).toBe(true);
  // And what was resumed can be taken back still.
  await finish(forward, "undo", journalOf(forward));
  expect(sameBytes(forward, original), `${where}: resumed and undone`).toBe(true);
  return "finished";
}

describe("a repair that is killed", () => {
  const noPeer = lacksPeer("qemu-img");
  let cli: Cli;
  let preload: string;
  // What a power cut leaves is asked in repair.test.ts; what a killed process has written is there, synced or not.
  let restore: () => void;

  beforeAll(async () => {
    restore = watchFiles({ skipSyncs: true, fault: () => undefined });
    cli = await Cli.build();
    preload = path.join(path.dirname(cli.script), "killedRepair.js");
    await build({
      entryPoints: [fileURLToPath(new URL("killedRepair.ts", import.meta.url))],
      outfile: preload,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node20",
      logLevel: "error",
    });
  });
  afterAll(() => {
    restore();
    cli.remove();
  });

  it("is planned to end in an image that qemu-img finds nothing wrong with", async () => {
    const { image, planned } = await uninterrupted(tempDir());
    expect(Buffer.compare(planned, original)).not.toBe(0);
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
      const { planned, points } = await uninterrupted(folder);
      const ends = { untouched: 0, finished: 0 };
      let again = 0;
      for (const [index, point] of points.entries()) {
        const where = `killed at call ${point.call}, byte ${point.bytes}`;
        const image = fresh(folder, `${index}`);
        expect(await killedAt(point, () => apply(image)), where).toBe(true);
        if (fs.existsSync(journalOf(image))) {
          const twice = copyOf(image, "twice");
          const how = random.pick(["resume", "undo"] as const);
          const second = { call: random.below(40), bytes: random.below(300) };
          const died = await killedAt(second, () => finish(twice, how, journalOf(twice)));
          again += died ? 1 : 0;
          await judge(twice, planned, `${where}, ${how} killed at call ${second.call}, byte ${second.bytes}`);
        }
        ends[await judge(image, planned, where)]++;
        fs.rmSync(path.dirname(image), { recursive: true });
      }
      console.log(`points of death: ${points.length} (${JSON.stringify(ends)}), second deaths: ${again}`);
      expect(points.length).toBeGreaterThan(300);
      expect(ends.untouched).toBeGreaterThan(20);
      expect(ends.finished).toBeGreaterThan(150);
      expect(again).toBeGreaterThan(50);
    });
  });

  it("has its journal or none where there are no hard links", async () => {
    const folder = tempDir();
    const { planned, calls, points } = await uninterrupted(folder, false);
    const link = calls.find(({ name }) => name === "linkSync")?.number ?? Number.NaN;
    const naming = points.filter(({ call }) => call > link && call <= link + 4);
    let empty = 0;
    for (const [index, point] of naming.entries()) {
      const where = `killed at call ${point.call}, byte ${point.bytes}`;
      const image = fresh(folder, `${index}`);
      expect(await killedAt(point, () => apply(image), { links: false }), where).toBe(true);
      empty += fs.existsSync(journalOf(image)) && fs.statSync(journalOf(image)).size === 0 ? 1 : 0;
      await judge(image, planned, where);
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
    const interrupted = (at: number, ...args: string[]) =>
      spawnSync(process.execPath, ["--require", preload, cli.script, "repair", ...args], {
        env: childEnv({ BLKSCOPE_INTERRUPT_AT: `${at}` }),
        encoding: "utf8",
      });
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
    const { points, planned } = await uninterrupted(folder);
    const every = Math.ceil(points.length / 45);
    const some = points.filter((_, index) => index % every === 0);
    for (const [index, point] of some.entries()) {
      const where = `killed at call ${point.call}, byte ${point.bytes}`;
      const image = fresh(folder, `real${index}`);
      const child = spawnSync(
        process.execPath,
        ["--require", preload, cli.script, "repair", "--apply", image],
        { env: childEnv({ BLKSCOPE_KILL_AT: `${point.call}:${point.bytes}` }), encoding: "utf8" },
      );
      expect(child.signal, `${where}: ${child.stdout}${child.stderr}`).toBe("SIGKILL");
      const twin = fresh(folder, `twin${index}`);
      await killedAt(point, () => apply(twin));
      expect(sameBytes(image, fs.readFileSync(twin)), `${where}: as in the test's process`).toBe(true);
      expect(fs.existsSync(journalOf(image)), where).toBe(fs.existsSync(journalOf(twin)));
      if (index % 5 === 0 && fs.existsSync(journalOf(image))) {
        for (const [how, expected] of [
          ["--resume", planned],
          ["--undo", original],
        ] as const) {
          const copy = copyOf(image, how);
          const ran = cli.run(["repair", how, journalOf(copy)]);
          expect(ran, where).toMatchObject({ code: 0, stderr: "" });
          expect(sameBytes(copy, expected), `${where}, then ${how}`).toBe(true);
        }
      }
      await judge(image, planned, where);
    }
    expect(some.length).toBeGreaterThan(30);
  });
});
