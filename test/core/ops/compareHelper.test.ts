import { MessageChannel } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { CompareParams, Port } from "../../../core/jobs/contract.ts";
import { portOfChannel } from "../../../core/jobs/port.ts";
import { compareRuns } from "../../../core/ops/compare.ts";
import { serveCompareHelper } from "../../../core/ops/compareHelper.ts";
import { answersLate, type Collected, collector, naive, places } from "./collect.ts";
import { randomBytes, seededRandom } from "./testNode.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
/** Many small items, so that both ends of the line have their share. */
const tuning = { helperFrom: 1, itemBytes: 32 * KiB };

function inMemory(bytes: Uint8Array) {
  return { driver: "raw", file: { driver: "memory", bytes } };
}

/** 2 MiB with runs of all lengths, many across the borders of items, and some signatures. */
function pair(seed: number) {
  const random = seededRandom(seed);
  const a = randomBytes(2 * MiB + Math.floor(random() * 2000), seed + 1);
  const b = Uint8Array.from(a);
  for (let at = 0; at < a.length; at += Math.floor(random() * 40 * KiB)) {
    const length = random() < 0.6 ? 1 + Math.floor(random() * 700) : Math.floor(random() * 100 * KiB);
    const shift = 1 + Math.floor(random() * 20);
    const kind = random();
    for (let i = at; i < Math.min(b.length, at + length); i++) {
      if (kind < 0.2) a[i] = 0;
      else if (kind < 0.4) b[i] = a[i - shift] ?? 0;
      else b[i] = (b[i] ?? 0) ^ 0x5a;
    }
    at += length;
  }
  return { a, b };
}

/** A helper behind a channel; `results` counts what it sent, `spoil` may break the line. */
function helperPort(onResult: (port: Port, count: number) => void = () => {}) {
  const { port1, port2 } = new MessageChannel();
  const inner = portOfChannel(port2);
  let results = 0;
  serveCompareHelper({
    ...inner,
    post: (message, transfer) => {
      inner.post(message, transfer);
      if ((message as { kind: string }).kind === "result") onResult(inner, ++results);
    },
  });
  return { port: portOfChannel(port1), results: () => results };
}

async function run(
  params: CompareParams,
  startHelper?: () => Port,
  signal?: AbortSignal,
  itemBytes = tuning.itemBytes,
): Promise<Collected> {
  const { context, result } = collector(signal);
  const withHelper = startHelper ? { ...context, startHelper } : context;
  return result(await compareRuns(params, withHelper, { ...tuning, itemBytes }));
}

const untimed = ({ rows, unreadable, summary }: Collected) => ({
  rows,
  unreadable,
  summary: { ...summary, elapsedMs: 0 },
});

describe("a comparison with a helper thread", () => {
  it.each(Array.from({ length: 8 }, (_, seed) => seed))(
    "finds exactly what one thread finds (seed %i)",
    async (seed) => {
      const { a, b } = pair(seed);
      const params = { a: inMemory(a), b: inMemory(b) };
      const alone = await run(params);
      expect(places(alone.rows)).toEqual(naive(a, b));
      const helper = helperPort();
      const together = await run(params, () => helper.port);
      expect(helper.results()).toBeGreaterThan(5);
      expect(untimed(together)).toEqual(untimed(alone));
    },
  );

  it("compares with the shift and in the mode it was asked for", async () => {
    const { a, b } = pair(31);
    const params = { a: inMemory(a), b: inMemory(b), shift: 512, strict: true };
    const helper = helperPort();
    const together = await run(params, () => helper.port);
    expect(helper.results()).toBeGreaterThan(5);
    expect(untimed(together)).toEqual(untimed(await run(params)));
  });

  // Items of two blocks: a scan ends in the middle of one when it has found something.
  it.each([
    ["in the last item", [15 * MiB + 77]],
    ["in the middle", [7 * MiB + 77]],
    ["in the first item, others behind it", [77, 7 * MiB + 77, 15 * MiB + 77]],
  ])("asked for the first mismatch alone, finds it %s", async (_, offsets) => {
    const a = randomBytes(16 * MiB, 41);
    const b = Uint8Array.from(a);
    for (const offset of offsets) b[offset] = (b[offset] ?? 0) ^ 1;
    const helper = helperPort();
    const params = { a: inMemory(a), b: inMemory(b), stopAtFirst: true };
    const { summary } = await run(params, () => answersLate(helper.port), undefined, MiB);
    expect(helper.results()).toBeGreaterThan(0);
    const first = (offsets[0] ?? 0) - 77;
    expect(summary).toMatchObject({ first, identical: false, complete: false, cancelled: false });
  });

  it("asked for the first mismatch alone, finds that there is none", async () => {
    const a = randomBytes(16 * MiB, 42);
    const helper = helperPort();
    const params = { a: inMemory(a), b: inMemory(Uint8Array.from(a)), stopAtFirst: true };
    const { summary } = await run(params, () => answersLate(helper.port), undefined, MiB);
    expect(helper.results()).toBeGreaterThan(0);
    expect(summary).toMatchObject({ first: undefined, identical: true, complete: true });
  });

  it("is finished by the other thread when the helper dies", async () => {
    const { a, b } = pair(32);
    const params = { a: inMemory(a), b: inMemory(b) };
    const helper = helperPort((port, count) => {
      if (count === 4) port.close();
    });
    const together = await run(params, () => helper.port);
    expect(untimed(together)).toEqual(untimed(await run(params)));
  });

  it("does without a helper that cannot open the images", async () => {
    const { a, b } = pair(33);
    const params = { a: inMemory(a), b: inMemory(b) };
    const alone = untimed(await run(params));
    const failing: Port = {
      post: () => {},
      listen: (onMessage) => setImmediate(() => onMessage({ kind: "fail", message: "no such file" })),
      close: () => {},
    };
    expect(untimed(await run(params, () => failing))).toEqual(alone);
  });

  it("does without a helper that takes items and never answers", async () => {
    const { a, b } = pair(36);
    const params = { a: inMemory(a), b: inMemory(b) };
    let sent = 0;
    const idle: Port = {
      post: (message) => {
        if ((message as { kind: string }).kind === "scan") sent++;
      },
      listen: () => {},
      close: () => {},
    };
    expect(untimed(await run(params, () => idle))).toEqual(untimed(await run(params)));
    expect(sent).toBeGreaterThan(0);
  });

  it("does without a helper for which an image is shorter than it was", async () => {
    const { a, b } = pair(35);
    const params = { a: inMemory(a), b: inMemory(b) };
    const helper = helperPort();
    // Half of the image is gone when the helper opens it.
    const late: Port = {
      ...helper.port,
      post: (message, transfer) => {
        const { kind } = message as { kind: string };
        const half = { ...params, b: inMemory(b.subarray(0, MiB)) };
        helper.port.post(kind === "open" ? { ...(message as object), params: half } : message, transfer);
      },
    };
    expect(untimed(await run(params, () => late))).toEqual(untimed(await run(params)));
  });

  it("keeps an unbroken beginning when cancelled", async () => {
    const { a, b } = pair(34);
    const abort = new AbortController();
    const helper = helperPort((_, count) => {
      if (count === 6) abort.abort();
    });
    const { rows, summary } = await run({ a: inMemory(a), b: inMemory(b) }, () => helper.port, abort.signal);
    expect(summary).toMatchObject({ cancelled: true, complete: false });
    expect(summary.scannedTo).toBeGreaterThan(0);
    expect(places(rows)).toEqual(naive(a.subarray(0, summary.scannedTo), b.subarray(0, summary.scannedTo)));
  });
});
