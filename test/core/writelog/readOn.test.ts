// A log that ends within an entry: torn, or just being written. The writer takes its next step in the moment between.
import * as fs from "node:fs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import { type OpenLog, readOn } from "../../../core/writelog/readOn.ts";
import { lacksEntries } from "../../../core/writelog/replaySelect.ts";
import { failureOf, filled } from "../../build/open.ts";
import { makeLog } from "../../build/randomLog.ts";
import { tempFile } from "../../build/temp.ts";

const whole = makeLog(512, [
  { sector: 0, payload: filled(1024, 1) },
  { flags: 1 },
  { sector: 9, payload: filled(512, 2) },
  { flags: 1 },
]).bytes;
// Headers at 512, 2048, 2560, 3584; the log ends at 4096.

/** The first `size` bytes of it with that count in its superblock. */
function step(size: number, counted: number): Uint8Array {
  const bytes = whole.slice(0, size);
  new DataView(bytes.buffer).setBigUint64(16, BigInt(counted), true);
  return bytes;
}

/** A file that is read at one step of its writer and then at another. */
async function read(before: Uint8Array, after: Uint8Array) {
  const open: OpenLog[] = [];
  let now = before;
  const opened = () => {
    const root = new MemoryNode("log", true, now);
    const log = { root, close: async () => void open.splice(open.indexOf(log), 1) };
    open.push(log);
    return log;
  };
  const first = opened();
  const index = await indexLog(first.root);
  let looks = 0;
  const result = await readOn(
    first,
    index,
    async () => opened(),
    {},
    async () => {
      looks++;
      now = after;
    },
  );
  return { index, looks, isNew: result !== first, open, result };
}

describe("a log that ends within an entry", () => {
  it("is being written when it has grown a moment later, wherever it was cut", async () => {
    // Two entries are counted; the third, 2560 to 3584, is being written, and a moment later is whole and counted.
    for (let size = 2561; size < 3584; size += 31) {
      const { index, isNew, open, result } = await read(step(size, 2), step(4096, 4));
      expect([size, index.count, index.end.kind]).toEqual([size, 4, "growing"]);
      expect(index.end.message).toBe("4 entries so far: the log is being written");
      expect([isNew, open]).toEqual([true, [result]]);
    }
  });

  it("is being written though the next entry is half written then", async () => {
    const { index } = await read(step(3000, 2), step(3700, 3));
    expect([index.count, index.end.kind]).toEqual([3, "growing"]);
  });

  it("is being written where its superblock counts what lies behind the end that it had when it was opened", async () => {
    // The size was asked for first; then came entry 3 and the count of 4.
    const { index } = await read(step(3584, 4), step(4096, 4));
    expect([index.count, index.end.kind]).toEqual([4, "growing"]);
  });

  it("is being written though its superblock counts more than its file held when it was opened again", async () => {
    const { index } = await read(step(3000, 2), step(3600, 4));
    expect([index.count, index.end.kind]).toEqual([3, "growing"]);
    expect(index.end.message).toBe("3 entries so far: the log is being written");
    expect(lacksEntries(index)).toBe(false);
  });

  it("is being written where only its count has changed", async () => {
    const { index } = await read(step(3000, 1), step(3000, 2));
    expect([index.count, index.end.kind]).toEqual([2, "growing"]);
  });

  it("is torn when nothing has changed, and the log that was open stays", async () => {
    const { index, isNew, open, result, looks } = await read(step(3000, 3), step(3000, 3));
    expect([index.count, index.end.kind, looks]).toEqual([2, "torn", 1]);
    expect([isNew, open]).toEqual([false, [result]]);
  });

  it("is torn when it is shorter a moment later: no writer takes away what it has written", async () => {
    const { index, isNew, open, result } = await read(step(3000, 4), step(2560, 4));
    expect([index.count, index.end.kind]).toEqual([2, "torn"]);
    expect(lacksEntries(index)).toBe(true);
    expect([isNew, open]).toEqual([true, [result]]);
  });

  it("and was begun anew since is refused", async () => {
    const other = makeLog(4096, [{ flags: 1 }]).bytes;
    const error = await failureOf(read(step(3000, 3), other));
    expect(error).toMatchObject({ code: "EINVAL", message: "The log was begun anew since it was read" });
  });
});

it("a log that is whole is not looked at twice", async () => {
  const { looks, index } = await read(whole, step(512, 0));
  expect([looks, index.end.kind]).toEqual([0, "complete"]);
});

describe("the file of a log that ends within an entry", () => {
  const open = (filename: string) => openGraph({ driver: "raw", file: { driver: "file", filename } });

  /** Read, written to until `after`, and looked at again when as much time has passed as is given. */
  async function readFile(filename: string, after: Uint8Array | undefined, passedMs: number) {
    const first = await open(filename);
    const index = await indexLog(first.root);
    if (after !== undefined) fs.writeFileSync(filename, after);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + passedMs });
    onTestFinished(() => void vi.useRealTimers());
    const moment = vi.fn(async () => undefined);
    const log = await readOn(first, index, () => open(filename), {}, moment);
    onTestFinished(() => log.close());
    return { index, moments: moment.mock.calls.length };
  }

  it("is not waited for where it has not changed for long", async () => {
    const { index, moments } = await readFile(tempFile("a.log", step(3000, 3)), undefined, 3_600_000);
    expect([index.count, index.end.kind, moments]).toEqual([2, "torn", 0]);
  });

  it("is read on where it changed while it was read, which took long", async () => {
    const { index, moments } = await readFile(tempFile("a.log", step(3000, 2)), whole, 3_600_000);
    expect([index.count, index.end.kind, moments]).toEqual([4, "growing", 0]);
  });

  it("is waited for where it has just changed, whatever time it was given, and where its time lies ahead", async () => {
    const filename = tempFile("a.log", step(3000, 3));
    expect((await readFile(filename, undefined, 0)).moments).toBe(1);
    vi.useRealTimers();
    const past = new Date(Date.now() - 3_600_000);
    fs.utimesSync(filename, past, past);
    expect((await readFile(filename, undefined, 0)).moments).toBe(1);
    vi.useRealTimers();
    expect((await readFile(filename, undefined, -3_600_000)).moments).toBe(1);
  });
});
