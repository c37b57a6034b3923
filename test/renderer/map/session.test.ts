// What the map's session keeps when its image is scanned again.
import { afterEach, beforeEach, expect, it } from "vitest";
import { clusterKinds } from "../../../core/block/structure.ts";
import type { MapSoFar, MapSummary } from "../../../core/ops/mapRun.ts";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  openedImage,
  plainError,
  settle,
} from "../fakeBridge.ts";

const { MapSession, stepText } = await import("../../../renderer/panels/map/session.ts");
const { goalOf } = await import("../../../renderer/panels/map/goToPlace.ts");
const { useView } = await import("../../../renderer/store/view.ts");
const { listenForJobs, stopJob, useJobs } = await import("../../../renderer/store/jobs.ts");

const summary = (more: Partial<MapSummary>): MapSummary => ({
  format: "qed",
  clusterSize: 65_536,
  clusters: 4,
  fileSize: 262_144,
  hasTables: true,
  identity: undefined,
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

afterEach(() => session.dispose());

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

const soFar = (version: number, more: Partial<MapSoFar> = {}): MapSoFar => {
  const { format, clusterSize, clusters, fileSize, hasTables, kinds, levels } = summary({});
  return { format, clusterSize, clusters, fileSize, hasTables, kinds, levels, version, ...more };
};

/** The scan tells how far it is, with a version of its map. */
async function grown(job: number, version: number, done = 1000): Promise<void> {
  const totals = { bytesRead: done, soFar: soFar(version) };
  bridge.send("job:progress", { job, progress: { done, total: 4000, bytesRead: done, totals } } as never);
  await settle();
}

const shown = () => session.store.getState().shown;

it("shows what is known while the scan runs, with a check beside it, and keeps both in the end", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await settle();
  const scan = lastJob;
  await grown(scan, 1);
  expect(shown()).toMatchObject({ isComplete: false, summary: { version: 1 } });
  expect(bridge.requests("job:check")).toHaveLength(1);
  const source = shown()?.sources.file;
  let grew = 0;
  source?.onGrowth?.(() => grew++);
  await grown(scan, 1);
  await grown(scan, 2);
  expect([grew, shown()?.sources.file === source]).toEqual([1, true]);
  expect(shown()?.sources.guest).toBeUndefined();
  const check = lastJob;
  bridge.send("job:items", { job: check, items: [{ kind: "leak", offset: 0, length: 1 }] } as never);
  await settle();
  const ended = { cancelled: false, summary: summary({}) };
  bridge.send("job:end", { job: scan, ok: true, name: "map", summary: ended });
  await settle();
  expect(shown()).toMatchObject({ isComplete: true });
  expect(shown()?.sources.file.onGrowth).toBeUndefined();
  expect([bridge.requests("job:check").length, session.problems.count]).toEqual([1, 1]);
});

it("has the scan stand still when it is stopped, and go on from there with its check", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await settle();
  const scan = lastJob;
  await grown(scan, 1);
  // As the status bar does it, which knows nothing of maps.
  stopJob(session.store.getState().scan ?? 0);
  await settle();
  expect(bridge.requests("map:pause")).toEqual([{ job: scan, paused: true }]);
  // Its check is cancelled; the scan is not.
  expect(bridge.requests("job:cancel")).toEqual([{ job: lastJob }]);
  expect(session.resting).toBe(true);
  expect(session.running?.name).toBe("check");
  bridge.send("job:end", { job: lastJob, ok: true, name: "check", summary: { cancelled: true } } as never);
  await settle();
  expect(session.running).toBeUndefined();
  expect(shown()).toMatchObject({ isComplete: false });
  await session.goOn();
  await settle();
  expect(bridge.requests("map:pause").at(-1)).toEqual({ job: scan, paused: false });
  expect(bridge.requests("job:check")).toHaveLength(2);
  expect(session.resting).toBe(false);
});

it("cancels a scan that can't stand still, and shows nothing of one that is gone", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await settle();
  const scan = lastJob;
  await grown(scan, 1);
  bridge.answer("map:pause", () => {
    throw plainError("the job can't be asked");
  });
  session.cancel();
  await settle();
  expect(bridge.requests("job:cancel")).toContainEqual({ job: scan });
  const ended = { cancelled: true, summary: undefined };
  bridge.send("job:end", { job: scan, ok: true, name: "map", summary: ended });
  await settle();
  expect(shown()).toBeUndefined();
  expect(session.resting).toBe(false);
});

it("leaves nothing behind of scans that were begun again and again, and of its tab", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  for (let times = 0; times < 4; times++) session.rescan();
  await settle();
  const started = lastJob;
  await grown(started, 1);
  session.rescan();
  session.rescan();
  session.dispose();
  await settle();
  // 4 + 1 scans, a check, 2 scans: each of them was told to stop, and the store holds none.
  const cancelled = bridge.requests("job:cancel").map((request) => (request as { job: number }).job);
  const all = Array.from({ length: 8 }, (_, index) => lastJob - index);
  expect([...new Set(cancelled)].sort()).toEqual(all.sort());
  expect(useJobs.getState().byId).toEqual({});
});

it("says of a scan again that the file is as it was, and of another state nothing", async () => {
  const said = () => useView.getState().note;
  const identity = (state: string) => ({ identity: { state, isChanged: false } });
  session.attach(openedImage(fileRef("disk.qed")));
  await scanned(identity("1:2:3:4"));
  session.rescan();
  await scanned(identity("1:2:3:5"));
  expect(said()).toBeUndefined();
  session.rescan();
  await scanned(identity("1:2:3:5"));
  expect(said()).toBe("The file has not changed since the scan before");
});

const problem = (offset: number) =>
  ({ kind: "corruption", offset, length: 8, message: "an entry is wrong", repair: "none" }) as const;

it("shows the bytes of a cluster from the problem that was chosen in it", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await scanned();
  bridge.send("job:items", { job: lastJob, items: [problem(65_536 + 400)] } as never);
  await settle();
  expect(session.openOffset(65_536, 65_536)).toBe(65_536);
  session.showProblem(0);
  expect(session.openOffset(65_536, 65_536)).toBe(65_536 + 400);
  // Another cluster's bytes are shown from its start.
  expect(session.openOffset(131_072, 65_536)).toBe(131_072);
  expect(session.openOffset(0, 65_536)).toBe(0);
});

it("goes to the next problem of another cluster", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await scanned();
  const at = () => session.store.getState().problem;
  // Three in cluster 1, one in cluster 3.
  const offsets = [65_600, 65_700, 65_800, 196_608];
  bridge.send("job:items", { job: lastJob, items: offsets.map(problem) } as never);
  await settle();
  session.stepCluster();
  expect(at()).toBe(0);
  session.stepCluster();
  expect(at()).toBe(3);
  session.stepCluster();
  expect([at(), useView.getState().note]).toEqual([3, "No problem in a later cluster"]);
});

it("goes to a byte of the guest's disk where its order is known, else of the file", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await scanned({ guestCells: { count: 8, cellSize: 65_536, size: 524_288, clusters: 1, levels: 1 } });
  session.goTo(400_000, "guest");
  const { order, place } = session.store.getState();
  // 400,000 = 6 * 65,536 + 6784.
  expect([order, place.kind === "none" ? undefined : place.cell.cluster]).toEqual(["guest", 6]);
  session.goTo(70_000);
  expect(session.store.getState().order).toBe("file");
});

it("reads where to go as a hex view does, in the order that shows", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await scanned();
  const meant = (text: string, cursor = 0) => {
    const { shown } = session.store.getState();
    if (!shown) throw new Error("no map");
    const goal = goalOf(text, shown, "file", cursor);
    return goal?.target?.offset ?? goal?.text;
  };
  expect([meant("0x10000"), meant("c:2+16"), meant("50%"), meant("end")]).toEqual([
    65_536, 131_088, 131_072, 262_143,
  ]);
  expect(meant("+c:1", 2)).toBe(196_608);
  expect(meant("")).toBeUndefined();
  expect(meant("guest:0")).toBe("This map has one order, that of the file");
  expect(meant("0x1000000")).toMatch(/behind the end|past the end|end of the image/);
});

it("says that there are no problems only when all of it was checked", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  expect(stepText(session)).toBe("none so far");
  await scanned();
  const check = lastJob;
  expect(stepText(session)).toBe("none so far");
  bridge.send("job:items", { job: check, items: [problem(400), problem(800)] } as never);
  await settle();
  expect(stepText(session)).toBe("2 so far");
  const result = { corruptions: 2, leaks: 0, checkErrors: 0, findingsDropped: 0 };
  bridge.send("job:end", { job: check, ok: true, name: "check", summary: { result } } as never);
  await settle();
  expect(stepText(session)).toBe("2 problems");
  session.showProblem(1);
  expect(stepText(session)).toBe("2 of 2");
});

it("begins no check beside a scan that was stopped before anything of it showed", async () => {
  session.attach(openedImage(fileRef("disk.qed")));
  await settle();
  const scan = lastJob;
  session.cancel();
  await settle();
  await grown(scan, 1);
  expect(session.resting).toBe(true);
  expect(bridge.requests("job:check")).toHaveLength(0);
  await session.goOn();
  expect(bridge.requests("job:check")).toHaveLength(1);
});
