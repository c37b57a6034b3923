// The page's calls about repairs, over a real session and real jobs run in the test's thread.
import { linkSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import type { Result } from "../../../core/base/errors.ts";
import type { Answers, JobName } from "../../../core/jobs/contract.ts";
import { runJob } from "../../../core/jobs/run.ts";
import { Session } from "../../../core/jobs/session.ts";
import type { Context } from "../../../electron/context.ts";
import { FileTokens } from "../../../electron/files.ts";
import { GraphTokens } from "../../../electron/graphs.ts";
import type { ChannelName, JobEnd, Reply, Request } from "../../../electron/ipc/contract.ts";
import { handle } from "../../../electron/ipc/handle.ts";
import { handlers } from "../../../electron/ipc/handlers/table.ts";
import { JobBoard, type StartJob } from "../../../electron/jobs.ts";
import { ImageSession, type SessionWorker } from "../../../electron/session.ts";
import { brokenQed } from "../../build/brokenQed.ts";
import { cutOffRepair } from "../../build/mend.ts";
import { plannedJournal } from "../../build/plannedJournal.ts";
import { tempDir } from "../../build/temp.ts";

let folder: string;
let original: Uint8Array;
let files: FileTokens;
let context: Context;
let savePath: string | undefined;
let asked: unknown[];
let told: { readonly name: string; readonly payload: unknown }[];
let waiting: (() => void)[];
beforeEach(() => {
  folder = tempDir();
  original = brokenQed();
  writeFileSync(join(folder, "a.qed"), original);
  files = new FileTokens();
  const graphs = new GraphTokens(files);
  [savePath, asked, told, waiting] = [undefined, [], [], []];
  const emit = (name: string, payload: unknown) => {
    told.push({ name, payload });
    for (const look of waiting.splice(0)) look();
  };
  const inThread = new Session();
  const worker = {
    call: (name: keyof Session["calls"], request: never) => inThread.calls[name](request),
    close: () => void inThread.close(),
  } as unknown as SessionWorker;
  context = {
    desktop: {
      chooseSavePath: async (...given: unknown[]) => {
        asked.push(given);
        return savePath;
      },
    },
    files,
    graphs,
    session: new ImageSession({ files, graphs }, emit, () => worker),
    jobs: new JobBoard(emit, startHere as StartJob, { progress: () => undefined, ended: () => undefined }),
  } as unknown as Context;
});

/** A job in the test's own thread. */
function startHere(name: JobName, params: never, handlers: never) {
  const stop = new AbortController();
  let answers: Record<string, (question: unknown) => Promise<unknown>> = {};
  const answer = (given: Answers<JobName>) => {
    answers = given as typeof answers;
  };
  const done = runJob(name, params, handlers, { signal: stop.signal, answer });
  return {
    done,
    ask: async (key: string, question: unknown) => answers[key]?.(question),
    cancel: () => stop.abort(),
    terminate: () => stop.abort(),
  };
}

async function call<N extends ChannelName>(name: N, request: Request<N>): Promise<Reply<N>> {
  const result = (await handle(handlers, context, name, request)) as Result<Reply<N>>;
  if (!result.ok) throw Object.assign(new Error(result.error.message), result.error);
  return result.value;
}

const tokenOf = (name: string) => files.refOf(join(folder, name)).token;

/** The end of a job, when it comes; one that failed fails the test. */
async function endOf<N extends JobName>(name: N, { job }: { readonly job: number }) {
  for (;;) {
    const end = told
      .map(({ payload }) => payload as JobEnd)
      .find((each, i) => {
        return told[i]?.name === "job:end" && each.job === job;
      });
    if (end === undefined) await new Promise<void>((resolve) => waiting.push(resolve));
    else if (!end.ok) throw Object.assign(new Error(end.error.message), end.error);
    else {
      expect(end.name).toBe(name);
      return (end as Extract<JobEnd<N>, { ok: true }>).summary;
    }
  }
}

/** Opens, looks, and chooses by default. */
async function plan() {
  const { image } = await call("image:open", { token: tokenOf("a.qed") });
  const { job } = await call("job:repairPlan", { image });
  const { offered } = await endOf("repairPlan", { job });
  const choice = await call("repair:choose", { job, ids: "default" });
  return { image, job, offered, choice };
}

it("looks, answers questions, writes, and takes back", async () => {
  const { image, job, offered, choice } = await plan();
  expect(offered?.items).toBeGreaterThan(3);
  const [first] = await call("repair:items", { job, first: 0, count: 1 });
  const id = first?.id ?? "";
  const toggled = await call("repair:toggle", { job, ids: choice.ids as string[], id, on: false });
  expect(toggled.ids).not.toContain(id);
  const changes = await call("repair:changes", { job, ids: choice.ids as string[], id });
  expect(changes.length).toBeGreaterThan(0);
  const map = await call("repair:map", { job, ids: choice.ids as string[], cells: 8 });
  expect(map.before).toHaveLength(map.after.length);
  const checks = await call("repair:preflight", { job, ids: choice.ids as string[] });
  expect(checks.every(({ state }) => state !== "refused")).toBe(true);

  const { ids, digest } = choice;
  const written = await endOf(
    "repairWrite",
    await call("job:repairWrite", { image, ids: ids as string[], digest }),
  );
  expect(written).toMatchObject({ state: "verified", target: join(folder, "a.qed") });
  expect(written.targetFile).toEqual(files.refOf(join(folder, "a.qed")));
  expect(written.journalFile).toEqual(files.refOf(join(folder, "a.qed.blkscope-undo")));
  await call("job:cancel", { job });

  const journal = written.journalFile?.token ?? "";
  const facts = await call("repair:look", { token: journal });
  expect(facts).toMatchObject({ state: "verified", image: written.targetFile, refusal: undefined });
  const target = facts.image?.token ?? "";
  const dry = await call("job:repairFinish", { token: journal, mode: "undo", dryRun: true, image: target });
  expect(await endOf("repairFinish", dry)).toMatchObject({ facts: { state: "verified" } });
  const undo = await call("job:repairFinish", {
    token: journal,
    mode: "undo",
    dryRun: false,
    image: target,
  });
  const undone = await endOf("repairFinish", undo);
  expect(undone).toMatchObject({ cancelled: false, facts: { state: "undone", image: written.targetFile } });
  expect(Buffer.compare(readFileSync(join(folder, "a.qed")), original)).toBe(0);
});

it("mends a copy where the person says, with a journal where the person says", async () => {
  const { image, choice } = await plan();
  const { digest } = choice;
  savePath = join(folder, "copy.qed");
  const copy = await call("files:chooseSave", { title: "Repair a copy", suggestedName: "a/b.qed" });
  expect(asked).toEqual([["a_b.qed", "Repair a copy"]]);
  savePath = join(folder, "kept.blkscope-undo");
  const journal = await call("files:chooseSave", { title: "Undo journal", suggestedName: "kept" });
  const job = await call("job:repairWrite", {
    image,
    ids: choice.ids as string[],
    digest,
    copyTo: copy?.token,
    journal: journal?.token,
  });
  const written = await endOf("repairWrite", job);
  expect(written).toMatchObject({ state: "verified", targetFile: copy, journalFile: journal });
  expect(Buffer.compare(readFileSync(join(folder, "a.qed")), original)).toBe(0);
  savePath = undefined;
  expect(await call("files:chooseSave", { title: "", suggestedName: "x" })).toBeUndefined();
});

it("finds a repair that was cut off beside an open image, and finishes it", async () => {
  const { image } = await plan();
  expect(await call("repair:unfinished", { image })).toBeUndefined();
  await cutOffRepair(join(folder, "a.qed"), join(folder, "a.qed.blkscope-undo"));
  const found = await call("repair:unfinished", { image });
  expect(found).toMatchObject({ file: { name: "a.qed.blkscope-undo" }, facts: { state: "applying" } });
  const token = found?.file.token ?? "";
  const finished = await call("job:repairFinish", {
    token,
    mode: "resume",
    dryRun: false,
    image: tokenOf("a.qed"),
  });
  expect(await endOf("repairFinish", finished)).toMatchObject({ facts: { state: "verified" } });
  expect(await call("repair:unfinished", { image })).toBeUndefined();
  writeFileSync(join(folder, "a.qed.blkscope-undo"), "BLKUNDO");
  expect(await call("repair:unfinished", { image })).toMatchObject({ error: { code: expect.any(String) } });
});

it("refuses what is not one file, is not open, or was never chosen", async () => {
  const unknown = "5f0c9d1e-57f4-4a3e-9b5e-0123456789ab";
  await expect(call("job:repairPlan", { image: 7 })).rejects.toMatchObject({ code: "EINVAL" });
  await expect(call("repair:look", { token: unknown })).rejects.toMatchObject({ code: "EINVAL" });
  await expect(call("repair:look", { token: tokenOf("a.qed") })).rejects.toMatchObject({ code: "EINVAL" });
  const { image, job, choice } = await plan();
  const { digest } = choice;
  const ids = choice.ids as string[];
  const elsewhere = { image, ids, digest, copyTo: unknown };
  await expect(call("job:repairWrite", elsewhere)).rejects.toMatchObject({ code: "EINVAL" });
  await expect(call("job:repairWrite", { image, ids, digest: "x" })).rejects.toThrow("digest");
  await expect(call("job:repairWrite", { image, ids: [], digest })).rejects.toThrow("ids");
  await expect(call("repair:choose", { job, ids: ["x".repeat(65)] })).rejects.toThrow("ids");
  const many = Array.from({ length: 100_003 }, () => "a");
  await expect(call("repair:choose", { job, ids: many })).rejects.toThrow("ids");
  await expect(call("repair:choose", { job: job + 1, ids: [] })).rejects.toMatchObject({ code: "EINVAL" });
  expect(Buffer.compare(readFileSync(join(folder, "a.qed")), original)).toBe(0);

  const options = { driver: "qed", file: { driver: "file", filename: tokenOf("a.qed") } };
  const { token } = await call("graph:keep", { options });
  const graph = await call("image:open", { token });
  await expect(call("job:repairPlan", { image: graph.image })).rejects.toMatchObject({ code: "EINVAL" });
  expect(await call("repair:unfinished", { image: graph.image })).toBeUndefined();
});

it("says in every view that Blkscope itself writes to an image, by whatever name, and writes once at a time", async () => {
  const { image, job, choice } = await plan();
  const ids = choice.ids as string[];
  const inUse = async () => (await call("repair:preflight", { job, ids })).find(({ id }) => id === "in-use");
  expect(await inUse()).toMatchObject({ state: "ok" });
  // As a repair asked for under another name of the same file does.
  linkSync(join(folder, "a.qed"), join(folder, "b.qed"));
  const ended = context.session.writing(join(folder, "b.qed"));
  expect(await inUse()).toMatchObject({ state: "refused", text: "Blkscope is writing to it." });
  const { digest } = choice;
  await expect(call("job:repairWrite", { image, ids, digest })).rejects.toMatchObject({
    code: "EBUSY",
    message: expect.stringContaining("Blkscope is writing to 'a.qed'"),
  });
  ended();
  expect(await inUse()).toMatchObject({ state: "ok" });
  expect(Buffer.compare(readFileSync(join(folder, "a.qed")), original)).toBe(0);
});

it("makes room for a new journal as the person says", async () => {
  const journal = join(folder, "a.qed.blkscope-undo");
  const { job, choice } = await plan();
  await plannedJournal(join(folder, "a.qed"), journal);
  const place = async () =>
    (await call("repair:preflight", { job, ids: choice.ids as string[] })).find(
      ({ id }) => id === "journal-place",
    );
  const found = await place();
  expect(found).toMatchObject({
    state: "refused",
    earlier: { state: "planned", aside: "a.qed.earlier-1.blkscope-undo", file: files.refOf(journal) },
  });
  expect(JSON.stringify(found?.earlier)).not.toContain(`"journal"`);
  const token = found?.earlier?.file.token ?? "";
  const image = tokenOf("a.qed");
  const aside = await call("repair:setAside", { token, image });
  expect(aside.name).toBe("a.qed.earlier-1.blkscope-undo");
  expect(await place()).toMatchObject({ state: "ok" });
  await call("repair:delete", { token: aside.token, image });
  await expect(call("repair:delete", { token: aside.token })).rejects.toMatchObject({ code: "ENOENT" });
  expect(readdirSync(folder)).toEqual(["a.qed"]);
});
