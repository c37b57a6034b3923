// The history of a range: all entries that touched it, as a plain search finds them, what they changed, and whether they
// were durable.
import { describe, expect, it } from "vitest";
import { changeBy, durableWith, historyOf, isDurableAt } from "../../../core/writelog/history.ts";
import { buildIntervals } from "../../../core/writelog/intervalsBuild.ts";
import { LogIndex } from "../../../core/writelog/logIndex.ts";
import { LogStates } from "../../../core/writelog/state.ts";
import { indexOf } from "../../build/indexedLog.ts";
import { replay } from "../../build/logReader.ts";
import { failureOf, filled } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { makeLog, randomLog } from "../../build/randomLog.ts";

const log = makeLog(512, [
  { sector: 0, payload: filled(2048, 1) }, // 0: bytes 0..2047
  { sector: 4, payload: filled(512, 2) }, // 1: elsewhere
  { sector: 1, flags: 2, payload: filled(512, 3) }, // 2: FUA, bytes 512..1023
  { sector: 1, sectorCount: 1, flags: 4 }, // 3: discards them
  { flags: 1 }, // 4
  { sector: 0, flags: 1, payload: filled(512, 4) }, // 5: flush, then data
  { sector: 1, payload: filled(512, 5) }, // 6
]);

describe("the history of a range", () => {
  it("has every entry that touched it, newest first, with what it touched and what made it durable", async () => {
    const { index } = await indexOf(log);
    expect(await historyOf(index, 1000, 100)).toEqual({
      next: undefined,
      entries: [
        {
          entry: 6,
          kind: "write",
          flags: 0,
          range: { offset: 512, length: 512 },
          touched: { offset: 1000, length: 24 },
          durableWith: undefined,
        },
        {
          entry: 3,
          kind: "discard",
          flags: 4,
          range: { offset: 512, length: 512 },
          touched: { offset: 1000, length: 24 },
          durableWith: 4,
        },
        {
          entry: 2,
          kind: "write",
          flags: 2,
          range: { offset: 512, length: 512 },
          touched: { offset: 1000, length: 24 },
          durableWith: 2,
        },
        {
          entry: 0,
          kind: "write",
          flags: 0,
          range: { offset: 0, length: 2048 },
          touched: { offset: 1000, length: 100 },
          durableWith: 4,
        },
      ],
    });
  });

  it("comes in pages that continue each other", async () => {
    const { index } = await indexOf(log);
    const first = await historyOf(index, 0, 1024, { limit: 2 });
    expect(first.entries.map(({ entry }) => entry)).toEqual([6, 5]);
    const second = await historyOf(index, 0, 1024, { limit: 2, before: first.next ?? -1 });
    expect(second.entries.map(({ entry }) => entry)).toEqual([3, 2]);
    const third = await historyOf(index, 0, 1024, { limit: 2, before: second.next ?? -1 });
    expect(third).toMatchObject({ entries: [{ entry: 0 }], next: undefined });
  });

  it("of tens of thousands of entries is that of a plain search, page by page", async () => {
    await seeded(async (random) => {
      const count = 70_000;
      const superblock = { magicOk: true, version: 1, entries: count, sectorSize: 512 };
      const index = new LogIndex(superblock, 512, { kind: "complete", entry: 0, offset: 0, message: "" });
      // Writes, discards, flushes and marks; the latter two would touch the first bytes if they were writes.
      const rows = Array.from({ length: count }, () => {
        const [flags, isEmpty] = random.pick([
          [0, false],
          [4, false],
          [1, true],
          [8, true],
        ] as const);
        const row = {
          offset: 512 * random.below(2000),
          length: isEmpty ? 0 : 512 * (1 + random.below(8)),
          flags,
        };
        index.push(row.offset, row.length, row.flags, 0, 0);
        return row;
      });
      for (let round = 0; round < 3; round++) {
        const offset = random.below(2000 * 512);
        const found: number[] = [];
        for (let before: number | undefined = count; before !== undefined; ) {
          const page = await historyOf(index, offset, 700, { before, limit: 37 });
          found.push(...page.entries.map(({ entry }) => entry));
          before = page.next;
        }
        const expected = rows.flatMap((row, entry) =>
          row.length > 0 && row.offset < offset + 700 && row.offset + row.length > offset ? [entry] : [],
        );
        expect(found).toEqual(expected.reverse());
      }
    });
  });

  it("is refused for what is no range, and can be left", async () => {
    const { index } = await indexOf(log);
    for (const [offset, length] of [
      [-1, 5],
      [0, 0],
      [0.5, 1],
      [2 ** 53 - 1, 1],
      [0, Number.NaN],
    ] as const) {
      expect((await failureOf(historyOf(index, offset, length))).code).toBe("EINVAL");
    }
    const large = makeLog(32, Array(100_000).fill({ flags: 1 }));
    const { index: long } = await indexOf(large);
    expect((await failureOf(historyOf(long, 0, 1, { signal: AbortSignal.abort() }))).code).toBe("ECANCELED");
  });

  it("equals a plain search over random logs, and its flushes are the first ones behind", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 30; round++) {
        const made = randomLog(random, 64, 40, 80);
        const { index } = await indexOf(made);
        const offset = random.below(2500);
        const length = 1 + random.below(300);
        const expected = made.entries.flatMap(({ sector, sectorCount, flags }, entry) => {
          const bytes = Array.from({ length: sectorCount * 64 }, (_, i) => sector * 64 + i);
          return flags !== 8 && bytes.some((byte) => byte >= offset && byte < offset + length) ? [entry] : [];
        });
        const found: number[] = [];
        for (let before: number | undefined = made.entries.length; before !== undefined; ) {
          const page = await historyOf(index, offset, length, { before, limit: 7 });
          found.push(...page.entries.map(({ entry }) => entry));
          before = page.next;
        }
        expect(found).toEqual(expected.reverse());
        for (const entry of found) {
          const isFua = Math.floor((made.entries[entry]?.flags ?? 0) / 2) % 2 === 1;
          const flush = made.entries.findIndex(({ flags }, at) => at > entry && flags % 2 === 1);
          const durable = isFua ? entry : flush === -1 ? undefined : flush;
          expect(durableWith(index, entry)).toBe(durable);
        }
      }
    });
  });
});

it("a write is durable from its flush on, one with FUA at once, and a flush does not cover its own data", async () => {
  const { index } = await indexOf(log);
  const durable = (entry: number, count: number) => isDurableAt(index, entry, count);
  expect([durable(0, 4), durable(0, 5), durable(2, 3), durable(5, 6), durable(6, 7)]).toEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
});

describe("what an entry changed", () => {
  it("is the range's bytes before and after it, and whether they differ", async () => {
    const { index, node } = await indexOf(log);
    const states = new LogStates({
      log: node,
      index,
      intervals: await buildIntervals(index),
      discards: "zero",
    });
    for (const entry of log.entries.keys()) {
      const [before, after] = [replay(log, 2048, entry), replay(log, 2048, entry + 1)];
      expect(await changeBy(states, entry, 500, 100)).toEqual({
        before: before.slice(500, 600),
        after: after.slice(500, 600),
        changed: before.slice(500, 600).join() !== after.slice(500, 600).join(),
      });
    }
    expect((await failureOf(changeBy(states, 7, 0, 1))).message).toContain("The log has 7 entries");
    expect((await failureOf(changeBy(states, 0, 0, 2 ** 24 + 1))).code).toBe("EFBIG");
  });
});
