// What is left of snapshots after a crash, and after requests of the file that failed while one was made, applied or
// deleted: the state before or after it, and leaks at most. The order that makes it so is in write/snapshots.ts.
import { describe, expect, test } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import type { Finding, FindingKind } from "../../../../core/block/finding.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { firstDifference, openBytes, openForTest, readAll } from "../../../build/open.ts";
import { openOnFile } from "../../../build/openOnFile.ts";
import { buildQcow2, type Qcow2Spec } from "../../../build/qcow2.ts";
import { type Random, seeded } from "../../../build/random.ts";
import { failingFrom, RecordedFile } from "../../../build/recordedFile.ts";

/** What a guest sees of the disk and of each snapshot, by its id. */
interface State {
  readonly disk: Uint8Array;
  readonly snapshots: ReadonlyMap<string, Uint8Array>;
}

type Kind = "write" | "resize" | "create" | "apply" | "delete";

/** One thing that was done: from this step of the file to that one. */
interface Done {
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
  readonly before: State;
  readonly after: State;
}

const size = 96 * 1024;
const shapes: readonly (readonly [string, Omit<Qcow2Spec, "size">])[] = [
  ["clusters of 512 bytes", { clusterBits: 9 }],
  ["clusters of 512 bytes and refcounts of 64 bits", { clusterBits: 9, refcountOrder: 6 }],
  ["clusters of 4 KiB and refcounts of 4 bits", { clusterBits: 12, refcountOrder: 2 }],
  ["version 2", { clusterBits: 10, version: 2 }],
  ["subclusters", { clusterBits: 14, extended: true }],
];

/** An empty image, and behind it what was there before: clusters that nobody owns are not zero. */
function imageOf(shape: Omit<Qcow2Spec, "size">, random: Random): Uint8Array {
  return Buffer.concat([buildQcow2({ ...shape, size }).bytes, random.bytes(64 * 1024)]);
}

async function writeRandomly(node: BlockNode, random: Random, disk: Uint8Array): Promise<Uint8Array> {
  const now = disk.slice();
  for (let i = 0; i < 3; i++) {
    const offset = random.below(now.length);
    const bytes = random.bytes(Math.min(now.length - offset, 1 + random.below(9000)));
    await node.write(offset, bytes);
    now.set(bytes, offset);
  }
  await node.flush();
  return now;
}

function resized(disk: Uint8Array, length: number): Uint8Array {
  const now = new Uint8Array(length);
  now.set(disk.subarray(0, length));
  return now;
}

/** Does one thing; the state after it. Throws what the image throws. */
async function act(node: BlockNode, random: Random, state: State): Promise<readonly [Kind, State]> {
  const { disk, snapshots } = state;
  const id = random.pick([...snapshots.keys(), "1"]);
  const kind = random.pick<Kind>(["write", "write", "resize", "create", "create", "apply", "delete"]);
  if (kind === "write") return [kind, { ...state, disk: await writeRandomly(node, random, disk) }];
  if (kind === "resize" && (node.info.specific?.compat === "1.1" || snapshots.size === 0)) {
    const length = 512 * (1 + random.below((2 * size) / 512));
    await node.resize(length);
    return [kind, { ...state, disk: resized(disk, length) }];
  }
  if (kind === "create" && snapshots.size < 5) {
    // One more than the highest there is (qcow2.md, "Snapshots").
    const highest = Math.max(0, ...[...snapshots.keys()].map(Number));
    await node.snapshots?.create(`of ${disk.length}`);
    return [kind, { disk, snapshots: new Map([...snapshots, [String(highest + 1), disk]]) }];
  }
  const content = snapshots.get(id);
  if (kind === "apply" && content !== undefined) {
    await node.snapshots?.apply(id);
    return [kind, { ...state, disk: content }];
  }
  if (kind === "delete" && content !== undefined) {
    await node.snapshots?.delete(id);
    return [kind, { disk, snapshots: new Map([...snapshots].filter(([one]) => one !== id)) }];
  }
  return ["write", state];
}

async function stateOf(bytes: Uint8Array): Promise<State> {
  const node = await openBytes(bytes, "qcow2");
  const snapshots = new Map<string, Uint8Array>();
  for (const { id } of node.info.snapshots ?? []) {
    const file = { driver: "memory", bytes };
    const { root } = await openForTest({ driver: "qcow2", file, snapshot: id });
    snapshots.set(id, await readAll(root));
  }
  return { disk: await readAll(node), snapshots };
}

function isSame(a: State, b: State): boolean {
  if (firstDifference(a.disk, b.disk) !== undefined || a.snapshots.size !== b.snapshots.size) return false;
  return [...a.snapshots].every(([id, content]) => {
    const other = b.snapshots.get(id);
    return other !== undefined && firstDifference(content, other) === undefined;
  });
}

/**
 * Counts may be too high, and COPIED may fit what is really there instead of the count: nothing else. COPIED on what two
 * tables share would let one write over the other's data. Answers what kinds there are.
 */
async function expectLeaksAtMost(bytes: Uint8Array): Promise<readonly FindingKind[]> {
  const node = await openBytes(bytes, "qcow2");
  const findings: Finding[] = [];
  const result = await node.check?.({ finding: (one) => findings.push(one) });
  expect(result?.checkErrors).toBe(0);
  const worse = findings.filter(({ kind, code }) => kind !== "leak" && !code.endsWith("copied-flag"));
  expect(worse.map(({ message }) => message)).toEqual([]);
  const leaks = findings.filter(({ code }) => code === "refcount-too-high");
  for (const { code, message, value = "0" } of findings) {
    if (!code.endsWith("copied-flag")) continue;
    const entry = BigInt(`0x${value.replace(/^0x/, "")}`);
    if (entry >> 63n === 0n) continue;
    const cluster = Number(entry & 0x00fffffffffffe00n);
    const leak = leaks.find(({ offset, length }) => cluster >= offset && cluster < offset + length);
    expect(leak?.references?.total, message).toBe(1);
  }
  return findings.map(({ kind }) => kind);
}

async function history(random: Random, shape: Omit<Qcow2Spec, "size">, count: number) {
  const file = new RecordedFile(imageOf(shape, random));
  const node = await openOnFile(file);
  let state: State = { disk: new Uint8Array(size), snapshots: new Map() };
  const done: Done[] = [];
  for (let i = 0; i < count; i++) {
    const before = state;
    const from = file.stepCount;
    const [kind, after] = await act(node, random, state);
    done.push({ kind, from, to: file.stepCount, before, after });
    state = after;
  }
  return { file, node, state, done };
}

describe("a crash while there are snapshots", () => {
  test.each(shapes)("leaves the state before or after, and leaks at most: %s", (_, shape) =>
    seeded(async (random) => {
      const { file, node, state, done } = await history(random, shape, 25);
      await node.close();
      expect(isSame(await stateOf(file.content), state)).toBe(true);
      const findings: Finding[] = [];
      await (await openBytes(file.content, "qcow2")).check?.({ finding: (one) => findings.push(one) });
      expect(findings).toEqual([]);
      for (const { kind, from, to, before, after } of done) {
        if (kind === "write" || to === from) continue;
        for (let crash = 0; crash < 3; crash++) {
          const bytes = file.afterCrash(from + random.below(to - from + 1), random);
          await expectLeaksAtMost(bytes);
          const found = await stateOf(bytes);
          if (kind === "resize") {
            expect(isSame({ ...found, disk: before.disk }, before)).toBe(true);
          } else expect(isSame(found, before) || isSame(found, after), `${kind}: neither`).toBe(true);
        }
      }
    }),
  );
});

describe("requests of the file that fail", () => {
  test.each(shapes)("leave snapshots as before or after, and leaks at most: %s", (_, shape) =>
    seeded(async (random) => {
      let failures = 0;
      for (let round = 0; round < 12; round++) {
        const { file, node, state: start } = await history(random, shape, 6);
        let state = start;
        const times = random.pick([1, 1, 1, 2, 1000]);
        file.fault = failingFrom(random.below(12), times);
        const kind = random.pick(["create", "apply", "delete"] as const);
        const id = [...state.snapshots.keys()][0] ?? "1";
        const highest = Math.max(0, ...[...state.snapshots.keys()].map(Number));
        const content = state.snapshots.get(id);
        if (kind !== "create" && content === undefined) continue;
        const after: State = {
          disk: kind === "apply" && content ? content : state.disk,
          snapshots: new Map(
            kind === "create"
              ? [...state.snapshots, [String(highest + 1), state.disk]]
              : [...state.snapshots].filter(([one]) => kind !== "delete" || one !== id),
          ),
        };
        try {
          await node.snapshots?.[kind](kind === "create" ? "another" : id);
          state = after;
        } catch (error) {
          expect(error).toBeInstanceOf(BlockError);
          failures++;
        }
        // The machine goes on for a while: nothing that was kept may be written over.
        const isLasting = random.below(2) === 0;
        if (!isLasting) file.fault = undefined;
        const found = await stateOf(file.content);
        expect(isSame(found, start) || isSame(found, after), `${kind}: neither`).toBe(true);
        await expectLeaksAtMost(file.content);
        file.fault = undefined;
        expect([start.disk.length, after.disk.length]).toContain(node.size);
        const disk = await writeRandomly(node, random, await readAll(node));
        const listed = (node.info.snapshots ?? []).map((one) => one.id);
        await node.close();
        const kinds = await expectLeaksAtMost(file.content);
        if (times === 1) expect(kinds.filter((one) => one !== "leak")).toEqual([]);
        const end = await stateOf(file.content);
        expect(firstDifference(end.disk, disk)).toBeUndefined();
        expect([...end.snapshots.keys()]).toEqual(listed);
        for (const [one, bytes] of end.snapshots) {
          expect(
            firstDifference(bytes, after.snapshots.get(one) ?? start.snapshots.get(one) ?? bytes),
          ).toBeUndefined();
        }
      }
      expect(failures).toBeGreaterThan(2);
    }),
  );
});
