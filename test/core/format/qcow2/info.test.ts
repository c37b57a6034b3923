// What a qcow2 node says of itself: worked out once, and anew when the image is another.
import { expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../../../core/block/driver.ts";
import type { Snapshots } from "../../../../core/block/node.ts";
import { openGraph } from "../../../../core/graph.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const C = 65536;

it("is the same list for who asks again, and another after a snapshot or another size", async () => {
  const { bytes } = buildQcow2({ size: 4 * C });
  const spec = { driver: "qcow2", file: { driver: "memory", bytes } };
  const graph = await openGraph(spec as ImageSpec, { readOnly: false, warn: () => undefined });
  onTestFinished(() => graph.close());
  const node = graph.root;
  const first = node.info;
  // Loops over what can't be read ask at every step, and there may be 65536 snapshots.
  expect(node.info).toBe(first);
  expect(first.snapshots).toEqual([]);
  await (node.snapshots as Snapshots).create("one");
  expect(node.info.snapshots).toMatchObject([{ name: "one" }]);
  const second = node.info;
  await node.resize(8 * C);
  expect(node.info).not.toBe(second);
  expect(node.info.vmStateOffset).toBe(512 * 1024 * 1024);
});
