// The job that finds the first state of a log that fails: states as they come, both ends, what is between them, the line
// that makes it again, and that nothing is left behind.
import * as fs from "node:fs";
import * as path from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import type { JobProgress } from "../../../core/jobs/contract.ts";
import { runJob } from "../../../core/jobs/run.ts";
import type {
  LogBisectItem,
  LogBisectParams,
  LogBisectResult,
  LogBisectTotals,
} from "../../../core/ops/logBisectRun.ts";
import { indexLog } from "../../../core/writelog/index.ts";
import { buildIntervals } from "../../../core/writelog/intervalsBuild.ts";
import { lentTables } from "../../../core/writelog/lentTables.ts";
import { identityOf, shareTables } from "../../../core/writelog/stateCache.ts";
import { filled } from "../../build/open.ts";
import { type GivenEntry, makeLog } from "../../build/randomLog.ts";
import { tempDir, tempFile } from "../../build/temp.ts";

const write = (sector: number, value: number, flags = 0): GivenEntry => ({
  sector,
  flags,
  payload: filled(512, value),
});
/** Entries 4, 9, 14, ... are flushes, 11 is a mark, 12 a FUA write. Sector 5 holds 0xad from entry 13 on, until entry 20. */
const entries: GivenEntry[] = Array.from({ length: 30 }, (_, i) => {
  if (i === 13) return write(5, 0xad);
  if (i === 20) return write(5, 0x11);
  if (i % 5 === 4) return { flags: 1 };
  if (i === 11) return { flags: 8, text: "step two" };
  return write(100 + i, i + 1, i === 12 ? 2 : 0);
});

/** Fails while sector 5 begins with 0xad. */
const checker = ["sh", "-c", 'test "$(od -An -tx1 -j2560 -N1 "$0" | tr -d " ")" != ad', "{}"];
const command = (words: readonly string[], shell = false) =>
  ({ kind: "command", command: { words, shell, timeoutMs: 60_000 } }) as const;

let temp: string;
beforeEach(() => {
  temp = tempDir();
});

/** With the folder of the test for temporary files. */
async function inTemp<T>(work: () => Promise<T>): Promise<T> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temp;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

interface Ran {
  readonly result: LogBisectResult;
  readonly items: readonly LogBisectItem[];
  readonly progress: readonly JobProgress<LogBisectTotals>[];
  readonly log: string;
}

async function bisect(
  wanted: Partial<LogBisectParams> = {},
  cancel = new AbortController(),
  onItems: (items: readonly LogBisectItem[]) => void = () => undefined,
): Promise<Ran> {
  const log = tempFile("a.log", makeLog(512, entries).bytes);
  const [items, progress]: [LogBisectItem[], JobProgress<LogBisectTotals>[]] = [[], []];
  const params: LogBisectParams = {
    log: { driver: "file", filename: log },
    base: undefined,
    size: undefined,
    range: undefined,
    at: "flush",
    search: "linear",
    all: false,
    refine: false,
    judge: command(checker),
    jobs: 1,
    ...wanted,
  };
  const handlers = {
    items: (batch: readonly LogBisectItem[]) => {
      items.push(...batch);
      onItems(batch);
    },
    progress: (told: JobProgress<LogBisectTotals>) => progress.push(told),
  };
  const result = await inTemp(() => runJob("logBisect", params, handlers, { signal: cancel.signal }));
  expect(fs.readdirSync(temp)).toEqual([]);
  return { result, items, progress, log };
}

describe("a search for the first state that fails", () => {
  it("tells each state, both ends, and what is between them", async () => {
    const { result, items } = await bisect({ refine: true });
    // Flushes at 4, 9, 14: the third fails; then entries 10 to 13 one by one, each after one more entry.
    expect(items.map(({ entries, verdict, refined }) => [entries, verdict, refined])).toEqual([
      [5, "good", false],
      [10, "good", false],
      [15, "bad", false],
      [11, "good", true],
      [12, "good", true],
      [13, "good", true],
      [14, "bad", true],
    ]);
    expect(result).toMatchObject({
      cancelled: false,
      firstBad: { entries: 14, kind: "entry", lost: "" },
      lastGood: { entries: 13 },
      // In the list: the six flushes, of which the last is the end.
      totals: { states: 6, good: 5, bad: 2, skipped: 0 },
      edges: undefined,
      between: { total: 0, events: [] },
    });
  });

  it("tells of the states that were judged while the next takes its time", async () => {
    const cancel = new AbortController();
    const seen = path.join(tempDir(), "seen");
    const line = `test "$(cat ${seen} 2>/dev/null)" = ab && exec sleep 60; test -e ${seen} && printf ab > ${seen} || printf a > ${seen}`;
    let told = 0;
    const { items } = await bisect({ judge: command(["sh", "-c", line, "{}"]) }, cancel, (batch) => {
      told += batch.length;
      if (told === 2) cancel.abort();
    });
    expect(items.map(({ entries, verdict }) => [entries, verdict])).toEqual([
      [5, "good"],
      [10, "good"],
    ]);
  });

  it("names the flushes, FUA writes and marks behind the last state that passes", async () => {
    const { result } = await bisect();
    expect([result.lastGood?.entries, result.firstBad?.entries]).toEqual([10, 15]);
    expect(result.between).toEqual({
      total: 3,
      events: [
        { entry: 11, kind: "mark", text: "step two" },
        { entry: 12, kind: "fua", text: undefined },
        { entry: 14, kind: "flush", text: undefined },
      ],
    });
  });

  it("goes by halves within a range, whose first state is looked at too", async () => {
    const { result, items, progress } = await bisect({
      at: "each",
      search: "binary",
      range: { first: 2, end: 18 },
    });
    expect(result).toMatchObject({
      edges: "good-bad",
      firstBad: { entries: 14 },
      lastGood: { entries: 13 },
      undecided: 0,
    });
    // 17 states, both edges and some log2(16) = 4 between them, which is what the first progress says.
    expect(items.length).toBeLessThanOrEqual(7);
    expect(progress.find(({ totals }) => totals.states === 17)?.total).toBe(6);
    expect(Math.min(...items.map(({ entries }) => entries))).toBe(2);
  });

  it("counts the stretches that fail when it looks at all", async () => {
    const { result } = await bisect({ all: true });
    // At flushes 14 and 19; entry 20 mends it.
    expect(result).toMatchObject({ stretches: 1, totals: { states: 6, good: 4, bad: 2 } });
  });

  it("says of a mended log that its last state passes, and of one that is never judged nothing", async () => {
    expect((await bisect({ search: "binary" })).result).toMatchObject({
      edges: "last-good",
      firstBad: undefined,
    });
    expect((await bisect({ judge: command(["sh", "-c", "exit 125", "{}"]) })).result).toMatchObject({
      firstBad: undefined,
      totals: { good: 0, bad: 0, skipped: 6 },
    });
  });

  it("judges reordered writes by what was lost, the same for the same seed", async () => {
    // Without entry 13 sector 5 is well: of the states between flushes some fail and some do not.
    const sample = {
      at: { count: 20, seed: 7, torn: false },
      all: true,
      range: { first: 10, end: 14 },
    } as const;
    const first = await bisect(sample);
    const again = await bisect(sample);
    const shown = ({ items }: Ran) => items.map(({ entries, lost, verdict }) => [entries, lost, verdict]);
    expect(shown(first)).toEqual(shown(again));
    for (const { entries, lost, verdict } of first.items) {
      const has13 = entries > 13 && !/\b13\b/.test(lost) && !lost.includes("10-13");
      expect([entries, lost, verdict]).toEqual([entries, lost, has13 ? "bad" : "good"]);
      // What FUA made durable is never lost.
      expect(lost).not.toMatch(/\b12\b/);
    }
  });

  it("stops when it is cancelled, ends the command, and says what it had found", async () => {
    const cancel = new AbortController();
    const pids = path.join(tempDir(), "pids");
    const judge = command([
      "sh",
      "-c",
      `echo $$ >> '${pids}'; test $(wc -l < '${pids}') -lt 3 || sleep 60`,
      "{}",
    ]);
    const running = bisect({ judge }, cancel);
    await expect
      .poll(() => (fs.existsSync(pids) ? fs.readFileSync(pids, "utf8").split("\n").length : 0), {
        timeout: 20_000,
      })
      .toBe(4);
    cancel.abort();
    const { result } = await running;
    expect(result).toMatchObject({ cancelled: true, totals: { good: 2, bad: 0 }, lastGood: { entries: 10 } });
    for (const pid of fs.readFileSync(pids, "utf8").trim().split("\n")) {
      expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
    }
  });

  it.each([
    [{ judge: command(["no-such-program", "{}"]) }, "there is no such program"],
    [{ range: { first: 0, end: 31 } }, "The log has 30 entries"],
    [{ range: { first: 4, end: 3 } }, "The log has 30 entries"],
    [{ size: 512 }, "it can't have only 512"],
    [{ log: { driver: "file", filename: "/dev/null" } }, "it is a character device"],
    [{ at: "mark", range: { first: 3, end: 3 }, base: { driver: "file", filename: "/no/base" } }, "/no/base"],
  ] as const)("is refused for %j", async (wanted, message) => {
    await expect(bisect(wanted as Partial<LogBisectParams>)).rejects.toThrow(message);
    expect(fs.readdirSync(temp)).toEqual([]);
  });

  it("is refused where there are more states than it looks at, with what to choose instead", async () => {
    // Blank headers that the superblock counts are writes of nothing, a sector each.
    const { bytes } = makeLog(512, []);
    new DataView(bytes.buffer).setBigUint64(16, 1_000_001n, true);
    const filename = tempFile("long.log", bytes);
    fs.truncateSync(filename, 512 * (1 + 1_000_001));
    const wanted = { log: { driver: "file", filename }, at: "each", search: "binary" } as const;
    await expect(bisect(wanted)).rejects.toMatchObject({
      code: "EFBIG",
      message: "The entries 0 to 1000000 have more than 1000000 of these moments, the most of a search",
      context: { hint: "Look at every 2 entries and refine, or at a part of the log." },
    });
  });

  it("is made again by the line it tells, which a shell takes for the same words", async () => {
    const { result, log } = await bisect({
      at: { count: 3, seed: 9, torn: true },
      range: { first: 1, end: 12 },
      size: 1024 * 1024,
    });
    expect(result.command).toBe(
      "blkscope log bisect --at reorder:3,9 --torn --search linear --start-entry 1 --end-entry 12 --size 1048576 " +
        `--timeout 60 ${log} -- sh -c 'test "$(od -An -tx1 -j2560 -N1 "$0" | tr -d " ")" != ad' {}`,
    );
    // A base that is no plain file is given as what it is.
    const base = tempFile("base.raw", filled(1024 * 1024, 0));
    const raw = { driver: "raw", file: { driver: "file", filename: base } };
    expect((await bisect({ base: raw })).result.command).toContain(` --base ${base} `);
    const sized = { ...raw, size: 1024 * 1024 };
    expect((await bisect({ base: sized })).result.command).toContain(
      ` --base 'json:${JSON.stringify(sized)}' `,
    );
  });
});

describe("a log that another thread has read", () => {
  /** Lent is what the log was up to `upTo`: that it is used shows in states that are not looked at. */
  async function lentLog(upTo: number, growing = false) {
    const filename = tempFile("lent.log", makeLog(512, entries).bytes);
    const past = new Date(Date.now() - 60_000);
    fs.utimesSync(filename, past, past);
    const log = { driver: "file", filename };
    const graph = await openGraph(log);
    const part = await openGraph({ driver: "memory", bytes: makeLog(512, entries.slice(0, upTo)).bytes });
    const index = await indexLog(part.root, { growing });
    const key = identityOf(graph.root) ?? "";
    const endLoan = shareTables(key, { index, intervals: await buildIntervals(index) });
    onTestFinished(async () => {
      endLoan();
      await part.close();
      await graph.close();
    });
    return { log, isLent: () => lentTables(key) !== undefined };
  }

  it("is not read again, and stays lent", async () => {
    const { log, isLent } = await lentLog(12);
    const { result } = await bisect({ log });
    expect([result.totals.states, result.firstBad, isLent()]).toEqual([3, undefined, true]);
  });

  it("is read where more entries are asked for, or where more may come", async () => {
    const more = await lentLog(12);
    const { result } = await bisect({ log: more.log, range: { first: 0, end: 30 } });
    expect(result.firstBad).toMatchObject({ entries: 15 });
    const growing = await lentLog(12, true);
    expect((await bisect({ log: growing.log })).result.firstBad).toMatchObject({ entries: 15 });
  });
});
