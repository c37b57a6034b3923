import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { MessageChannel } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { startHelperThread, startJob, startThread } from "../../../core/jobs/client.ts";
import type { JobProgress, Port } from "../../../core/jobs/contract.ts";
import { portOfChannel } from "../../../core/jobs/port.ts";
import { serveJob } from "../../../core/jobs/serve.ts";
import type { CompareItem, CompareTotals } from "../../../core/ops/mismatch.ts";
import { buildThreads } from "../../build/threads.ts";
import { rowsOf } from "../ops/collect.ts";
import { randomBytes } from "../ops/testNode.ts";

const KiB = 1024;
const folder = mkdtempSync(path.join(tmpdir(), "blkscope-jobs-"));
const file = (name: string) => path.join(folder, name);
const size = 3 * 1024 * KiB;

beforeAll(async () => {
  const a = randomBytes(size, 1);
  const b = Uint8Array.from(a);
  for (let at = 0; at < size; at += 2 * KiB) b[at] = (b[at] ?? 0) ^ 1;
  writeFileSync(file("a.raw"), a);
  writeFileSync(file("b.raw"), b);
  await buildThreads();
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.useRealTimers());

const params = { a: file("a.raw"), b: file("b.raw") };

function handlers() {
  const items: CompareItem[] = [];
  const progress: JobProgress<CompareTotals>[] = [];
  let messages = 0;
  return {
    items: (batch: readonly CompareItem[]) => {
      messages++;
      items.push(...batch);
    },
    progress: (p: JobProgress<CompareTotals>) => void progress.push(p),
    rows: () => items.flatMap((item) => (item.kind === "runs" ? rowsOf(item.batch) : [])),
    progressed: progress,
    messages: () => messages,
  };
}

/** A job served in this thread, over a channel. */
function served(): Port {
  const { port1, port2 } = new MessageChannel();
  serveJob(portOfChannel(port2), undefined);
  return portOfChannel(port1);
}

describe("a job", () => {
  it.each(["a channel", "a thread"])("sends progress, items and one result over %s", async (line) => {
    const seen = handlers();
    const job = startJob(
      "compare",
      params,
      seen,
      line === "a channel" ? served() : startThread("blkscope:job"),
    );
    const summary = await job.done;
    expect(summary).toMatchObject({ runs: size / (2 * KiB), rows: size / (2 * KiB), complete: true });
    expect(seen.rows().map((row) => row.offset)).toEqual(
      Array.from({ length: size / (2 * KiB) }, (_, i) => i * 2 * KiB),
    );
    expect(seen.progressed[0]).toMatchObject({ done: 0, total: size });
    expect(seen.progressed.at(-1)).toMatchObject({ done: size, totals: { rows: size / (2 * KiB) } });
    // 1536 rows in batches, not in messages of their own.
    expect(seen.messages()).toBeLessThan(20);
  });

  it("fails with the error of the image that cannot be opened, and names its side", async () => {
    const job = startJob(
      "compare",
      { ...params, b: file("missing.raw") },
      handlers(),
      startThread("blkscope:job"),
    );
    await expect(job.done).rejects.toMatchObject({
      name: "BlockError",
      code: "ENOENT",
      context: { side: "b" },
    });
  });

  it("refuses a name it does not know", async () => {
    const port = served();
    const answer = new Promise((resolve) => port.listen(resolve));
    port.post({ kind: "start", name: "toString", params: {} });
    await expect(answer).resolves.toMatchObject({ kind: "fail", error: { code: "EINVAL" } });
    port.close();
  });

  it("ends with what it has found when cancelled", async () => {
    // Zeroes that nobody knows to be zeroes: a scan of some hundred milliseconds.
    const long = { driver: "raw", file: { driver: "memory", size: 768 * 1024 * KiB } };
    const seen = handlers();
    const started = { ...seen, progress: () => job.cancel() };
    const job = startJob("compare", { a: long, b: params.b }, started, served());
    const summary = await job.done;
    expect(summary.cancelled).toBe(true);
    expect(summary.scannedTo).toBeGreaterThan(0);
    expect(summary.scannedTo).toBeLessThan(summary.sizeA);
    expect(seen.rows().length).toBe(summary.rows);
  });

  it("rejects when its thread dies, and says why", async () => {
    const { port1, port2 } = new MessageChannel();
    const job = startJob("compare", params, handlers(), portOfChannel(port1));
    port2.close();
    await expect(job.done).rejects.toMatchObject({
      code: "EIO",
      message: "the thread of the compare job ended unexpectedly: it exited",
    });
  });

  it("is ended when it does not obey cancel within two seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let closed = false;
    const close = () => {
      closed = true;
    };
    const deaf: Port = { post: () => {}, listen: () => {}, close };
    const job = startJob("compare", params, handlers(), deaf);
    job.cancel();
    job.cancel();
    vi.advanceTimersByTime(1999);
    expect(closed).toBe(false);
    vi.advanceTimersByTime(1);
    await expect(job.done).rejects.toMatchObject({ code: "ECANCELED" });
    expect(closed).toBe(true);
  });

  it("has ended well when its result came in time, though the process stood still since then", async () => {
    const { port1, port2 } = new MessageChannel();
    const job = startJob("compare", params, handlers(), portOfChannel(port1));
    // Among the timers, behind which messages are read.
    await new Promise((resolve) => setTimeout(resolve, 1));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    job.cancel();
    const result = { cancelled: true };
    port2.postMessage({ kind: "end", result });
    vi.advanceTimersByTime(2000);
    await expect(job.done).resolves.toEqual(result);
  });

  it("can be ended at once", async () => {
    const job = startJob("compare", params, handlers(), startThread("blkscope:job"));
    job.terminate();
    await expect(job.done).rejects.toMatchObject({ code: "ECANCELED" });
  });

  it("starts a helper that scans in a thread of its own", async () => {
    if (startHelperThread === undefined) throw new Error("this test needs a machine with two cores");
    const port = startHelperThread();
    const messages: { kind: string; result?: { head: unknown; end: number } }[] = [];
    await new Promise<void>((resolve, reject) => {
      port.listen((message) => {
        messages.push(message as { kind: string });
        resolve();
      }, reject);
      // Slot 7 holds 7 + 1: the item is free to be taken.
      const claims = new Int32Array(new SharedArrayBuffer(64 * 4));
      claims[7] = 8;
      port.post({ kind: "open", params, sizes: { a: size, b: size }, claims });
      const range = { offset: 0, length: 4096, readA: true, readB: true, storedDifferently: false };
      port.post({ kind: "scan", index: 7, item: { start: 0, end: 4096, ranges: [range], failures: [] } });
    });
    port.close();
    expect(messages[0]).toMatchObject({
      kind: "result",
      index: 7,
      result: { start: 0, end: 4096, head: { offset: 0, end: 512, bytes: 1 }, rows: { count: 1 } },
    });
  });
});
