// Writers that do things in a wrong order are caught. The orders are played by hand on the recording file, so that
// this test says whether the judge can still complain, whatever our own driver does.
import { describe, expect, it } from "vitest";
import { guard } from "../../core/block/guard.ts";
import { filled } from "../build/open.ts";
import { buildQed } from "../build/qed.ts";
import { randomFrom } from "../build/random.ts";
import { cutMoments, prefixState, reorderedState, tornState } from "./crashStates.ts";
import type { Setting } from "./format.ts";
import { GuestModel } from "./guestModel.ts";
import { judge } from "./judge.ts";
import { patternAt } from "./openImage.ts";
import { qedFormat } from "./qedLife.ts";
import { Clock, pending, RecordingNode } from "./recorder.ts";
import { SnapshotModel } from "./snapshotModel.ts";
import type { Part } from "./workload.ts";

const cluster = 4096;

/** Steps of one allocating write of a cluster, and of what the guest is told. */
type Step = "set bit" | "clear bit" | "data" | "L2" | "L1" | "flush" | "written" | "flushed";

/** Plays the steps on an empty image of 4 KiB clusters: header, L1 at 0x1000, then data at 0x2000, L2 at 0x3000. */
async function play(steps: readonly Step[], backingSize: number | undefined): Promise<Part> {
  const size = 4 * cluster;
  const setting: Setting = {
    format: qedFormat(1),
    clusterSize: cluster,
    perTable: (cluster / 8) * cluster,
    backingSize,
    zones: [{ offset: 0, length: size }],
  };
  const backing = backingSize === undefined ? {} : { backing: { name: "base.raw", raw: true } };
  const initial = buildQed({ size, clusterSize: cluster, tableSize: 1, ...backing }).bytes;
  const before = Uint8Array.from({ length: size }, (_, at) => (at < (backingSize ?? 0) ? patternAt(at) : 0));
  const clock = new Clock();
  const inner = new RecordingNode("file", initial, clock, randomFrom(5));
  const file = guard(inner);
  const model = new GuestModel(setting.zones, { size, zones: [before] });
  const data = filled(cluster, 0x77);
  model.requests.push({
    kind: "write",
    offset: 0,
    bytes: data,
    fua: false,
    start: clock.tick(),
    end: pending,
  });
  const bits = initial[16] ?? 0;
  const entry = (value: number) => {
    const table = new Uint8Array(cluster);
    new DataView(table.buffer).setBigUint64(0, BigInt(value), true);
    return table;
  };
  for (const step of steps) {
    if (step === "set bit") await file.write(16, Uint8Array.of(bits + 2));
    else if (step === "clear bit") await file.write(16, Uint8Array.of(bits));
    else if (step === "data") await file.write(2 * cluster, data);
    else if (step === "L2") await file.write(3 * cluster, entry(2 * cluster));
    else if (step === "L1") await file.write(cluster, entry(3 * cluster).subarray(0, 512));
    else if (step === "flush") await file.flush();
    else if (step === "flushed")
      model.requests.push({ kind: "flush", start: clock.tick(), end: clock.tick() });
    else for (const request of model.requests) request.end = clock.tick();
  }
  return { setting, damagedAtStart: false, record: inner.record, model, snapshots: new SnapshotModel([]) };
}

/** What the judge says of a part: the first complaint over all cuts and 40 reorderings of each. */
async function complaint(part: Part): Promise<string | undefined> {
  const random = randomFrom(11);
  // Requests of the guest have moments of their own: the last cut comes after all of them.
  const last = Math.max(...part.model.requests.map(({ end }) => end).filter(Number.isFinite));
  for (const moment of [...cutMoments(part.record), last]) {
    const states = [prefixState(part.record, moment), tornState(part.record, moment, random)];
    for (let left = 40; left > 0; left--) states.push(reorderedState(part.record, moment, random));
    for (const state of states) {
      const outcome = await judge(part, state).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      if (outcome !== undefined) return outcome;
    }
  }
  return undefined;
}

describe("the judge", () => {
  const right: readonly Step[] = ["set bit", "flush", "data", "flush", "L2", "flush", "L1", "written"];

  it.each([undefined, 3 * cluster])(
    "has nothing to say of the right order (backing file: %s)",
    async (backing) => {
      const steps: Step[] = [...right, "flush", "flushed", "clear bit", "flush"];
      expect(await complaint(await play(steps, backing))).toBeUndefined();
    },
  );

  it("catches tables that point past the end without the need-check bit", async () => {
    const part = await play(["data", "L2", "L1", "written"], undefined);
    expect(await complaint(part)).toContain("need-check bit is not set");
  });

  it("catches a need-check bit whose write no flush keeps before the tables", async () => {
    const part = await play(["set bit", "data", "L2", "L1", "written"], undefined);
    expect(await complaint(part)).toContain("need-check bit is not set");
  });

  it("catches a need-check bit that is cleared before the tables are durable", async () => {
    const part = await play([...right.slice(0, 3), "L2", "L1", "clear bit", "written"], undefined);
    expect(await complaint(part)).toContain("need-check bit is not set");
  });

  it("catches data that come after the table that points at them, over a backing file", async () => {
    const part = await play(["set bit", "flush", "L2", "flush", "L1", "data", "written"], 4 * cluster);
    expect(await complaint(part)).toContain("the guest's byte");
  });

  it("catches an L1 entry durable before its L2 table, once the guest was told that the data are safe", async () => {
    const part = await play(
      ["set bit", "flush", "data", "L1", "flush", "L2", "written", "flushed"],
      undefined,
    );
    expect(await complaint(part)).toContain("the guest's cluster at 0 can't be read");
  });

  it("catches a flush that is answered without one of the file", async () => {
    const part = await play([...right, "flushed"], undefined);
    expect(await complaint(part)).toContain("the guest's byte");
  });
});
