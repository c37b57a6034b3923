// A repair of one image that dies at a point: in the test's own process, where the dying program is an exception that no
// cleaning up gets past, and in the command line killed with SIGKILL. What is left is resumed on one copy and rolled
// back on another.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect } from "vitest";
import { finish, mend } from "../build/mend.ts";
import type { Random } from "../build/random.ts";
import { tempFile } from "../build/temp.ts";
import { Cli, childEnv } from "../core/cli/support.ts";
import { type ChangingCall, Killed, watchFiles } from "./fileFaults.ts";

/** Where the program dies: so many bytes into a write, or before any other call. */
export interface Point {
  readonly call: number;
  readonly bytes: number;
}

/** An uninterrupted repair. */
export interface Uninterrupted {
  readonly image: string;
  readonly calls: readonly ChangingCall[];
  /** The image it ends in. */
  readonly planned: Uint8Array;
  readonly points: readonly Point[];
}

export const journalOf = (image: string): string => `${image}.blkscope-undo`;

export const sameBytes = (file: string, bytes: Uint8Array): boolean =>
  Buffer.compare(fs.readFileSync(file), bytes) === 0;

/** Runs `work` until it dies at the point, with nothing reaching a file afterwards. Whether it did die. */
export async function killedAt(
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

/** The files that a killed repair left, under the same names in another folder. */
export function copyOf(image: string, name: string): string {
  const folder = path.join(path.dirname(image), name);
  fs.mkdirSync(folder);
  for (const file of [image, journalOf(image)]) {
    if (fs.existsSync(file)) fs.copyFileSync(file, path.join(folder, path.basename(file)));
  }
  return path.join(folder, path.basename(image));
}

/** Points of death by what was found at them, and how often the program that went on from there died as well. */
export interface Ends {
  untouched: number;
  finished: number;
  again: number;
}

/** Repairs of one image. */
export class RepairKills {
  readonly #driver: "qed" | "qcow2";
  readonly original: Uint8Array;

  constructor(driver: "qed" | "qcow2", original: Uint8Array) {
    this.#driver = driver;
    this.original = original;
  }

  apply(image: string): Promise<unknown> {
    return mend(image, { driver: this.#driver, journal: journalOf(image) });
  }

  /** A fresh image in a folder of its own. */
  fresh(folder: string, name: string): string {
    const own = path.join(folder, name);
    fs.mkdirSync(own, { recursive: true });
    return tempFile(`disk.${this.#driver}`, this.original, own);
  }

  async uninterrupted(folder: string, links = true): Promise<Uninterrupted> {
    const image = this.fresh(folder, "planned");
    const calls: ChangingCall[] = [];
    await killedAt(undefined, () => this.apply(image), { seen: calls, links });
    return { image, calls, planned: fs.readFileSync(image), points: pointsOf(calls) };
  }

  /** Both endings from what is there; where nothing was changed yet a new repair instead. */
  async judge(image: string, planned: Uint8Array, where: string): Promise<"untouched" | "finished"> {
    // Where there are no hard links an empty file keeps the name for a moment.
    const isEmpty = fs.existsSync(journalOf(image)) && fs.statSync(journalOf(image)).size === 0;
    if (isEmpty) {
      const undone = finish(image, "undo", journalOf(image));
      await expect(undone, where).rejects.toThrow("The undo journal is empty");
      fs.rmSync(journalOf(image));
    }
    if (!fs.existsSync(journalOf(image))) {
      expect(sameBytes(image, this.original), `${where}: changed without a journal`).toBe(true);
      await this.apply(image);
      expect(sameBytes(image, planned), `${where}: repaired anew`).toBe(true);
      return "untouched";
    }
    const [forward, back] = [copyOf(image, "forward"), copyOf(image, "back")];
    await finish(forward, "resume", journalOf(forward));
    expect(sameBytes(forward, planned), `${where}: resumed`).toBe(true);
    await finish(back, "undo", journalOf(back));
    expect(sameBytes(back, this.original), `${where}: undone`).toBe(true);
    // And what was resumed can be taken back still.
    await finish(forward, "undo", journalOf(forward));
    expect(sameBytes(forward, this.original), `${where}: resumed and undone`).toBe(true);
    return "finished";
  }

  /** Kills the repair at each of the points, and what goes on from there at points of chance. */
  async killAtAll(
    folder: string,
    points: readonly Point[],
    planned: Uint8Array,
    random: Random,
  ): Promise<Ends> {
    const ends: Ends = { untouched: 0, finished: 0, again: 0 };
    for (const [index, point] of points.entries()) {
      const where = `killed at call ${point.call}, byte ${point.bytes}`;
      const image = this.fresh(folder, `${index}`);
      expect(await killedAt(point, () => this.apply(image)), where).toBe(true);
      if (fs.existsSync(journalOf(image))) {
        const twice = copyOf(image, "twice");
        const how = random.pick(["resume", "undo"] as const);
        const second = { call: random.below(40), bytes: random.below(300) };
        const died = await killedAt(second, () => finish(twice, how, journalOf(twice)));
        ends.again += died ? 1 : 0;
        await this.judge(
          twice,
          planned,
          `${where}, ${how} killed at call ${second.call}, byte ${second.bytes}`,
        );
      }
      ends[await this.judge(image, planned, where)]++;
      fs.rmSync(path.dirname(image), { recursive: true });
    }
    return ends;
  }
}

/** The command line, with what kills or interrupts it loaded beforehand. */
export class KilledCli {
  readonly cli: Cli;
  readonly #preload: string;

  /** Before the tests of a file, removed after them. What a killed process has written is there, synced or not. */
  static forTests(): () => KilledCli {
    let killed: KilledCli | undefined;
    let restore: (() => void) | undefined;
    beforeAll(async () => {
      restore = watchFiles({ skipSyncs: true, fault: () => undefined });
      killed = await KilledCli.build();
    });
    afterAll(() => {
      restore?.();
      killed?.cli.remove();
    });
    return () => {
      if (killed === undefined) throw new Error("the command line is not built yet");
      return killed;
    };
  }

  private constructor(cli: Cli, preload: string) {
    this.cli = cli;
    this.#preload = preload;
  }

  private static async build(): Promise<KilledCli> {
    const cli = await Cli.build();
    const preload = path.join(path.dirname(cli.script), "killedRepair.js");
    await build({
      entryPoints: [fileURLToPath(new URL("killedRepair.ts", import.meta.url))],
      outfile: preload,
      bundle: true,
      platform: "node",
      format: "cjs",
      target: "node20",
      logLevel: "error",
    });
    return new KilledCli(cli, preload);
  }

  run(env: Readonly<Record<string, string>>, ...args: string[]) {
    return spawnSync(process.execPath, ["--require", this.#preload, this.cli.script, ...args], {
      env: childEnv(env),
      encoding: "utf8",
    });
  }

  /**
   * Kills `blkscope repair --apply` at the point: it must leave the same files as the exception does. `ends`: the command
   * line finishes it and takes it back as well.
   */
  async kill(
    kills: RepairKills,
    { folder, name, planned }: { folder: string; name: string; planned: Uint8Array },
    point: Point,
    ends: boolean,
  ): Promise<void> {
    const where = `killed at call ${point.call}, byte ${point.bytes}`;
    const image = kills.fresh(folder, `real${name}`);
    const child = this.run(
      { BLKSCOPE_KILL_AT: `${point.call}:${point.bytes}` },
      ...["repair", "--apply", image],
    );
    expect(child.signal, `${where}: ${child.stdout}${child.stderr}`).toBe("SIGKILL");
    const twin = kills.fresh(folder, `twin${name}`);
    await killedAt(point, () => kills.apply(twin));
    expect(sameBytes(image, fs.readFileSync(twin)), `${where}: as in the test's process`).toBe(true);
    expect(fs.existsSync(journalOf(image)), where).toBe(fs.existsSync(journalOf(twin)));
    if (ends && fs.existsSync(journalOf(image))) {
      for (const [how, expected] of [
        ["--resume", planned],
        ["--undo", kills.original],
      ] as const) {
        const copy = copyOf(image, how);
        const ran = this.cli.run(["repair", how, journalOf(copy)]);
        expect(ran, where).toMatchObject({ code: 0, stderr: "" });
        expect(sameBytes(copy, expected), `${where}, then ${how}`).toBe(true);
      }
    }
    await kills.judge(image, planned, where);
  }
}
