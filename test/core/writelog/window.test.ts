// How a log is read while its headers are walked: what is asked of the log, by a clock that the test moves.
import { describe, expect, it } from "vitest";
import type { BlockNode } from "../../../core/block/node.ts";
import { MemoryNode } from "../../../core/protocol/memory.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import { HeaderWindow } from "../../../core/writelog/window.ts";
import { filled } from "../../build/open.ts";
import { makeLog } from "../../build/randomLog.ts";

const stride = 16384;
const size = 32 * 1024 * 1024;

/** A log whose reads take so many milliseconds by a clock of its own; the lengths of the reads of both kinds are kept. */
function timedLog(milliseconds: () => number) {
  let now = 0;
  const asked: number[] = [];
  const inner = new MemoryNode("log", true, new Uint8Array(size));
  const readNow = (_offset: number, target: Uint8Array) => {
    now += milliseconds();
    asked.push(target.length);
  };
  const node = Object.create(inner, {
    size: { value: size },
    readNow: { value: readNow },
    read: { value: async (offset: number, target: Uint8Array) => readNow(offset, target) },
  }) as BlockNode;
  return { asked, window: new HeaderWindow(node, () => now) };
}

/** Walks headers at even distances to the log's end. */
async function walk(window: HeaderWindow): Promise<void> {
  let walked = 0;
  for (let at = 0; at < size; at += stride) {
    if (!window.has(at, size)) {
      await window.load(at, size, walked);
      walked = 0;
    }
    walked++;
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

describe("the window in which headers of a log are read", () => {
  it("skips data of 16 KiB where the system has them in memory", async () => {
    const { asked, window } = timedLog(() => 0.001);
    await walk(window);
    // 2048 headers. A few large pieces at the beginning, until the mean of the strides has come near 16 KiB.
    expect(sum(asked)).toBeLessThan(4 * 256 * 1024 + 2048 * 40);
    expect(asked.length).toBeGreaterThan(1900);
  });

  it("copies them where each read waits for a disk, and tries seldom whether it still does", async () => {
    const { asked, window } = timedLog(() => 0.1);
    await walk(window);
    const alone = asked.filter((length) => length === 40);
    // 128 pieces of 256 KiB are all of the log; after the n-th slow one 1, 2, 4 ... of them follow: 7 tries, one in 4 timed.
    expect(alone.length).toBeLessThanOrEqual(7 * 4);
    expect(asked.length - alone.length).toBeGreaterThan(100);
  });

  it("goes back to headers alone after a single slow read", async () => {
    let reads = 0;
    const { asked, window } = timedLog(() => (++reads === 400 ? 5 : 0.001));
    await walk(window);
    expect(sum(asked)).toBeLessThan(6 * 256 * 1024 + 2048 * 40);
  });

  it("reads the same entries with reads that need no promise, and says of a bad sector where it is", async () => {
    const entries = Array.from({ length: 200 }, (_, n) => ({ sector: n, payload: filled(6144, n % 251) }));
    const { bytes } = makeLog(512, entries);
    const inner = new MemoryNode("log", true, bytes);
    const bad = 512 + 150 * 6656;
    const readNow = (offset: number, target: Uint8Array) => {
      if (offset <= bad && offset + target.length > bad) throw new Error("bad sector");
      target.set(bytes.subarray(offset, offset + target.length));
    };
    const log = Object.create(inner, {
      size: { value: inner.size },
      readNow: { value: readNow },
      read: { value: async (offset: number, target: Uint8Array) => readNow(offset, target) },
    }) as BlockNode;
    const index = await indexLog(log);
    expect(index.end).toMatchObject({ kind: "unreadable", entry: 150, offset: bad });
    expect(index.end.message).toBe("Entry 150 can't be read: bad sector");
    expect(Array.from({ length: 150 }, (_, n) => index.offsetOf(n) / 512)).toEqual(
      Array.from({ length: 150 }, (_, n) => n),
    );
  });
});
