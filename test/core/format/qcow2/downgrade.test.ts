// An image made one of version 2, which has no zero clusters, with nothing left out of what writes are checked against.
import { expect, it, onTestFinished } from "vitest";
import type { ImageSpec } from "../../../../core/block/driver.ts";
import { openGraph } from "../../../../core/graph.ts";
import { failureOf, filled, openForTest, readAll } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const C = 4096;

it("zero clusters of tables that only a snapshot has are made ones of version 2 in place", async () => {
  const { bytes } = buildQcow2({
    clusterBits: 12,
    size: 8 * C,
    clusters: new Map<number, Uint8Array | "zero">([
      [0, filled(C, 1)],
      [1, "zero"],
    ]),
  });
  const file = { driver: "memory", bytes };
  const spec = { driver: "qcow2", file, "overlap-check": "all" } as unknown as ImageSpec;
  const graph = await openGraph(spec, { readOnly: false });
  onTestFinished(() => graph.close().catch(() => undefined));
  const node = graph.root;
  await node.snapshots?.create("s");
  // The disk gets an L2 table of its own: the first one is the snapshot's alone then.
  await node.write(2 * C, filled(C, 3));
  await node.flush();
  await node.amend?.({ options: { compat: "0.10" } });
  expect(node.info.specific).toMatchObject({ compat: "0.10" });
  expect(await node.check?.({})).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
  const now = await readAll(node);
  expect([now[0], now[C], now[2 * C]]).toEqual([1, 0, 3]);
  await node.snapshots?.apply("s");
  const then = await readAll(node);
  expect([then[0], then[C], then[2 * C]]).toEqual([1, 0, 0]);
});

it("the disk gets the size of its snapshots on the way to version 2, which has one size for all", async () => {
  const { bytes } = buildQcow2({ clusterBits: 12, size: 8 * C, clusters: new Map([[1, filled(C, 1)]]) });
  const node = (
    await openForTest({ driver: "qcow2", file: { driver: "memory", bytes } }, { readOnly: false })
  ).root;
  await node.snapshots?.create("s");
  await node.resize(16 * C);
  const amend = (size: number) => node.amend?.({ options: { compat: "0.10", size } }) ?? Promise.resolve();
  const { message } = await failureOf(amend(4 * C));
  expect(message).toBe("Internal snapshots prevent downgrade of image");
  expect([node.size, node.info.specific]).toMatchObject([16 * C, { compat: "1.1" }]);
  await amend(8 * C);
  expect([node.size, node.info.specific]).toMatchObject([8 * C, { compat: "0.10" }]);
  expect(await node.check?.({})).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
  // In version 2 the sizes can't part again.
  expect(await failureOf(amend(4 * C))).toMatchObject({ code: "ENOTSUP" });
});
