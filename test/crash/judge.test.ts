// Writers of QED that do things in a wrong order are caught. The orders are played by hand, so that this test says whether
// the judge can still complain, whatever our own driver does.
import { describe, expect, it } from "vitest";
import { filled } from "../build/open.ts";
import { buildQed } from "../build/qed.ts";
import type { Setting } from "./format.ts";
import { patternAt } from "./openImage.ts";
import { type CommonStep, complaint, play } from "./orders.ts";
import { qedFormat } from "./qedLife.ts";
import type { Part } from "./workload.ts";

const cluster = 4096;

/** Steps of one allocating write of a cluster. */
type Step = "set bit" | "clear bit" | "data" | "L2" | "L1";

/** Plays the steps on an empty image of 4 KiB clusters: header, L1 at 0x1000, then data at 0x2000, L2 at 0x3000. */
function playWrite(steps: readonly (Step | CommonStep)[], backingSize: number | undefined): Promise<Part> {
  const size = 4 * cluster;
  const setting: Setting = {
    format: qedFormat(1),
    clusterSize: cluster,
    perTable: (cluster / 8) * cluster,
    backingSize,
    zones: [{ offset: 0, length: size }],
  };
  const backing = backingSize === undefined ? {} : { backing: { name: "base.raw", raw: true } };
  const { bytes } = buildQed({ size, clusterSize: cluster, tableSize: 1, ...backing });
  const before = Uint8Array.from({ length: size }, (_, at) => (at < (backingSize ?? 0) ? patternAt(at) : 0));
  const data = filled(cluster, 0x77);
  const bits = bytes[16] ?? 0;
  const entry = (value: number) => {
    const table = new Uint8Array(cluster);
    new DataView(table.buffer).setBigUint64(0, BigInt(value), true);
    return table;
  };
  return play<Step>({
    setting,
    start: { bytes, content: { size, zones: [before] }, damaged: false, snapshots: [], bitmaps: [] },
    writes: [{ offset: 0, bytes: data }],
    steps,
    acts: {
      "set bit": (file) => file.write(16, Uint8Array.of(bits + 2)),
      "clear bit": (file) => file.write(16, Uint8Array.of(bits)),
      data: (file) => file.write(2 * cluster, data),
      L2: (file) => file.write(3 * cluster, entry(2 * cluster)),
      L1: (file) => file.write(cluster, entry(3 * cluster).subarray(0, 512)),
    },
  });
}

describe("the judge", () => {
  const right: readonly (Step | CommonStep)[] = [
    "set bit",
    "flush",
    "data",
    "flush",
    "L2",
    "flush",
    "L1",
    "written",
  ];

  it.each([undefined, 3 * cluster])(
    "has nothing to say of the right order (backing file: %s)",
    async (backing) => {
      const steps: (Step | CommonStep)[] = [...right, "flush", "flushed", "clear bit", "flush"];
      expect(await complaint(await playWrite(steps, backing))).toBeUndefined();
    },
  );

  it("catches tables that point past the end without the need-check bit", async () => {
    const part = await playWrite(["data", "L2", "L1", "written"], undefined);
    expect(await complaint(part)).toContain("bit for repairs is not set");
  });

  it("catches a need-check bit whose write no flush keeps before the tables", async () => {
    const part = await playWrite(["set bit", "data", "L2", "L1", "written"], undefined);
    expect(await complaint(part)).toContain("bit for repairs is not set");
  });

  it("catches a need-check bit that is cleared before the tables are durable", async () => {
    const part = await playWrite([...right.slice(0, 3), "L2", "L1", "clear bit", "written"], undefined);
    expect(await complaint(part)).toContain("bit for repairs is not set");
  });

  it("catches data that come after the table that points at them, over a backing file", async () => {
    const part = await playWrite(["set bit", "flush", "L2", "flush", "L1", "data", "written"], 4 * cluster);
    expect(await complaint(part)).toContain("the guest's byte");
  });

  it("catches an L1 entry durable before its L2 table, once the guest was told that the data are safe", async () => {
    const part = await playWrite(
      ["set bit", "flush", "data", "L1", "flush", "L2", "written", "flushed"],
      undefined,
    );
    expect(await complaint(part)).toContain("the guest's cluster at 0 can't be read");
  });

  it("catches a flush that is answered without one of the file", async () => {
    const part = await playWrite([...right, "flushed"], undefined);
    expect(await complaint(part)).toContain("the guest's byte");
  });
});
