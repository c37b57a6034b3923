// kill -9 on a real process that writes a real file: whatever the moment, the image opens, its own repair mends what
// the check finds, and everything that was flushed is there. Several rounds on one image, so that each process
// starts from what the one before left.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { checkAndRepair } from "../../core/block/repair.ts";
import { openGraph } from "../../core/graph.ts";
import { readAll } from "../build/open.ts";
import { lacksPeer } from "../build/peers.ts";
import { buildQcow2, type Qcow2Spec } from "../build/qcow2.ts";
import { buildQed } from "../build/qed.ts";
import { randomFrom } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";
import { childEnv } from "../core/cli/support.ts";
import { batchOf, diskBytes } from "./killPlan.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = path.join(root, "node_modules", ".cache", "blkscope-crash", String(process.pid));
const writer = path.join(folder, "killedWriter.js");
const rounds = process.env.BLKSCOPE_CRASH === "full" ? 60 : 5;
const seed = Number(process.env.BLKSCOPE_SEED ?? 20261121);
const noPeer = lacksPeer("qemu-img");

beforeAll(async () => {
  process.once("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
  await build({
    absWorkingDir: root,
    entryPoints: ["test/crash/killedWriter.ts"],
    outfile: writer,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["koffi"],
    logLevel: "error",
  });
});

/** Runs the writer until it has flushed so many batches and a while longer; gives the last batch it flushed. */
async function killedAfter(
  { driver, image }: { readonly driver: string; readonly image: string },
  first: number,
  batches: number,
  delayMs: number,
): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [writer, driver, image, String(seed), String(first)], {
    env: childEnv(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr?.on("data", (data: Buffer) => {
    errors += data.toString();
  });
  const ended = once(child, "close");
  let flushed = first - 1;
  if (!child.stdout) throw new Error("the writer has no output");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== "ready") flushed = Number(line.replace("flushed ", ""));
    if (flushed - first + 1 === batches) setTimeout(() => child.kill("SIGKILL"), delayMs);
  }
  const [, signal] = (await ended) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error(`the writer ended by itself: ${errors}`);
  return flushed;
}

/** Lays what was flushed over the guest's bytes; the batch under way may be there, byte by byte. */
function adopt(guest: Uint8Array, actual: Uint8Array, first: number, flushed: number): void {
  for (let number = first; number <= flushed; number++) {
    for (const { offset, bytes } of batchOf(seed, number)) guest.set(bytes, offset);
  }
  for (const { offset, bytes } of batchOf(seed, flushed + 1)) {
    for (let at = 0; at < bytes.length; at++) {
      if (actual[offset + at] === bytes[at]) guest[offset + at] = bytes[at] ?? 0;
    }
  }
}

/** All that the guest sees, opened read-only. Every process after it finds the file unlocked. */
async function readImage(image: string): Promise<Uint8Array> {
  const graph = await openGraph(image);
  try {
    return await readAll(graph.root);
  } finally {
    await graph.close();
  }
}

async function repairImage(image: string): Promise<void> {
  const graph = await openGraph(image, { readOnly: false, dirty: "skip" });
  try {
    const file = graph.nodeAt("file");
    if (!file) throw new Error("the image has no file");
    const { result } = await checkAndRepair(graph.root, file);
    expect(result).toMatchObject({ corruptions: 0, checkErrors: 0 });
    expect(graph.root.info.dirty).toBe(false);
  } finally {
    await graph.close();
  }
}

type ImageOf = (hasBacking: boolean) => Uint8Array;

function qed(clusterSize: number, tableSize: number): ImageOf {
  return (hasBacking) => {
    const named = hasBacking ? { backing: { name: "base.raw", raw: true } } : {};
    return buildQed({ size: diskBytes, clusterSize, tableSize, ...named }).bytes;
  };
}

/** The format of the backing file is stored as a header extension. */
function qcow2(spec: Omit<Qcow2Spec, "size">): ImageOf {
  const format = [[0xe2792aca, new TextEncoder().encode("raw")]] as const;
  return (hasBacking) => {
    const named = hasBacking ? { backing: "base.raw", extensions: format } : {};
    return buildQcow2({ size: diskBytes, ...spec, ...named }).bytes;
  };
}

describe("a process killed while it writes", () => {
  it.each([
    { name: "QED", driver: "qed", build: qed(4096, 2), backing: false },
    { name: "QED, default clusters", driver: "qed", build: qed(65536, 4), backing: false },
    { name: "QED, a backing file", driver: "qed", build: qed(65536, 4), backing: true },
    { name: "qcow2", driver: "qcow2", build: qcow2({ clusterBits: 12 }), backing: false },
    {
      name: "qcow2, lazy refcounts",
      driver: "qcow2",
      build: qcow2({ clusterBits: 12, compatible: 1n }),
      backing: false,
    },
    {
      name: "qcow2, subclusters and a backing file",
      driver: "qcow2",
      build: qcow2({ extended: true }),
      backing: true,
    },
  ])("leaves an image that repairs itself and has all that was flushed ($name)", async (setting) => {
    const { name, driver, build: imageOf, backing } = setting;
    const random = randomFrom(seed + name.length);
    const at = tempDir();
    const image = path.join(at, "killed.img");
    const guest = new Uint8Array(diskBytes);
    if (backing) {
      guest.set(Uint8Array.from({ length: diskBytes / 2 }, (_, offset) => 1 + (offset % 251)));
      fs.writeFileSync(path.join(at, "base.raw"), guest.subarray(0, diskBytes / 2));
    }
    fs.writeFileSync(image, imageOf(backing));
    let first = 0;
    for (let round = 0; round < rounds; round++) {
      const flushed = await killedAfter({ driver, image }, first, random.below(25), random.below(12));
      const where = `BLKSCOPE_SEED=${seed}, round ${round}, batches ${first} to ${flushed} flushed`;
      expect(await readImage(image), where).toHaveLength(diskBytes);
      await repairImage(image);
      const actual = await readImage(image);
      adopt(guest, actual, first, flushed);
      expect(Buffer.compare(actual, guest), where).toBe(0);
      if (!noPeer) {
        const peer = spawnSync("qemu-img", ["check", "-f", driver, image], { encoding: "utf8" });
        // 0: nothing found; 3: leaks only.
        expect([0, 3], `${where}: ${peer.stdout}${peer.stderr}`).toContain(peer.status);
      }
      first = flushed + 2;
    }
  });
});
