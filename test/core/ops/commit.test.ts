import { expect, it } from "vitest";
import { commit } from "../../../core/ops/commit.ts";
import { failureOf, filled, firstDifference, readAll } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { OverlayNode } from "./overlayNode.ts";

const cluster = 4096;
const never = new AbortController().signal;

it("makes the base read as the image, through the layers between", async () => {
  await seeded(async (random) => {
    for (let round = 0; round < 30; round++) {
      const size = () => (1 + random.below(8)) * cluster;
      const base = new OverlayNode(size(), cluster, undefined);
      const between = new OverlayNode(size(), cluster, base);
      const image = new OverlayNode(size(), cluster, between);
      for (const layer of [base, between, image]) {
        for (let n = 0; n < 3; n++) {
          const at = random.below(layer.size / cluster) * cluster;
          await layer.write(at, filled(cluster, 1 + random.below(200)));
        }
      }
      const depth = 1 + random.below(2);
      const target = depth === 1 ? between : base;
      const before = await readAll(image);
      await commit({ image, depth, base: target, rate: undefined, signal: never });
      expect(firstDifference((await readAll(target)).subarray(0, before.length), before)).toBeUndefined();
      expect(target.log.at(-1)).toBe("flush");
    }
  });
});

it("copies only what lies above the base", async () => {
  const base = new OverlayNode(4 * cluster, cluster, undefined);
  await base.write(0, filled(4 * cluster, 1));
  const image = new OverlayNode(4 * cluster, cluster, base);
  await image.write(2 * cluster, filled(cluster, 2));
  base.log.length = 0;
  await commit({ image, depth: 1, base, rate: undefined, signal: never });
  expect(base.log).toEqual([`write ${2 * cluster}+${cluster}`, "flush"]);
  expect(image.allocated).toEqual([2]);
});

it("never shrinks a base that is larger", async () => {
  const base = new OverlayNode(4 * cluster, cluster, undefined);
  await commit({
    image: new OverlayNode(cluster, cluster, base),
    depth: 1,
    base,
    rate: undefined,
    signal: never,
  });
  expect(base.size).toBe(4 * cluster);
});

it("ends when it is cancelled", async () => {
  const stop = new AbortController();
  stop.abort();
  const base = new OverlayNode(cluster, cluster, undefined);
  const image = new OverlayNode(cluster, cluster, base);
  await image.write(0, filled(cluster, 1));
  const failed = commit({ image, depth: 1, base, rate: undefined, signal: stop.signal });
  expect(await failureOf(failed)).toMatchObject({ code: "ECANCELED" });
  expect(base.log).toEqual([]);
});
