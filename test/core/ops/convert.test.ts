// Conversions as seen from both ends: what is read while something is written, and how they end when one end fails.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { type ConvertRequest, convert } from "../../../core/ops/convert.ts";
import { failureOf, filled, firstDifference, openForTest } from "../../build/open.ts";
import { tempFile } from "../../build/temp.ts";
import { TestNode } from "./testNode.ts";

const MiB = 1024 * 1024;
/** What a conversion reads and writes at once. */
const block = 4 * MiB;

/** A disk whose writes take turns of the event loop, as those of another thread. */
class SlowTarget extends TestNode {
  readonly bytes: Uint8Array;
  readonly began: number[] = [];
  pending = 0;
  mostPending = 0;

  constructor(size: number) {
    const bytes = new Uint8Array(size);
    super(bytes);
    this.bytes = bytes;
  }

  override write = async (offset = 0, source: Uint8Array = new Uint8Array(0)): Promise<void> => {
    this.began.push(offset);
    this.mostPending = Math.max(this.mostPending, ++this.pending);
    for (let turns = 0; turns < 20; turns++) await new Promise((turn) => setImmediate(turn));
    this.pending--;
    this.bytes.set(source, offset);
  };
}

const request = (
  source: BlockNode,
  target: BlockNode,
  more: Partial<ConvertRequest> = {},
): ConvertRequest => ({
  sources: [source],
  target,
  sparse: 4096,
  targetIsZero: true,
  parallel: 8,
  outOfOrder: false,
  signal: new AbortController().signal,
  ...more,
});

/** Every byte tells its block: 1, 2, ... */
function numbered(blocks: number): Uint8Array {
  const bytes = new Uint8Array(blocks * block);
  for (let i = 0; i < blocks; i++) bytes.fill(i + 1, i * block, (i + 1) * block);
  return bytes;
}

describe("a conversion", () => {
  it("reads what comes next while it writes, and writes in order", async () => {
    const bytes = numbered(6);
    const target = new SlowTarget(bytes.length);
    let readMeanwhile = 0;
    const source = new TestNode(bytes, {
      onRead: () => {
        if (target.pending > 0) readMeanwhile++;
      },
    });
    await convert(request(source, target, { parallel: 3 }));
    expect(readMeanwhile).toBeGreaterThan(0);
    expect(target.mostPending).toBe(1);
    expect(target.began).toEqual([0, 1, 2, 3, 4, 5].map((i) => i * block));
    expect(firstDifference(target.bytes, bytes)).toBeUndefined();
  });

  it("reads no further ahead than it has requests", async () => {
    const bytes = numbered(8);
    const target = new SlowTarget(bytes.length);
    let ahead = 0;
    const source = new TestNode(bytes, {
      // Block n is read while at most n - done others are held.
      onRead: (offset) => {
        ahead = Math.max(ahead, offset / block - (target.began.length - target.pending) + 1);
      },
    });
    await convert(request(source, target, { parallel: 3 }));
    expect(ahead).toBe(3);
  });

  it("writes several at once where their order is free", async () => {
    const bytes = numbered(6);
    const target = new SlowTarget(bytes.length);
    await convert(request(new TestNode(bytes), target, { outOfOrder: true, parallel: 3 }));
    expect(target.mostPending).toBe(3);
    expect(firstDifference(target.bytes, bytes)).toBeUndefined();
  });

  it("ends with the range that could not be read, and with no write under way", async () => {
    const bytes = numbered(6);
    const target = new SlowTarget(bytes.length);
    const source = new TestNode(bytes, { bad: [{ offset: 3 * block + 512, length: 512 }] });
    const error = await failureOf(convert(request(source, target)));
    expect(error).toMatchObject({
      code: "EIO",
      message: `Could not read ${block} bytes at offset ${3 * block}: bad sector at ${3 * block + 512}`,
    });
    expect(target.pending).toBe(0);
    expect(target.began.every((offset) => offset < 3 * block)).toBe(true);
  });

  it("ends when it is cancelled, with no write under way", async () => {
    const bytes = numbered(16);
    const target = new SlowTarget(bytes.length);
    const abort = new AbortController();
    const progress = (copied: number) => {
      if (copied >= 4 * block) abort.abort();
    };
    const error = await failureOf(
      convert(request(new TestNode(bytes), target, { parallel: 2, signal: abort.signal, progress })),
    );
    expect(error.code).toBe("ECANCELED");
    expect(target.pending).toBe(0);
    // The 4 blocks that were reported, and what the two requests had begun.
    expect(target.began.length).toBeLessThan(4 + 3);
  });
});

describe("a conversion to a file that takes no more", () => {
  /** A raw disk over a file, whose rule fails the third large write, once and for all. */
  async function failing(blocks: number, outOfOrder: boolean) {
    const filename = tempFile("out.raw", new Uint8Array(0));
    fs.truncateSync(filename, blocks * block);
    const { root } = await openForTest(
      {
        driver: "raw",
        file: {
          driver: "blkdebug",
          image: { driver: "file", filename },
          "inject-error": [{ event: "write_aio", sector: (2 * block) / 512, errno: 28 }],
        },
      },
      { readOnly: false },
    );
    const source = new TestNode(numbered(blocks));
    const error = await failureOf(convert(request(source, root, { outOfOrder })));
    return { error, written: fs.readFileSync(filename) };
  }

  it("says where, and writes nothing behind it", async () => {
    const { error, written } = await failing(6, false);
    expect(error).toBeInstanceOf(BlockError);
    expect(error.code).toBe("ENOSPC");
    expect(error.message).toContain(`Could not write ${block} bytes at offset ${2 * block} of the target`);
    expect(error.context.peer?.message).toBe(
      `error while writing at byte ${2 * block}: No space left on device`,
    );
    const expected = filled(6 * block, 0);
    expected.set(numbered(2));
    expect(firstDifference(written, expected)).toBeUndefined();
  });

  it("leaves whole blocks or none where their order is free", async () => {
    const { error, written } = await failing(6, true);
    expect(error.code).toBe("ENOSPC");
    for (let i = 0; i < 6; i++) {
      const found = written.subarray(i * block, (i + 1) * block);
      const isThere = found[0] !== 0;
      expect(firstDifference(found, filled(block, isThere ? i + 1 : 0))).toBeUndefined();
      if (i === 2) expect(isThere).toBe(false);
    }
  });
});
