// The comparison beside `qemu-img compare` on the same pairs: the same answer, the same first offset; and the
// layers of an image that qemu-img and qemu-io made, located byte by byte.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import type { CompareParams } from "../../core/jobs/contract.ts";
import { locate } from "../../core/jobs/locate.ts";
import { compareRuns } from "../../core/ops/compare.ts";
import { describeWithQemu } from "../core/cli/support.ts";
import { collector, naive, places } from "../core/ops/collect.ts";
import { randomBytes, seededRandom } from "../core/ops/testNode.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const folder = mkdtempSync(path.join(tmpdir(), "blkscope-compare-"));
const file = (name: string) => path.join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

function tool(name: "qemu-img" | "qemu-io", ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(name, args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${name} ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

/** What qemu-img says: undefined for identical, else the offset it names; "size" for strict mode's size mismatch. */
function peerFirst(a: string, b: string, strict: boolean): number | "size" | undefined {
  const args = ["compare", ...(strict ? ["-s"] : []), a, b];
  const { status, stdout, stderr } = spawnSync("qemu-img", args, { cwd: folder, encoding: "utf8" });
  if (status === 0) return undefined;
  if (stdout.includes("Image size mismatch!") && strict) return "size";
  const offset = /(?:offset|Offset) (\d+)/.exec(stdout)?.[1];
  if (status !== 1 || offset === undefined)
    throw new Error(`qemu-img ${args.join(" ")}: ${status} ${stdout}${stderr}`);
  return Number(offset);
}

async function own(a: string, b: string, options: Omit<CompareParams, "a" | "b"> = {}) {
  const { context, result } = collector();
  return result(await compareRuns({ a: file(a), b: file(b), ...options }, context));
}

/** 4 MiB of data in seeded pieces between holes. */
function sparseBytes(seed: number): Uint8Array {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(4 * MiB);
  for (let at = 0; at < bytes.length; at += 64 * KiB * Math.ceil(random() * 8)) {
    const length = Math.min(bytes.length - at, 4 * KiB * Math.ceil(random() * 40));
    bytes.set(randomBytes(length, seed + at), at);
  }
  return bytes;
}

describeWithQemu("compare and qemu-img compare", () => {
  const seeds = [1, 2, 3, 4, 5, 6];

  beforeAll(() => {
    for (const seed of seeds) {
      const bytes = sparseBytes(seed);
      writeFileSync(file(`a${seed}.raw`), bytes);
      tool(
        "qemu-img",
        "convert",
        "-f",
        "raw",
        "-O",
        "qed",
        "-o",
        "cluster_size=4096",
        `a${seed}.raw`,
        `a${seed}.qed`,
      );
      // An overlay over a copy, with some clusters written and some zeroed: compared with the plain result.
      tool("qemu-img", "create", "-q", "-f", "qed", "-b", `a${seed}.raw`, "-F", "raw", `o${seed}.qed`);
      const random = seededRandom(seed + 100);
      for (let i = 0; i < 6; i++) {
        const offset = 512 * Math.floor(random() * 8000);
        const command =
          i % 3 === 2 ? `write -z ${64 * KiB * (i + 3)} 128k` : `write -P ${i + 1} ${offset} 9k`;
        tool("qemu-io", "-f", "qed", "-c", command, `o${seed}.qed`);
      }
      tool("qemu-img", "convert", "-f", "qed", "-O", "raw", `o${seed}.qed`, `f${seed}.raw`);
    }
  });

  it.each(seeds)("agree on raw, QED and backing files, and find all of it (seed %i)", async (seed) => {
    const [raw, qed, overlay, flat] = [`a${seed}.raw`, `a${seed}.qed`, `o${seed}.qed`, `f${seed}.raw`];
    const expected = naive(readFileSync(file(raw)), readFileSync(file(flat)));
    expect(expected.length).toBeGreaterThan(0);
    for (const [a, b] of [
      [raw, raw],
      [raw, qed],
      [qed, raw],
      [overlay, flat],
      [flat, overlay],
    ] as const) {
      const { rows, summary } = await own(a, b);
      expect(rows).toEqual([]);
      expect(summary).toMatchObject({ identical: true, complete: true });
      expect(peerFirst(a, b, false)).toBeUndefined();
    }
    for (const [a, b] of [
      [raw, flat],
      [raw, overlay],
      [qed, overlay],
      [overlay, qed],
    ] as const) {
      const { rows, summary } = await own(a, b);
      expect(places(rows)).toEqual(expected);
      expect(summary.first).toBe(peerFirst(a, b, false));
    }
  });

  it("agree on images of different sizes, with an empty and with a filled tail", async () => {
    const bytes = sparseBytes(9);
    writeFileSync(file("short.raw"), bytes.subarray(0, 3 * MiB + 1024));
    writeFileSync(file("empty.raw"), bytes.subarray(0, 3 * MiB + 1024));
    truncateSync(file("empty.raw"), 5 * MiB);
    writeFileSync(file("filled.raw"), readFileSync(file("empty.raw")).fill(1, 4 * MiB + 700, 4 * MiB + 701));
    for (const [a, b, first] of [
      ["short.raw", "empty.raw", undefined],
      ["empty.raw", "short.raw", undefined],
      ["short.raw", "filled.raw", 4 * MiB + 512],
      ["filled.raw", "short.raw", 4 * MiB + 512],
    ] as const) {
      const { summary } = await own(a, b);
      expect(summary).toMatchObject({ first, identical: first === undefined });
      expect(peerFirst(a, b, false)).toBe(first);
    }
  });

  it("agree in strict mode", async () => {
    // Written clusters, zero clusters and unallocated ones. All end with the same data: the peer takes it for a
    // difference of its own when one image's extent reaches the end and the other's does not.
    tool("qemu-img", "create", "-q", "-f", "qed", "none.qed", "1M");
    tool("qemu-img", "create", "-q", "-f", "qed", "zeroed.qed", "1M");
    tool("qemu-io", "-f", "qed", "-c", "write -z 256k 128k", "zeroed.qed");
    tool("qemu-img", "create", "-q", "-f", "qed", "written.qed", "1M");
    tool("qemu-io", "-f", "qed", "-c", "write -P 0 512k 64k", "written.qed");
    tool("qemu-img", "create", "-q", "-f", "qed", "data.qed", "1M");
    tool("qemu-io", "-f", "qed", "-c", "write -P 7 512k 64k", "data.qed");
    tool("qemu-img", "create", "-q", "-f", "qed", "larger.qed", "2M");
    for (const name of ["none", "zeroed", "written", "data"]) {
      tool("qemu-io", "-f", "qed", "-c", "write -P 9 960k 64k", `${name}.qed`);
    }
    const names = ["none.qed", "zeroed.qed", "written.qed", "data.qed", "larger.qed"];
    for (const a of names) {
      for (const b of names) {
        const peer = peerFirst(a, b, true);
        const { summary, rows } = await own(a, b, { strict: true });
        expect({ a, b, identical: summary.identical }).toEqual({ a, b, identical: peer === undefined });
        // A difference in size is the last row of ours and the only message of the peer.
        if (peer === "size")
          expect(rows.at(-1)).toMatchObject({ offset: MiB, signature: "stored-differently" });
        else expect({ a, b, first: summary.first }).toEqual({ a, b, first: peer });
      }
    }
  });

  it("locate each byte in the layer and at the place where qemu-img map has it", async () => {
    const map = JSON.parse(tool("qemu-img", "map", "--output=json", "o1.qed")) as {
      start: number;
      length: number;
      depth: number;
      zero: boolean;
      offset?: number;
    }[];
    const graph = await openGraph(file("o1.qed"));
    let checked = 0;
    for (const { start, length, depth, zero, offset } of map) {
      for (const at of [start, start + Math.floor(length / 2), start + length - 1]) {
        const layers = await locate(graph.root, at);
        if (zero) continue;
        checked++;
        expect(layers.at(-1)).toMatchObject({ depth, state: "data", hostOffset: (offset ?? 0) + at - start });
        expect(layers[0]?.driver).toBe("qed");
        expect(layers[0]?.path).toMatch(/L1\[0\]/);
      }
    }
    expect(checked).toBeGreaterThan(10);
    await graph.close();
  });
});
