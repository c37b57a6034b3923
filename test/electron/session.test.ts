import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { BlockError } from "../../core/base/errors.ts";
import type { SessionImage } from "../../core/jobs/sessionContract.ts";
import { FileTokens } from "../../electron/files.ts";
import { GraphTokens } from "../../electron/graphs.ts";
import { ImageSession, type SessionWorker } from "../../electron/session.ts";

/** A worker that answers at once; each begins to count its images at 1, as the real one does. */
class FakeWorker {
  readonly calls: { readonly call: string; readonly request: unknown }[] = [];
  closed = false;
  images = 0;
  openFails: BlockError | undefined;
  readonly lose: (error: BlockError) => void;

  constructor(lose: (error: BlockError) => void) {
    this.lose = lose;
  }

  readonly call = (async (call: string, request: unknown) => {
    this.calls.push({ call, request });
    if (call !== "open") return { call, request };
    if (this.openFails) throw this.openFails;
    this.images += 1;
    return summary(this.images);
  }) as SessionWorker["call"];

  close(): void {
    this.closed = true;
  }
}

const summary = (image: number): SessionImage => ({
  image,
  format: "qed",
  size: 1 << 20,
  fileSize: 4096,
  readOnly: true,
  info: {},
  nodes: [],
  files: ["/images/top.qed", "/images/base.raw"],
});

let folder: string;
let tokens: FileTokens;
let workers: FakeWorker[];
let events: { name: string; payload: unknown }[];
let session: ImageSession;
let now: number;
beforeEach(() => {
  now = 5000;
  folder = mkdtempSync(join(tmpdir(), "blkscope-session-"));
  tokens = new FileTokens();
  workers = [];
  events = [];
  session = new ImageSession(
    { files: tokens, graphs: new GraphTokens(tokens) },
    (name, payload) => events.push({ name, payload }),
    (onLost) => {
      const worker = new FakeWorker(onLost);
      workers.push(worker);
      return worker;
    },
    () => now,
  );
});
afterEach(() => {
  session.reset();
  rmSync(folder, { recursive: true, force: true });
});

/** A token for a file that is there. */
function tokenOf(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(4096));
  return tokens.refOf(path).token;
}
const lost = new BlockError("EIO", "the thread of the session ended unexpectedly");

it("opens the file behind a token, whatever colons its name has, and says what it is", async () => {
  const opened = await session.open(tokenOf("nbd:disk.qed"));
  expect(workers[0]?.calls).toEqual([
    { call: "open", request: { spec: { file: { driver: "file", filename: join(folder, "nbd:disk.qed") } } } },
  ]);
  expect(opened).toMatchObject({
    image: 1,
    format: "qed",
    file: { name: "nbd:disk.qed", folder },
    writable: true,
  });
});

it("keeps the paths of backing files to itself, and knows them for what must not be written over", async () => {
  const { image, ...opened } = await session.open(tokenOf("top.qed"));
  expect(JSON.stringify(opened)).not.toContain("base.raw");
  expect(session.openPaths()).toEqual(["/images/top.qed", "/images/base.raw"]);
  await session.close(image);
  expect(session.openPaths()).toEqual([]);
});

it("passes a format on", async () => {
  await session.open(tokenOf("a"), { format: "raw" });
  expect(workers[0]?.calls[0]?.request).toMatchObject({ format: "raw" });
});

it("refuses a token main never gave, without asking the worker", async () => {
  await expect(session.open("5f0c9d1e-57f4-4a3e-9b5e-0123456789ab")).rejects.toMatchObject({
    code: "EINVAL",
  });
  expect(workers).toEqual([]);
});

it("hands on the error of an image that cannot be opened, and keeps nothing of it", async () => {
  session.warmUp();
  const [worker] = workers;
  if (worker) worker.openFails = new BlockError("ECORRUPT", "l1_table_offset is 3");
  await expect(session.open(tokenOf("bad"))).rejects.toMatchObject({ code: "ECORRUPT" });
  expect(session.openFiles()).toEqual([]);
});

it("asks the worker by the worker's own number", async () => {
  const a = await session.open(tokenOf("a"));
  const b = await session.open(tokenOf("b"));
  await session.read(b.image, "file", 512, 1024);
  await session.locate(a.image, 7);
  await session.close(a.image);
  expect(workers[0]?.calls.slice(2)).toEqual([
    { call: "read", request: { image: 2, node: "file", offset: 512, length: 1024 } },
    { call: "locate", request: { image: 1, offset: 7 } },
    { call: "close", request: { image: 1 } },
  ]);
});

it("does not know an image after it was closed", async () => {
  const { image } = await session.open(tokenOf("a"));
  await session.close(image);
  await expect(session.read(image, "", 0, 1)).rejects.toMatchObject({
    code: "EINVAL",
    message: expect.stringContaining("not open"),
  });
  await expect(session.close(image)).rejects.toMatchObject({ code: "EINVAL" });
});

it("tells the page when the worker dies, and starts another at the next opening", async () => {
  const token = tokenOf("a");
  const before = await session.open(token);
  workers[0]?.lose(lost);
  expect(events).toEqual([
    {
      name: "session:lost",
      payload: { error: expect.objectContaining({ code: "EIO", message: lost.message }) },
    },
  ]);
  const after = await session.open(token);
  expect(workers).toHaveLength(2);
  // An old number must not mean the new worker's first image.
  expect(after.image).not.toBe(before.image);
  await expect(session.read(before.image, "", 0, 1)).rejects.toMatchObject({ code: "EINVAL" });
  await expect(session.read(after.image, "", 0, 1)).resolves.toMatchObject({ request: { image: 1 } });
});

it("does not start worker after worker for an image that kills them, until a minute has passed", async () => {
  const token = tokenOf("deadly");
  for (let death = 0; death < 3; death++) {
    await session.open(token);
    workers.at(-1)?.lose(lost);
    now += 1000;
  }
  await expect(session.open(token)).rejects.toMatchObject({
    code: "EIO",
    message: expect.stringContaining("3 times"),
  });
  expect(workers).toHaveLength(3);
  expect(events).toHaveLength(3);
  now += 60_000;
  await session.open(token);
  expect(workers).toHaveLength(4);
});

it("lets go of everything with the page, and says nothing to the next", async () => {
  const { image } = await session.open(tokenOf("a"));
  session.reset();
  expect(workers[0]?.closed).toBe(true);
  workers[0]?.lose(lost);
  expect(events).toEqual([]);
  await expect(session.read(image, "", 0, 1)).rejects.toMatchObject({ code: "EINVAL" });
  await session.open(tokenOf("a"));
  expect(workers).toHaveLength(2);
});

it("does not keep an image that was still opening when the page went", async () => {
  const opening = session.open(tokenOf("a"));
  session.reset();
  await expect(opening).rejects.toMatchObject({ code: "ECANCELED" });
  expect(session.openFiles()).toEqual([]);
});

it("names each open file once, in the order of opening", async () => {
  const [a, b] = [tokenOf("a"), tokenOf("b")];
  for (const token of [b, a, b]) await session.open(token);
  expect(session.openFiles().map(({ name }) => name)).toEqual(["b", "a"]);
});

it("gives a job the same file in the format that was found", async () => {
  const { image } = await session.open(tokenOf("a"));
  expect(session.sourceOf(image)).toEqual({
    name: "a",
    spec: { driver: "qed", file: { driver: "file", filename: join(folder, "a") } },
  });
});

it("says what became of the file since it was opened, and begins anew when that is accepted", async () => {
  const { image } = await session.open(tokenOf("a"));
  expect(await session.state(image, false)).toEqual({ kind: "same" });
  truncateSync(join(folder, "a"), 5120);
  expect(await session.state(image, false)).toMatchObject({ kind: "changed", sizeDelta: 1024 });
  expect(events).toEqual([
    {
      name: "image:changed",
      payload: { image, state: { kind: "changed", at: expect.any(Number), sizeDelta: 1024 } },
    },
  ]);
  expect(await session.state(image, true)).toEqual({ kind: "same" });
});

it("opens a file that nobody can look at from outside, and says it is the same", async () => {
  // The worker may see what main does not: the fake opens everything.
  const { image, writable } = await session.open(tokens.refOf(join(folder, "not there")).token);
  expect(writable).toBe(false);
  expect(await session.state(image, false)).toEqual({ kind: "same" });
});

it("gives a repair the file and the format that the person sees", async () => {
  const { image } = await session.open(tokenOf("a"));
  expect(session.fileOf(image)).toEqual({ path: join(folder, "a"), format: "qed", name: "a" });
  expect(() => session.fileOf(99)).toThrow("image 99 is not open");
});

it("tells of writes of its own when they are over, once, and of others at once", async () => {
  const [a, b] = [await session.open(tokenOf("a")), await session.open(tokenOf("b"))];
  const changed = () => events.map(({ payload }) => (payload as { image: number }).image);
  const [first, second] = [session.writing(join(folder, "a")), session.writing(join(folder, "a"))];
  truncateSync(join(folder, "a"), 5120);
  truncateSync(join(folder, "b"), 5120);
  expect(await session.state(a.image, false)).toMatchObject({ kind: "changed" });
  await session.state(b.image, false);
  expect(changed()).toEqual([b.image]);
  truncateSync(join(folder, "a"), 6144);
  await session.state(a.image, false);
  first();
  expect(changed()).toEqual([b.image]);
  second();
  expect(events.slice(1)).toEqual([
    {
      name: "image:changed",
      payload: { image: a.image, state: { kind: "changed", at: expect.any(Number), sizeDelta: 2048 } },
    },
  ]);
  // An image that was closed meanwhile is nobody's any more, and later changes are told at once again.
  const third = session.writing(join(folder, "b"));
  truncateSync(join(folder, "b"), 512);
  await session.state(b.image, false);
  await session.close(b.image);
  third();
  truncateSync(join(folder, "a"), 512);
  await session.state(a.image, false);
  expect(changed()).toEqual([b.image, a.image, a.image]);
});
