// A disk that shrinks in a session that did nothing before gives its L2 tables up: their clusters are used again.
import { expect, test } from "vitest";
import { filled, openForTest, readRange } from "../../../build/open.ts";
import { buildQcow2 } from "../../../build/qcow2.ts";

const clusterSize = 512;
/** 64 entries of 8 bytes in a table, each for a cluster of 512 bytes. */
const perTable = 64 * clusterSize;

test.each(["constant", "cached", "all"])(
  "L2 tables that are dropped first are no metadata any more: overlap-check=%s",
  async (checks) => {
    const clusters = new Map([
      [0, filled(clusterSize, 1)],
      [64, filled(clusterSize, 2)],
    ]);
    const { bytes, l2Offsets } = buildQcow2({ size: 2 * perTable, clusterBits: 9, clusters });
    const file = { driver: "memory", bytes };
    const spec = { driver: "qcow2", file, "overlap-check": checks };
    const { root } = await openForTest(spec, { readOnly: false });
    await root.resize(perTable);
    // Two clusters are free where the table and its data were, and new data go there.
    await root.write(clusterSize, filled(3 * clusterSize, 3));
    await root.flush();
    const freed = l2Offsets.get(1) ?? 0;
    expect(await root.describeAt?.(clusterSize)).toContain(`0x${freed.toString(16)}`);
    expect(await readRange(root, 0, 2 * clusterSize)).toEqual(
      Uint8Array.from([...filled(clusterSize, 1), ...filled(clusterSize, 3)]),
    );
    expect(await root.check?.({})).toMatchObject({ corruptions: 0, leaks: 0, checkErrors: 0 });
  },
);
