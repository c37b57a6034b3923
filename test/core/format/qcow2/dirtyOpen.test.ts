// A qcow2 image whose dirty bit is set, opened for writing: it is met once, as every image that was not closed properly.
import { expect, test } from "vitest";
import type { DirtyPolicy } from "../../../../core/block/driver.ts";
import { filled, openForTest, readRange } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const cluster = 512;
const content = filled(cluster, 7);

/** Lazy refcounts and the dirty bit; `refcounts` as stored, by cluster of the file. */
async function openDirty(refcounts: ReadonlyMap<number, bigint>, dirty: DirtyPolicy) {
  const flags = { incompatible: 1n, compatible: 1n };
  const clusters = new Map([[0, content]]);
  const { bytes } = buildQcow2({ size: 4 * cluster, clusterBits: 9, clusters, refcounts, ...flags });
  const warnings: string[] = [];
  const spec = { driver: "qcow2", file: { driver: "memory", bytes } };
  const warn = (message: string) => warnings.push(message);
  const { root } = await openForTest(spec, { readOnly: false, dirty, warn });
  return { root, warnings };
}

test("its tables are checked, which is said once, and nothing new is written where they are wrong", async () => {
  // Clusters 4 and 5 are the L2 table and the data.
  const { root, warnings } = await openDirty(
    new Map([
      [4, 0n],
      [5, 0n],
    ]),
    "report",
  );
  expect(warnings).toEqual([expect.stringMatching(/^The image was not closed properly: 4 corruptions\./)]);
  expect(root.info.dirty).toBe(true);
  await expect(root.write(cluster, content)).rejects.toMatchObject({ code: "ECORRUPT" });
  expect(await readRange(root, 0, cluster)).toEqual(content);
});

test("where they are right the bit is cleared, and it can be written to", async () => {
  const { root, warnings } = await openDirty(new Map(), "report");
  expect(warnings).toEqual(["The image was not closed properly; its tables are consistent"]);
  expect(root.info.dirty).toBe(false);
  await root.write(cluster, content);
  expect(await readRange(root, 0, 2 * cluster)).toEqual(filled(2 * cluster, 7));
});

test("it is repaired first where that is asked for", async () => {
  const { root, warnings } = await openDirty(
    new Map([
      [4, 0n],
      [5, 0n],
    ]),
    "repair",
  );
  expect(warnings).toEqual([]);
  expect(root.info.dirty).toBe(false);
  await root.write(cluster, content);
  expect(await root.check?.({})).toMatchObject({ corruptions: 0, leaks: 0 });
});
