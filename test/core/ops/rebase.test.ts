import { expect, it } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { rebase } from "../../../core/ops/rebase.ts";
import { failureOf, filled, firstDifference, readAll } from "../../build/open.ts";
import { type Random, seeded } from "../../build/random.ts";
import { OverlayNode } from "./overlayNode.ts";
import { TestNode } from "./testNode.ts";

const cluster = 4096;
const never = new AbortController().signal;

function request(image: OverlayNode, backing: BlockNode | undefined, signal = never) {
  const name = backing === undefined ? undefined : { filename: "new", format: "raw" };
  return { image, backing, name, signal };
}

/** A disk of clusters, some of zeroes, some of a byte. */
function disk(clusters: number, tail: number, random: Random): TestNode {
  const bytes = new Uint8Array(clusters * cluster + tail);
  for (let at = 0; at < bytes.length; at += cluster) {
    bytes.fill(random.below(3), at, Math.min(bytes.length, at + cluster));
  }
  return new TestNode(bytes);
}

it("reads as before on the new backing file, whatever the sizes of the three", async () => {
  await seeded(async (random) => {
    for (let round = 0; round < 40; round++) {
      const old = disk(random.below(12), random.below(8) * 512, random);
      const backing =
        random.below(5) === 0 ? undefined : disk(random.below(12), random.below(8) * 512, random);
      const image = new OverlayNode(10 * cluster, cluster, old);
      for (let n = 0; n < 3; n++) await image.write(random.below(10) * cluster, filled(cluster, 7));
      const before = await readAll(image);
      await rebase(request(image, backing));
      image.use(backing);
      expect(firstDifference(await readAll(image), before)).toBeUndefined();
    }
  });
});

it("copies only clusters that differ", async () => {
  const bytes = new Uint8Array(8 * cluster).fill(1);
  const changed = bytes.slice();
  changed[5 * cluster + 17] = 2;
  const image = new OverlayNode(8 * cluster, cluster, new TestNode(bytes));
  await image.write(0, filled(cluster, 9));
  await rebase(request(image, new TestNode(changed)));
  expect(image.allocated).toEqual([0, 5]);
});

it("changes the name when everything copied is on the disk, and not before", async () => {
  const image = new OverlayNode(2 * cluster, cluster, new TestNode(filled(2 * cluster, 1)));
  await rebase(request(image, new TestNode(filled(2 * cluster, 2))));
  expect(image.log).toEqual([`write 0+${cluster}`, `write ${cluster}+${cluster}`, "flush", "backing new"]);
});

it("keeps the old name when a write fails", async () => {
  const image = new OverlayNode(2 * cluster, cluster, new TestNode(filled(2 * cluster, 1)));
  image.failWrite = 2;
  expect(await failureOf(rebase(request(image, undefined)))).toMatchObject({ code: "EIO" });
  expect(image.log.some((line) => line.startsWith("backing"))).toBe(false);
});

it("keeps the old name when it is cancelled", async () => {
  const stop = new AbortController();
  stop.abort();
  const image = new OverlayNode(2 * cluster, cluster, new TestNode(filled(2 * cluster, 1)));
  expect(await failureOf(rebase(request(image, undefined, stop.signal)))).toMatchObject({
    code: "ECANCELED",
  });
  expect(image.log).toEqual([]);
});

it("refuses formats without backing files before anything is copied", async () => {
  const image: BlockNode = new TestNode(filled(cluster, 1));
  const failed = rebase({ image, backing: undefined, name: undefined, signal: never });
  expect(await failureOf(failed)).toMatchObject({ code: "ENOTSUP" });
});
