// What is left of a qcow2 image after a crash, and after requests of its file that failed: clusters may be leaked, and
// nothing worse; what was flushed is there. The order that makes it so is in core/format/qcow2/write/metadata.ts.
import { describe, expect, test } from "vitest";
import { BlockError } from "../../../../core/base/errors.ts";
import type { BlockNode } from "../../../../core/block/node.ts";
import { openBytes, readAll } from "../../../build/open.ts";
import { openOnFile } from "../../../build/openOnFile.ts";
import { buildQcow2, type Qcow2Spec } from "../../../build/qcow2.ts";
import { type Random, seeded } from "../../../build/random.ts";
import { failingFrom, RecordedFile } from "../../../build/recordedFile.ts";

interface Write {
  readonly offset: number;
  readonly length: number;
  readonly value: number;
}

/** What bytes of the guest's disk may be after a crash: as they were flushed, or as anything wrote them since. */
interface Promised {
  readonly steps: number;
  readonly flushed: Uint8Array;
  readonly since: readonly Write[];
}

const size = 96 * 1024;

/** Requests of all kinds; remembers what could be expected at each step of the file. */
async function play(random: Random, node: BlockNode, file: RecordedFile, count: number): Promise<Promised[]> {
  let flushed = new Uint8Array(size);
  let since: Write[] = [];
  const now = new Uint8Array(size);
  const promises: Promised[] = [];
  for (let i = 0; i < count; i++) {
    const offset = random.below(size);
    const length = Math.min(size - offset, 1 + random.below(random.pick([300, 3000, 20_000])));
    const kind = random.below(8);
    const value = kind < 5 ? 1 + (i % 250) : 0;
    if (kind < 7) since = [...since, { offset, length, value }];
    promises.push({ steps: file.stepCount, flushed, since });
    if (kind < 5) await node.write(offset, new Uint8Array(length).fill(value));
    else if (kind < 7) await node.writeZeroes(offset, length, { mayUnmap: kind === 6 });
    else await node.flush();
    if (kind < 7) now.fill(value, offset, offset + length);
    if (kind === 7) {
      flushed = now.slice();
      since = [];
    }
    promises.push({ steps: file.stepCount, flushed, since });
  }
  return promises;
}

function expectPromised(found: Uint8Array, { flushed, since }: Promised): void {
  const wrong = found.findIndex((byte, at) => {
    if (byte === flushed[at]) return false;
    return !since.some(({ offset, length, value }) => at >= offset && at < offset + length && byte === value);
  });
  expect(wrong, `byte ${wrong} is ${found[wrong]}, flushed was ${flushed[wrong]}`).toBe(-1);
}

async function expectLeaksAtMost(bytes: Uint8Array): Promise<void> {
  const node = await openBytes(bytes, "qcow2");
  const result = await node.check?.({});
  expect(result).toMatchObject({ corruptions: 0, checkErrors: 0 });
}

const shapes: readonly (readonly [string, Omit<Qcow2Spec, "size">])[] = [
  ["clusters of 512 bytes", { clusterBits: 9 }],
  ["clusters of 512 bytes and refcounts of 64 bits", { clusterBits: 9, refcountOrder: 6 }],
  ["clusters of 4 KiB and refcounts of 1 bit", { clusterBits: 12, refcountOrder: 0 }],
  ["version 2", { clusterBits: 10, version: 2 }],
  ["subclusters", { clusterBits: 14, extended: true }],
];

/** An empty image, and behind it what was there before: clusters that nobody owns are not zero. */
function imageOf(shape: Omit<Qcow2Spec, "size">, random: Random): Uint8Array {
  return Buffer.concat([buildQcow2({ ...shape, size }).bytes, random.bytes(128 * 1024)]);
}

describe("a crash", () => {
  test.each(shapes)("leaks clusters at most: %s", (_, shape) =>
    seeded(async (random) => {
      for (let round = 0; round < 4; round++) {
        const file = new RecordedFile(imageOf(shape, random));
        const node = await openOnFile(file);
        const promises = await play(random, node, file, 40);
        await node.close();
        for (let crash = 0; crash < 12; crash++) {
          const steps = 1 + random.below(random.pick([12, file.stepCount]));
          const bytes = file.afterCrash(steps, random);
          await expectLeaksAtMost(bytes);
          // What held when the last request before the crash began, and what that request did since.
          const held = promises.filter((one) => one.steps <= steps).at(-1);
          if (held) expectPromised(await readAll(await openBytes(bytes, "qcow2")), held);
        }
        await expectLeaksAtMost(file.content);
      }
    }),
  );

  test("with lazy refcounts leaves the dirty bit set, or leaks at most", () =>
    seeded(async (random) => {
      const file = new RecordedFile(buildQcow2({ size, clusterBits: 9, compatible: 1n }).bytes);
      const node = await openOnFile(file);
      await play(random, node, file, 40);
      const last = file.stepCount;
      let dirty = 0;
      for (let crash = 0; crash < 30; crash++) {
        const bytes = file.afterCrash(1 + random.below(last), random);
        if ((await openBytes(bytes, "qcow2")).info.dirty === true) dirty++;
        else await expectLeaksAtMost(bytes);
      }
      expect(dirty).toBeGreaterThan(0);
      await node.close();
      expect((await openBytes(file.content, "qcow2")).info.dirty).toBe(false);
      await expectLeaksAtMost(file.content);
    }));
});

describe("requests of the file that fail", () => {
  test.each(shapes)("fail requests of the guest and hurt nothing else: %s", (_, shape) =>
    seeded(async (random) => {
      for (let round = 0; round < 12; round++) {
        const file = new RecordedFile(imageOf(shape, random));
        const node = await openOnFile(file);
        file.fault = failingFrom(random.below(60), 1 + random.below(4));
        const model = new Uint8Array(size);
        let failures = 0;
        for (let i = 0; i < 40; i++) {
          const offset = random.below(size);
          const length = Math.min(size - offset, 1 + random.below(5000));
          try {
            if (random.below(4) === 0) await node.flush();
            else {
              await node.write(offset, new Uint8Array(length).fill(i + 1));
              model.fill(i + 1, offset, offset + length);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(BlockError);
            failures++;
            // The bytes may be old ones or new ones: what is read now is what counts.
            await node.read(offset, model.subarray(offset, offset + length));
          }
        }
        file.fault = undefined;
        expect(Buffer.compare(await readAll(node), model)).toBe(0);
        await node.close();
        expect(failures).toBeLessThan(10);
        await expectLeaksAtMost(file.content);
        expect(Buffer.compare(await readAll(await openBytes(file.content, "qcow2")), model)).toBe(0);
      }
    }),
  );
});
