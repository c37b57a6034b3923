// Journals looked at, finished and taken back, from every place at which a repair can fail.
import fsModule, * as fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import * as path from "node:path";
import { afterEach, expect, it } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import { journalBeside, lookAtJournal } from "../../../core/ops/repairLook.ts";
import type { RepairWritten } from "../../../core/ops/repairRun.ts";
import { setState } from "../../../core/repair/journal.ts";
import { brokenQed } from "../../build/brokenQed.ts";
import { cutOffRepair, damageRecords } from "../../build/mend.ts";
import { plannedJournal } from "../../build/plannedJournal.ts";
import { tempDir, tempFile } from "../../build/temp.ts";
import { watchFiles } from "../../crash/fileFaults.ts";
import { finish, planned, write } from "./repairJobs.ts";

let restore: () => void = () => undefined;
afterEach(() => restore());

const isSame = (file: string, bytes: Uint8Array) => Buffer.compare(fs.readFileSync(file), bytes) === 0;

/** Names of files that are asked about or opened from now on, until `restore` is called. */
function watchTouches(): readonly string[] {
  const touched: string[] = [];
  const names = ["statSync", "lstatSync", "existsSync", "realpathSync", "readlinkSync", "openSync"] as const;
  const table = fsModule as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = names.map((name) => [name, table[name] as (...args: unknown[]) => unknown] as const);
  for (const [name, original] of originals) {
    table[name] = (...args) => {
      touched.push(String(args[0]));
      return original(...args);
    };
  }
  syncBuiltinESMExports();
  restore = () => {
    for (const [name, original] of originals) table[name] = original;
    syncBuiltinESMExports();
  };
  return touched;
}

interface Mended {
  readonly file: string;
  readonly journal: string;
  readonly original: Uint8Array;
}

async function mended(): Promise<Mended> {
  const original = brokenQed();
  const file = tempFile("a.qed", original);
  await write(await planned(file));
  return { file, journal: `${file}.blkscope-undo`, original };
}

/** A repair cut off before its first write in place. */
async function cutOff(): Promise<Mended> {
  const original = brokenQed();
  const file = tempFile("a.qed", original);
  const journal = `${file}.blkscope-undo`;
  await cutOffRepair(file, journal);
  return { file, journal, original };
}

/** The repair of the file with call number `failing` of those that change files failing; undefined: it was refused. */
async function repairFailing(file: string, failing: number): Promise<RepairWritten | undefined> {
  const params = await planned(file);
  restore = watchFiles({
    skipSyncs: true,
    fault: ({ number }) => (number === failing ? { kind: "throw", code: "EIO" } : undefined),
  });
  try {
    return await write(params).catch(() => undefined);
  } finally {
    restore();
  }
}

it("can be finished and taken back, or has changed nothing, whichever call of the repair fails", async () => {
  const whole = await mended();
  const result = fs.readFileSync(whole.file);
  const { original } = whole;
  const states = new Set<string>();
  for (let failing = 0; ; failing++) {
    const folder = tempDir();
    const file = tempFile("a.qed", original, folder);
    const journal = `${file}.blkscope-undo`;
    const written = await repairFailing(file, failing);
    states.add(written?.state ?? "refused");
    if (written?.state === "verified" && written.error === undefined) break;
    if (written === undefined || written.state === "planned") {
      expect(isSame(file, original)).toBe(true);
      continue;
    }
    expect(written).toMatchObject({ cancelled: false, journal });
    expect(written.error?.code).toBe("EIO");
    const other = tempDir();
    fs.cpSync(folder, other, { recursive: true });
    await finish(journal, "resume");
    expect(isSame(file, result)).toBe(true);
    await finish(path.join(other, "a.qed.blkscope-undo"), "undo");
    expect(isSame(path.join(other, "a.qed"), original)).toBe(true);
  }
  expect([...states].sort()).toEqual(["applied", "applying", "planned", "refused", "verified"]);
});

it("says of a journal what it would bring back", async () => {
  const { file, journal, original } = await mended();
  const facts = await lookAtJournal(journal);
  expect(facts).toMatchObject({ journal, imagePath: file, imageState: "found", state: "verified" });
  expect(facts).toMatchObject({ oldSize: original.length, newSize: fs.statSync(file).size });
  expect(facts.refusal).toBeUndefined();
  expect(facts.shown).toHaveLength(facts.writes);
  for (const { offset, length, before, after } of facts.shown) {
    expect(before).toEqual(original.subarray(offset, offset + length));
    expect(after).toEqual(new Uint8Array(fs.readFileSync(file).subarray(offset, offset + length)));
  }
  // Every byte that is another one now lies in one of the ranges.
  const now = fs.readFileSync(file);
  const inRanges = (at: number) =>
    facts.ranges.some(({ offset, length }) => at >= offset && at < offset + length);
  for (let at = 0; at < Math.max(now.length, original.length); at++) {
    if (now[at] !== original[at] && !inRanges(at)) expect.fail(`byte ${at} is in no range`);
  }
});

it("changes nothing in a dry run", async () => {
  const { file, journal } = await mended();
  const [image, log] = [fs.readFileSync(file), fs.readFileSync(journal)];
  expect(await finish(journal, "undo", { dryRun: true })).toMatchObject({ facts: { state: "verified" } });
  expect(isSame(file, image)).toBe(true);
  expect(isSame(journal, log)).toBe(true);
});

it("refuses an image that has changed since, and says so beforehand", async () => {
  const { file, journal } = await mended();
  const bytes = fs.readFileSync(file);
  const { shown } = await lookAtJournal(journal);
  const at = shown[0]?.offset ?? 0;
  bytes[at] = (bytes[at] ?? 0) ^ 0x55;
  fs.writeFileSync(file, bytes);
  const { refusal, imageState } = await lookAtJournal(journal);
  expect(imageState).toBe("found");
  expect(refusal).toMatchObject({ code: "EINVAL", message: expect.stringContaining("changed") });
  await expect(finish(journal, "undo")).rejects.toMatchObject({ code: "EINVAL" });
  expect(isSame(file, bytes)).toBe(true);
});

it("finds an image that was moved with its journal, and takes one that is named", async () => {
  const { file, journal, original } = await mended();
  const folder = tempDir();
  fs.renameSync(file, path.join(folder, "a.qed"));
  const gone = await lookAtJournal(journal, file);
  expect(gone).toMatchObject({ imageState: "missing", refusal: { code: "ENOENT" } });
  await expect(finish(journal, "undo", { image: file })).rejects.toMatchObject({ code: "ENOENT" });
  const moved = path.join(folder, "moved.undo");
  fs.renameSync(journal, moved);
  expect(await lookAtJournal(moved)).toMatchObject({ imagePath: path.join(folder, "a.qed") });
  fs.renameSync(path.join(folder, "a.qed"), path.join(folder, "b.qed"));
  await finish(moved, "undo", { image: path.join(folder, "b.qed") });
  expect(isSame(path.join(folder, "b.qed"), original)).toBe(true);
});

it("is cancelled before it changes anything, and can be asked again", async () => {
  const { file, journal, original } = await mended();
  const image = fs.readFileSync(file);
  const undone = await finish(journal, "undo", { during: (cancel) => cancel() });
  expect(undone).toMatchObject({ cancelled: true, facts: { refusal: undefined } });
  expect(isSame(file, image)).toBe(true);
  expect(await finish(journal, "undo")).toMatchObject({ cancelled: false, facts: { state: "undone" } });
  expect(isSame(file, original)).toBe(true);
});

it("refuses to touch an image that another program uses", async () => {
  const { file, journal } = await cutOff();
  const other = await openGraph({ driver: "file", filename: file }, { readOnly: false });
  for (const mode of ["undo", "resume"] as const) {
    await expect(finish(journal, mode)).rejects.toMatchObject({ code: "EBUSY" });
  }
  await other.close();
  expect((await finish(journal, "resume")).facts.state).toBe("verified");
});

it("finds the journal of a repair that was cut off beside its image, and no other", async () => {
  const { file, journal } = await cutOff();
  expect(await journalBeside(file)).toMatchObject({ journal, facts: { state: "applying", imagePath: file } });
  // While its repair runs nobody is to be asked about it.
  const running = await openGraph({ driver: "file", filename: journal }, { readOnly: false });
  expect(await journalBeside(file)).toBeUndefined();
  await expect(lookAtJournal(journal)).rejects.toMatchObject({ code: "EBUSY" });
  await running.close();
  damageRecords(journal);
  expect(await journalBeside(file)).toMatchObject({ journal, error: { code: "ECORRUPT" } });
  damageRecords(journal);
  await finish(journal, "resume");
  expect(await journalBeside(file)).toBeUndefined();
  // Its records are of no use before it is to be taken back.
  damageRecords(journal);
  expect(await journalBeside(file)).toBeUndefined();
  await expect(lookAtJournal(journal)).rejects.toMatchObject({ code: "ECORRUPT" });
  await expect(finish(journal, "undo")).rejects.toMatchObject({ code: "ECORRUPT" });
  damageRecords(journal);
  await finish(journal, "undo");
  expect(await journalBeside(file)).toBeUndefined();
  fs.truncateSync(journal, fs.statSync(journal).size - 1);
  expect(await journalBeside(file)).toMatchObject({ journal, error: { code: "ECORRUPT" } });
  fs.rmSync(journal);
  expect(await journalBeside(file)).toBeUndefined();
});

it("touches no image that a journal names in another folder before the person says so", async () => {
  const { file, journal, original } = await mended();
  const image = fs.readFileSync(file);
  const moved = path.join(tempDir(), "b.blkscope-undo");
  fs.renameSync(journal, moved);
  const touched = watchTouches();
  const facts = await lookAtJournal(moved);
  await expect(finish(moved, "undo")).rejects.toMatchObject({ code: "EINVAL", context: { path: file } });
  restore();
  expect(touched).toContain(moved);
  expect(touched).not.toContain(file);
  expect(facts).toMatchObject({ imagePath: file, imageState: "elsewhere", written: undefined });
  expect(facts.refusal?.message).toContain("was not touched");
  // A link beside the journal leads there as well.
  fs.symlinkSync(file, path.join(path.dirname(moved), "a.qed"));
  expect(await lookAtJournal(moved)).toMatchObject({ imageState: "elsewhere" });
  expect(isSame(file, image)).toBe(true);

  const agreed = await lookAtJournal(moved, file);
  expect(agreed).toMatchObject({ imageState: "found", refusal: undefined, written: agreed.writes });
  await finish(moved, "undo", { image: file });
  expect(isSame(file, original)).toBe(true);
});

it("counts the changes that are in the image of a repair that was cut off", async () => {
  const { file, journal } = await mended();
  const { shown, writes } = await lookAtJournal(journal);
  // Two of the places become what they were, as if the last writes had never been made.
  const bytes = fs.readFileSync(file);
  for (const { offset, before } of shown.slice(-2)) bytes.set(before, offset);
  fs.writeFileSync(file, bytes);
  const graph = await openGraph({ driver: "file", filename: journal }, { readOnly: false });
  await setState(graph.root, "applying");
  await graph.close();
  const found = await journalBeside(file);
  expect(found?.facts).toMatchObject({ state: "applying", writes, written: writes - 2, refusal: undefined });
});

it("finds a journal that was written but never begun, and begins it", async () => {
  const original = brokenQed();
  const file = tempFile("a.qed", original);
  const journal = `${file}.blkscope-undo`;
  const before = Date.now();
  const writes = await plannedJournal(file, journal);
  const found = await journalBeside(file);
  expect(found?.facts).toMatchObject({ state: "planned", writes, written: 0, refusal: undefined });
  // The clock of a file system may be some milliseconds behind.
  expect(found?.facts?.changedAt).toBeGreaterThan(before - 2000);
  expect(found?.facts?.owner).toBe(process.getuid ? "you" : undefined);
  expect(isSame(file, original)).toBe(true);
  expect((await finish(journal, "resume")).facts).toMatchObject({ state: "verified", written: writes });
  await finish(journal, "undo");
  expect(isSame(file, original)).toBe(true);
});
