// What the map's session keeps when its image is scanned again.
import { beforeEach, expect, it } from "vitest";
import { clusterKinds } from "../../../core/block/structure.ts";
import type { MapSummary } from "../../../core/ops/mapRun.ts";
import { type FakeBridge, fileRef, installFakeBridge, openedImage, settle } from "../fakeBridge.ts";

const { MapSession } = await import("../../../renderer/panels/map/session.ts");
const { listenForJobs } = await import("../../../renderer/store/jobs.ts");

const summary = (more: Partial<MapSummary>): MapSummary => ({
  format: "qed",
  clusterSize: 65_536,
  clusters: 4,
  fileSize: 262_144,
  hasTables: true,
  kinds: Object.fromEntries(
    clusterKinds.map((kind) => [kind, { clusters: 0, bytes: 0 }]),
  ) as unknown as MapSummary["kinds"],
  badEntries: 0,
  extraReferences: 0,
  unreadableTables: 0,
  skippedTables: 0,
  guest: undefined,
  guestCells: undefined,
  levels: 1,
  bytesRead: 0,
  elapsedMs: 1,
  ...more,
});

let bridge: FakeBridge;
let lastJob = 900;
let session: InstanceType<typeof MapSession>;

beforeEach(() => {
  bridge = installFakeBridge();
  listenForJobs();
  for (const name of ["job:map", "job:check"] as const) bridge.answer(name, () => ({ job: ++lastJob }));
  session = new MapSession("");
});

async function scanned(more: Partial<MapSummary> = {}): Promise<void> {
  await settle();
  const ended = { cancelled: false, summary: summary(more) };
  bridge.send("job:end", { job: lastJob, ok: true, name: "map", summary: ended });
  await settle();
}

it("forgets the problems of what the file held before, also where there is nothing to check now", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await scanned();
  const finding = { kind: "leak", offset: 65_536, length: 65_536, message: "1 cluster is not used" };
  bridge.send("job:items", { job: lastJob, items: [finding] } as never);
  await settle();
  expect(session.problems.count).toBe(1);
  session.showProblem(0);

  session.attach(openedImage(fileRef("disk.raw")));
  await scanned({ format: "raw", hasTables: false });
  expect(session.problems.count).toBe(0);
  expect(session.store.getState().problem).toBeUndefined();
});
