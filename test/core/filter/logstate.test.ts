// The driver logstate: which disk it shows, how long that disk is, what it refuses, and what it says of itself.
import * as fs from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import type { NodeOptions } from "../../../core/block/driver.ts";
import { imageSpecForPath, openGraph } from "../../../core/graph.ts";
import { newQed } from "../../build/newQed.ts";
import { failureOf, filled, openForTest, readAll, readRange } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { type MadeLog, makeLog, randomLog } from "../../build/randomLog.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

const log = makeLog(512, [
  { sector: 0, payload: filled(1024, 1) }, // 0
  { sector: 1, payload: filled(1024, 2) }, // 1
  { flags: 1 }, // 2
  { sector: 6, sectorCount: 2, flags: 4 }, // 3: the furthest, up to byte 4096
]);

function state(made: MadeLog, more: Record<string, unknown> = {}): NodeOptions {
  return { driver: "logstate", log: { driver: "memory", bytes: made.bytes }, ...more };
}

describe("the disk that logstate shows", () => {
  it("has as many entries applied as were asked for, given as a number or as text", async () => {
    const heads = [0, "1", 2, "0x2", 4].map(async (entry) => {
      const { root } = await openForTest(state(log, { entry }));
      return (await readAll(root)).filter((_, at) => at % 512 === 0).join(" ");
    });
    expect(await Promise.all(heads)).toEqual([
      "0 0 0 0 0 0 0 0",
      "1 1 0 0 0 0 0 0",
      "1 2 2 0 0 0 0 0",
      "1 2 2 0 0 0 0 0",
      "1 2 2 0 0 0 0 0",
    ]);
  });

  it("has all entries that the superblock counts when none is asked for, and more only on demand", async () => {
    const behind = { ...log, bytes: Uint8Array.from(log.bytes) };
    // The count is the 8 bytes at 16.
    behind.bytes[16] = 1;
    const warn = vi.fn();
    const { root } = await openForTest(state(behind), { warn });
    expect(warn.mock.calls).toEqual([
      ["3 entries behind the superblock's count of 1 are left out; the option 'entry' reaches them"],
    ]);
    expect(root.info.specific).toMatchObject({
      "entries-applied": 1,
      "entries-counted": 1,
      "entries-in-log": 4,
    });
    expect((await readRange(root, 1024, 1))[0]).toBe(0);
    expect((await readRange((await openForTest(state(behind, { entry: 2 }))).root, 1024, 1))[0]).toBe(2);
  });

  it("is as long as asked for, as the base, or as far as the log writes, and says which", async () => {
    const base = { driver: "memory", bytes: filled(5000, 9) };
    // The log writes up to byte 4096: a file that was shorter before has grown.
    const shorter = { driver: "memory", bytes: filled(2000, 9) };
    const sizes = [{}, { base }, { base: shorter }, { base, size: "3k" }].map(async (more) => {
      const { root } = await openForTest(state(log, more));
      return [root.size, root.info.specific?.["size-from"]];
    });
    expect(await Promise.all(sizes)).toEqual([
      [4096, "log"],
      [5000, "base"],
      [4096, "log"],
      [3072, "option"],
    ]);
  });

  it("warns when the log writes past that length", async () => {
    const warn = vi.fn();
    const graph = await openGraph(state(log, { size: 1500 }), { warn });
    expect(warn.mock.calls).toEqual([
      ["The log goes up to byte 4096 of its disk: what lies behind 1500 is not shown"],
    ]);
    expect(await readAll(graph.root)).toEqual(
      Uint8Array.from({ length: 1500 }, (_, at) => (at < 512 ? 1 : 2)),
    );
    await graph.close();
  });

  it("has the base's bytes where nothing was written, and zeroes behind its end", async () => {
    const base = { driver: "memory", bytes: filled(2000, 9) };
    const { root } = await openForTest(state(log, { entry: 1, base, size: 3000 }));
    expect(await readAll(root)).toEqual(
      Uint8Array.from({ length: 3000 }, (_, at) => (at < 1024 ? 1 : at < 2000 ? 9 : 0)),
    );
    expect(root.children.map(({ name, role }) => [name, role])).toEqual([
      ["log", "log"],
      ["base", "backing"],
    ]);
    expect(await root.extentAt(0, 3000)).toMatchObject({ length: 1024, state: "data" });
    expect(await root.extentAt(1024, 1976)).toMatchObject({ length: 1976, state: "unallocated" });
  });

  it("says that discarded bytes are unknown where that was chosen", async () => {
    const states = [{}, { discards: "unknown" }].map(async (more) => {
      const { root } = await openForTest(state(log, more));
      const { state: found } = await root.extentAt(3072, 1024);
      return [root.info.specific?.discards, found, await root.describeAt?.(3072)];
    });
    expect(await Promise.all(states)).toEqual([
      ["zero", "zero", "discarded by entry 3: zeroes"],
      ["unknown", "unallocated", "discarded by entry 3: contents unknown, read as zeroes"],
    ]);
  });
});

describe("logstate refuses", () => {
  it("to be opened for writing, with a way that works", async () => {
    const error = await failureOf(openGraph(state(log), { readOnly: false }));
    expect([error.code, error.message]).toEqual(["EACCES", "A state of a log can't be written to"]);
    const { root } = await openForTest(state(log, { "auto-read-only": true }), { readOnly: false });
    expect((await failureOf(root.write(0, filled(1, 1)))).code).toBe("EROFS");
  });

  it.each([
    [{ entry: 5 }, "EINVAL", "The log has 4 entries; 5 of them can't be applied"],
    [{ entry: -1 }, "EINVAL", "The log has 4 entries; -1 of them can't be applied"],
    [{ entry: "x" }, "EINVAL", "Invalid option 'entry' of 'logstate': must be a whole number"],
    [{ discards: "maybe" }, "EINVAL", "Invalid option 'discards' of 'logstate': must be zero or unknown"],
  ])("%j", async (more, code, message) => {
    const error = await failureOf(openGraph(state(log, more)));
    expect([error.code, error.message]).toEqual([code, message]);
  });

  it("what is no log, saying why", async () => {
    const messages = [new Uint8Array(0), new Uint8Array(512), filled(512, 7)].map(async (bytes) => {
      const error = await failureOf(openGraph(state({ ...log, bytes })));
      return [error.code, error.context.option, error.message.slice(0, 40)];
    });
    expect(await Promise.all(messages)).toEqual([
      ["EINVAL", "log", "The file is empty: no writer has written"],
      ["EINVAL", "log", "There is no superblock yet: the log's wr"],
      ["EINVAL", "log", "This is no log of writes: its first 8 by"],
    ]);
  });
});

it("a log that ends within an entry is shown up to there", async () => {
  // Superblock, entry 0 with two sectors, the header of entry 1 and half of its data.
  const { root } = await openForTest(state({ ...log, bytes: log.bytes.slice(0, 512 * 5 + 512) }));
  expect(root.info.specific).toMatchObject({ "entries-applied": 1, "log-end": "torn" });
  expect(await readAll(root)).toEqual(filled(1024, 1));
});

it("a log with damage anywhere is shown as far as it can be read, or refused", async () => {
  await seeded(async (random) => {
    let shown = 0;
    for (let round = 0; round < 120; round++) {
      const made = randomLog(random, 64, 40, 30);
      const bytes = made.bytes.slice(
        0,
        random.below(2) === 0 ? made.bytes.length : random.below(made.bytes.length),
      );
      // Headers begin at multiples of 64; the first 32 bytes of a sector are the ones that mean something.
      for (let i = random.below(4); i >= 0 && bytes.length > 64; i--) {
        const at = 64 * random.below(Math.floor(bytes.length / 64)) + random.below(32);
        bytes[at] = random.pick([0, 1, 4, 0x7f, 0xff]);
      }
      const graph = await openGraph(state({ ...made, bytes }, { entry: random.below(30) })).catch(
        (error: unknown) => {
          expect(error).toBeInstanceOf(BlockError);
        },
      );
      if (!graph) continue;
      shown++;
      const { root } = graph;
      const length = Math.min(root.size, 10_000);
      const whole = await readRange(root, 0, length);
      let extents = 0;
      for (let at = 0; at < root.size; extents++) {
        const extent = await root.extentAt(at, root.size - at);
        if (extent.state !== "data" && at < length) {
          const part = whole.subarray(at, Math.min(length, at + extent.length));
          expect(part.every((byte) => byte === 0)).toBe(true);
        }
        at += extent.length;
      }
      // Each entry has two ends, and the disk's own.
      expect(extents).toBeLessThanOrEqual(2 * 30 + 1);
      await graph.close();
    }
    expect(shown).toBeGreaterThan(20);
  });
});

describe("a log in a file", () => {
  const spec = (filename: string, more: object = {}) => ({
    driver: "logstate",
    log: { driver: "file", filename },
    ...more,
  });

  /** As if nobody had written to it for a while, which is when tables are kept. */
  function madeLongAgo(filename: string, seconds: number): void {
    const then = new Date(Date.now() - 1000 * seconds);
    fs.utimesSync(filename, then, then);
  }

  it("that has changed since it was last shown is read again", async () => {
    const filename = tempFile("w.log", log.bytes);
    madeLongAgo(filename, 100);
    const shown = async () => (await readAll((await openForTest(spec(filename))).root))[0];
    expect([await shown(), await shown()]).toEqual([1, 1]);
    // Entry 0 writes to sector 3 instead of 0: the same length, the same inode.
    const file = fs.openSync(filename, "r+");
    fs.writeSync(file, Uint8Array.of(3), 0, 1, 512);
    fs.closeSync(file);
    madeLongAgo(filename, 50);
    expect(await shown()).toBe(0);
  });

  it("is not written to and not locked for writing, even below an image that is", async () => {
    const folder = tempDir();
    const filename = tempFile("w.log", log.bytes, folder);
    fs.chmodSync(filename, 0o444);
    const filenameOfState = `json:${JSON.stringify(spec(filename))}`;
    const overlay = await newQed({ folder, size: 4096, backing: { filename: filenameOfState } });
    const { root } = await openForTest(imageSpecForPath(overlay), { readOnly: false, backing: "open" });
    await root.write(0, filled(100, 8));
    expect(await readRange(root, 0, 512)).toEqual(
      Uint8Array.from({ length: 512 }, (_, i) => (i < 100 ? 8 : 1)),
    );
    expect(Uint8Array.from(fs.readFileSync(filename))).toEqual(log.bytes);
  });
});
