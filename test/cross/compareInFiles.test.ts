// Comparisons of images whose data lie in files as they are, which a thread does that knows files only: of images that
// qemu-img made, the same is found as without it, and it is not asked where a node in between has its say.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ImageSpec } from "../../core/block/driver.ts";
import type { CompareParams, Port } from "../../core/jobs/contract.ts";
import { type CompareTuning, compareRuns } from "../../core/ops/compare.ts";
import { startEqualThread } from "../../core/ops/equalThread.ts";
import { createLuks } from "../build/peers.ts";
import { describeWithQemu } from "../core/cli/support.ts";
import { answersLate, type Collected, collector, naive, places } from "../core/ops/collect.ts";
import { randomBytes } from "../core/ops/testNode.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const folder = mkdtempSync(path.join(tmpdir(), "blkscope-in-files-"));
const file = (name: string) => path.join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const disk = randomBytes(8 * MiB, 1);
/** Zeroes in the middle, so that some of it is a hole. */
disk.fill(0, 3 * MiB, 4 * MiB);

interface Sent {
  readonly kind: string;
  readonly index?: number;
  readonly claims?: Int32Array;
}

interface Outcome extends Collected {
  /** Items that the thread found equal, and all that it answered. */
  readonly equal: number;
  readonly answered: number;
}

/** Every item is worth a thread; `change` may put another line in its place. */
async function run(
  params: CompareParams,
  change = (port: Port) => port,
  options: CompareTuning = {},
): Promise<Outcome> {
  const { context, result } = collector();
  let [equal, answered] = [0, 0];
  const port = await readyThread();
  const counted = (): Port => {
    const listen: Port["listen"] = (onMessage, onClosed) =>
      port.listen((message) => {
        answered++;
        if ((message as { result?: unknown }).result !== undefined) equal++;
        onMessage(message);
      }, onClosed);
    return change({ ...port, listen, post: begunAtOnce(port) });
  };
  const tuning = { helperFrom: 1, itemBytes: 128 * KiB, startEqualThread: counted, ...options };
  const found = result(await compareRuns(params, context, tuning));
  port.close();
  return { ...found, equal, answered };
}

/** Goes on when the thread has begun the item it is sent: on a busy machine it might get none of so little. */
function begunAtOnce(port: Port): Port["post"] {
  let claims: Int32Array | undefined;
  return (message) => {
    const { kind, index = 0, claims: given } = message as Sent;
    claims ??= given;
    port.post(message);
    const until = performance.now() + 60_000;
    const isFree = () => claims && Atomics.load(claims, index % claims.length) === index + 1;
    while (kind === "scan" && isFree() && performance.now() < until);
  };
}

/** It has answered: on so little it would else come too late. */
async function readyThread(): Promise<Port> {
  const port = startEqualThread();
  if (port === undefined) throw new Error("this test needs a machine with two cores");
  const answer = new Promise((resolve, reject) => port.listen(resolve, reject));
  port.post({ kind: "open", claims: Int32Array.of(1), stopped: Int32Array.of(0) });
  port.post({ kind: "scan", index: 0, pieces: new Float64Array(), ifEqual: {} });
  await answer;
  return port;
}

async function alone(params: CompareParams): Promise<Collected> {
  const { context, result } = collector();
  return result(await compareRuns(params, context, { helperFrom: Number.MAX_SAFE_INTEGER }));
}

const told = ({ rows, unreadable, summary }: Collected) => ({
  rows,
  unreadable,
  summary: { ...summary, elapsedMs: 0 },
});

const raw = (name: string): ImageSpec => ({ driver: "raw", file: { driver: "file", filename: file(name) } });

describeWithQemu("a comparison of what lies in files", () => {
  const tool = (name: string, ...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(name, args, { cwd: folder, encoding: "utf8" });
    // A comparison says by 1 that images differ.
    if (status !== 0 && args[0] !== "compare") throw new Error(`${name} ${args.join(" ")}: ${stderr}`);
    return stdout;
  };

  beforeAll(() => {
    writeFileSync(file("disk.raw"), disk);
    for (const format of ["qcow2", "qed"]) {
      tool("qemu-img", "convert", "-f", "raw", "-O", format, "disk.raw", `disk.${format}`);
    }
    tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", "disk.raw", "packed.qcow2");
    tool("qemu-img", "create", "-q", "-f", "qcow2", "-b", "disk.qed", "-F", "qed", "over.qcow2");
    tool("qemu-io", "-f", "qcow2", "-c", "write -P 7 1M 512k", "over.qcow2");
    const options = "data_file=outside.raw,data_file_raw=on";
    tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", options, "disk.raw", "outside.qcow2");
  });

  it.each(["disk.qcow2", "disk.qed", "outside.qcow2"])("is done by the thread for %s", async (name) => {
    const params = { a: file("disk.raw"), b: file(name) };
    const found = await run(params);
    expect(found.summary).toMatchObject({ identical: true, complete: true, scannedTo: disk.length });
    expect(found.equal).toBeGreaterThan(0);
    expect(told(found)).toEqual(told(await alone(params)));
  });

  it("goes on where the thread has begun all that was planned so far", async () => {
    const params = { a: file("disk.raw"), b: file("disk.qcow2") };
    const found = await run(params, (port) => port, { planningMs: 0 });
    expect(found.summary).toMatchObject({ identical: true, complete: true, scannedTo: disk.length });
  });

  it("finds what one byte anywhere changes", async () => {
    for (const at of [0, 64 * KiB - 1, 2 * MiB + 77, disk.length - 1]) {
      const other = Uint8Array.from(disk);
      other[at] = (other[at] ?? 0) ^ 4;
      writeFileSync(file("other.raw"), other);
      const params = { a: raw("other.raw"), b: file("disk.qcow2") };
      const found = await run(params);
      expect(places(found.rows)).toEqual([
        { offset: Math.floor(at / 512) * 512, length: 512, sectors: 1, bytes: 1 },
      ]);
      expect(told(found)).toEqual(told(await alone(params)));
    }
  });

  it("asked for the first mismatch alone, waits for what the thread has begun before it", async () => {
    for (const at of [77, 2 * MiB + 77, 7 * MiB + 77]) {
      const other = Uint8Array.from(disk);
      for (const place of new Set([at, 7 * MiB + 77])) other[place] = (other[place] ?? 0) ^ 4;
      writeFileSync(file("other.raw"), other);
      const params = { a: raw("other.raw"), b: file("disk.qcow2"), stopAtFirst: true };
      // Items of two blocks: a scan ends in the middle of one when it has found something.
      const { summary, answered } = await run(params, answersLate, { itemBytes: MiB });
      expect(answered).toBeGreaterThan(0);
      expect(summary).toMatchObject({ first: at - 77, identical: false, complete: false });
    }
  });

  it("finds every run where there are many", async () => {
    const other = Uint8Array.from(disk);
    for (let at = 5000; at < other.length; at += 300_000) other.fill(0x55, at, at + 900);
    writeFileSync(file("other.raw"), other);
    const params = { a: raw("other.raw"), b: file("disk.qed") };
    const found = await run(params);
    expect(places(found.rows)).toEqual(naive(other, disk));
    expect(told(found)).toEqual(told(await alone(params)));
  });

  it.each([
    ["over.qcow2", "disk.qed"],
    ["packed.qcow2", "disk.raw"],
    ["disk.qcow2", "over.qcow2"],
  ])("finds the same in %s and %s, clusters of a backing file or compressed", async (a, b) => {
    const params = { a: file(a), b: file(b) };
    const found = await run(params);
    expect(told(found)).toEqual(told(await alone(params)));
    const peer = tool("qemu-img", "compare", a, b);
    expect(found.summary.identical).toBe(peer.includes("Images are identical"));
  });

  it("compares with a shift, by whole and by part sectors", async () => {
    for (const shift of [512, 700, -4096]) {
      const params = { a: file("disk.raw"), b: file("disk.qcow2"), shift, moved: false };
      expect(told(await run(params))).toEqual(told(await alone(params)));
    }
  });

  it("goes through a node that breaks requests", async () => {
    const rule = { event: "read_aio", errno: 5, sector: 2048, once: false };
    const below = { driver: "blkdebug", image: { driver: "file", filename: file("disk.raw") } };
    const params = {
      a: { driver: "raw", file: { ...below, "inject-error": [rule] } },
      b: file("disk.qcow2"),
    };
    const found = await run(params);
    expect(found.answered).toBe(0);
    expect(found.unreadable).toMatchObject([{ offset: MiB, side: "a" }]);
  });

  it("does not take encrypted bytes for the disk's", async () => {
    createLuks(file("secret.qcow2"), "1M");
    writeFileSync(file("copy.qcow2"), readFileSync(file("secret.qcow2")));
    const found = await run({ a: file("secret.qcow2"), b: file("copy.qcow2") });
    const plain = await alone({ a: file("secret.qcow2"), b: file("copy.qcow2") });
    expect(found.answered).toBe(0);
    expect(told(found)).toEqual(told(plain));
  });

  it("is finished without the thread when it dies", async () => {
    const params = { a: file("disk.raw"), b: file("disk.qcow2") };
    const found = await run(params, (port) => ({
      ...port,
      listen: (onMessage, onClosed) => {
        let left = 3;
        port.listen((message) => {
          if (left-- > 0) onMessage(message);
          else if (left === -1) onClosed?.(new Error("it died"));
        }, onClosed);
      },
    }));
    expect(told(found)).toEqual(told(await alone(params)));
  });
});
