// States of a log whose writer takes its next step between two looks at it: the driver logstate and the search for the
// first bad state read it on, as the commands that list it do.
import * as fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import * as path from "node:path";
import timers from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runJob } from "../../../core/jobs/run.ts";
import type { LogBisectParams } from "../../../core/ops/logBisectRun.ts";
import { failureOf, filled, openForTest, readRange } from "../../build/open.ts";
import { makeLog } from "../../build/randomLog.ts";
import { tempDir } from "../../build/temp.ts";

/** The writer's next step, in the place of the pause between two looks. */
let nextStep: (() => void) | undefined;
let looks = 0;

beforeEach(() => {
  looks = 0;
  filename = path.join(tempDir(), "a.log");
  vi.spyOn(timers, "setTimeout").mockImplementation(async () => {
    looks++;
    nextStep?.();
  });
  // Whoever has imported it by its name.
  syncBuiltinESMExports();
});
afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

const whole = makeLog(512, [
  { sector: 0, payload: filled(1024, 1) },
  { flags: 1 },
  { sector: 0, payload: filled(512, 2) },
  { flags: 1 },
]).bytes;
// Headers at 512, 2048, 2560, 3584; the log ends at 4096.

/** The first `size` bytes of it with that count in its superblock. */
function step(size: number, counted: number): Uint8Array {
  const bytes = whole.slice(0, size);
  new DataView(bytes.buffer).setBigUint64(16, BigInt(counted), true);
  return bytes;
}

let filename: string;

/** A file that is at one step of its writer, and at another after a moment. */
function log(before: Uint8Array, after: Uint8Array) {
  fs.writeFileSync(filename, before);
  // Known by what stat says of it, as a log that was not changed just now.
  const old = new Date(Date.now() - 60_000);
  fs.utimesSync(filename, old, old);
  nextStep = () => fs.writeFileSync(filename, after);
  return { driver: "file", filename };
}

describe("a state of a log that ends within an entry", () => {
  it("has the entries that are whole a moment later", async () => {
    const warn = vi.fn();
    const base = { driver: "memory", bytes: filled(2048, 9) };
    const spec = { driver: "logstate", log: log(step(3000, 2), whole), base };
    const { root, nodes } = await openForTest(spec, { warn });
    expect((await readRange(root, 0, 2048)).filter((_, at) => at % 512 === 0)).toEqual(
      Uint8Array.of(2, 1, 9, 9),
    );
    expect(root.info.specific).toMatchObject({ "entries-applied": 4, "log-end": "growing" });
    expect(warn.mock.calls).toEqual([]);
    // The log that was open before is none of the graph's any more.
    expect(nodes.map(({ name, size }) => [name, size])).toEqual([
      ["top", 2048],
      ["base", 2048],
      ["log", 4096],
    ]);
  });

  it("says that the log ends too soon when nothing has come, and looks once", async () => {
    const warn = vi.fn();
    const torn = step(3000, 3);
    const first = await openForTest({ driver: "logstate", log: log(torn, torn) }, { warn });
    expect(first.root.info.specific).toMatchObject({ "entries-applied": 2, "log-end": "torn" });
    expect(warn).toHaveBeenCalledTimes(1);
    expect((await readRange(first.root, 0, 1))[0]).toBe(1);
    expect(looks).toBe(1);
  });

  it("of one whose tables another state read on is read anew by who knows the log as it was", async () => {
    const spec = { driver: "logstate", log: log(step(3000, 2), whole) };
    const states = await Promise.all([openForTest(spec), openForTest(spec)]);
    for (const { root } of states) {
      expect(root.info.specific).toMatchObject({ "entries-applied": 4 });
      expect((await readRange(root, 0, 1))[0]).toBe(2);
    }
  });

  it("can't be shown when the log was begun anew since", async () => {
    const other = makeLog(4096, [{ flags: 1 }]).bytes;
    const error = await failureOf(openForTest({ driver: "logstate", log: log(step(3000, 3), other) }));
    expect(error).toMatchObject({ code: "EINVAL", message: "The log was begun anew since it was read" });
  });
});

describe("the search for the first bad state of such a log", () => {
  async function bisect(given: LogBisectParams["log"]) {
    // Fails where the disk begins with 2.
    const words = ["sh", "-c", 'test "$(od -An -tx1 -N1 "$0" | tr -d " ")" != 02', "{}"];
    const params: LogBisectParams = {
      log: given,
      base: undefined,
      size: undefined,
      range: undefined,
      at: "each",
      search: "linear",
      all: false,
      refine: false,
      judge: { kind: "command", command: { words, shell: false, timeoutMs: 60_000 } },
      jobs: 1,
    };
    const { signal } = new AbortController();
    const told = { items: () => undefined, progress: () => undefined };
    return runJob("logBisect", params, told, { signal });
  }

  it("finds what is whole a moment later", async () => {
    const { firstBad, lastGood } = await bisect(log(step(3000, 2), whole));
    expect([firstBad?.entries, lastGood?.entries]).toEqual([3, 2]);
  });

  it("ends with what there is when nothing has come", async () => {
    const torn = step(3000, 3);
    const { firstBad, totals } = await bisect(log(torn, torn));
    expect([firstBad, totals.good, looks]).toEqual([undefined, 2, 1]);
  });
});
