// Searches for the first bad place of a list: against every list of good and bad, with places that can't be judged, and with
// judges that take their time in any order. And the states that are searched: none is there that no crash can leave.
import { describe, expect, it } from "vitest";
import { searchBinary, searchLinear, type Verdict } from "../../../core/writelog/bisect.ts";
import { mostStates, statesAt } from "../../../core/writelog/states.ts";
import { reorderedStates } from "../../../core/writelog/statesReorder.ts";
import { indexOf } from "../../build/indexedLog.ts";
import { failureOf, filled } from "../../build/open.ts";
import { type Random, seeded } from "../../build/random.ts";
import { type GivenEntry, makeLog, randomLog } from "../../build/randomLog.ts";

/** Judges after a random number of turns; each place at most once, and never more at a time than jobs. */
function judging(verdicts: readonly Verdict[], jobs: number, random: Random) {
  const asked: number[] = [];
  let underWay = 0;
  return {
    asked,
    options: {
      count: verdicts.length,
      jobs,
      judge: async (place: number) => {
        expect(asked).not.toContain(place);
        asked.push(place);
        underWay++;
        expect(underWay).toBeLessThanOrEqual(jobs);
        for (let turns = random.below(4); turns > 0; turns--) await Promise.resolve();
        underWay--;
        return verdicts[place] ?? "skip";
      },
    },
  };
}

describe("a search in turn", () => {
  it("ends at the first bad place, with all before it judged, whatever the others are", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 300; round++) {
        const verdicts = Array.from({ length: random.below(20) }, () =>
          random.pick<Verdict>(["good", "good", "good", "bad", "skip"]),
        );
        const { asked, options } = judging(verdicts, 1 + random.below(4), random);
        const all = random.below(2) === 0;
        const { firstBad, lastGood } = await searchLinear(options, all);
        const bad = verdicts.indexOf("bad");
        expect(firstBad).toBe(bad === -1 ? undefined : bad);
        const good = verdicts.slice(0, bad === -1 ? verdicts.length : bad).lastIndexOf("good");
        expect(lastGood).toBe(good === -1 ? undefined : good);
        expect(asked.length).toBeGreaterThanOrEqual(all || bad === -1 ? verdicts.length : bad + 1);
      }
    });
  });

  it("throws what a judge throws when the others have ended", async () => {
    let ended = 0;
    const judge = async (place: number): Promise<Verdict> => {
      await new Promise((resolve) => setTimeout(resolve, place === 1 ? 1 : 10));
      ended++;
      if (place === 1) throw new Error("place 1");
      return "good";
    };
    await expect(searchLinear({ count: 9, jobs: 2, judge }, false)).rejects.toThrow("place 1");
    expect(ended).toBe(2);
  });
});

describe("a search by halves", () => {
  it("finds the only edge there is, and looks at few places", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 300; round++) {
        const count = 2 + random.below(400);
        const bad = 1 + random.below(count - 1);
        const verdicts = Array.from({ length: count }, (_, place): Verdict => (place < bad ? "good" : "bad"));
        const { asked, options } = judging(verdicts, 1 + random.below(3), random);
        expect(await searchBinary(options)).toEqual({
          edges: "good-bad",
          firstBad: bad,
          lastGood: bad - 1,
          skipped: [],
        });
        // 2 edges and, with k jobs, k places for each division by k + 1: at most 2 log2, and a round more.
        expect(asked.length).toBeLessThanOrEqual(4 + 2 * Math.ceil(Math.log2(count)) + 2);
      }
    });
  });

  it("goes around places that can't be judged, and names those it can't tell from the edge", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 300; round++) {
        const count = 2 + random.below(30);
        const edge = 1 + random.below(count - 1);
        const verdicts = Array.from({ length: count }, (_, place): Verdict => {
          if (place > 0 && place < count - 1 && random.below(3) === 0) return "skip";
          return place < edge ? "good" : "bad";
        });
        const { options } = judging(verdicts, 1 + random.below(3), random);
        const { firstBad = -1, lastGood = -1, skipped } = await searchBinary(options);
        expect(firstBad).toBe(verdicts.indexOf("bad"));
        expect(lastGood).toBe(verdicts.lastIndexOf("good"));
        expect(skipped.map((place) => verdicts[place])).toEqual(Array(firstBad - lastGood - 1).fill("skip"));
      }
    });
  });

  it.each([
    [["bad", "bad"], "first-bad", 0],
    [["good", "bad", "good"], "last-good", undefined],
    [["skip", "bad"], "skipped", undefined],
    [["good", "skip"], "skipped", undefined],
    [["bad"], "first-bad", 0],
    [["good"], "last-good", undefined],
  ] as const)("of %j says that its edges are %s", async (verdicts, edges, firstBad) => {
    await seeded(async (random) => {
      const { options } = judging(verdicts, 2, random);
      expect(await searchBinary(options)).toMatchObject({ edges, firstBad });
    });
  });
});

const write = (sector: number, flags = 0): GivenEntry => ({ sector, flags, payload: filled(512, 1) });

describe("the states of a search", () => {
  it("are behind the entries that are asked for, and behind the last", async () => {
    const { index } = await indexOf(
      makeLog(512, [
        write(0),
        { flags: 1 },
        write(1, 2),
        { flags: 8, text: "m" },
        write(2),
        { flags: 1 },
        write(3, 1),
        write(4),
      ]),
    );
    const all = { first: 0, end: 8, withStart: false };
    const at = (kind: Parameters<typeof statesAt>[1], moments = all) =>
      statesAt(index, kind, moments).map(({ entries, kind }) => `${entries} ${kind}`);
    expect(at("flush")).toEqual(["2 flush", "6 flush", "7 flush", "8 end"]);
    expect(at("fua")).toEqual(["3 fua", "8 end"]);
    expect(at("mark", { ...all, withStart: true })).toEqual(["0 start", "4 mark", "8 end"]);
    expect(at(3, { first: 1, end: 7, withStart: true })).toEqual(["1 start", "4 entry", "7 entry"]);
    expect(at("each", { first: 2, end: 4, withStart: false })).toEqual(["3 entry", "4 entry"]);
    expect(at("flush", { first: 4, end: 4, withStart: false })).toEqual([]);
  });

  it("are refused, not cut, where there are more than a search looks at", async () => {
    const { index } = await indexOf(makeLog(512, [write(0)]));
    const lots = { first: 0, end: 1_100_000, withStart: false };
    const failure = await failureOf(Promise.resolve().then(() => statesAt(index, "each", lots)));
    expect([failure.code, failure.message, failure.context.hint]).toEqual([
      "EFBIG",
      "The entries 0 to 1099999 have more than 1000000 of these moments, the most of a search",
      "Look at every 2 entries and refine, or at a part of the log.",
    ]);
    // 1,100,000 / 2, the last of them at the end.
    const halves = statesAt(index, 2, lots);
    expect([halves.length, halves.at(-1)?.entries]).toEqual([550_000, 1_100_000]);
    // As many as there may be, in which the end is the last entry's: one more with the start.
    const most = { ...lots, end: mostStates };
    expect(statesAt(index, "each", most).at(-1)?.entries).toBe(1_000_000);
    expect(() => statesAt(index, "each", { ...most, withStart: true })).toThrow("more than 1000000");
    // The end counts as well: 999,999 full steps of 2 from the start, and entry 1,999,998 behind them.
    const odd = { first: 0, end: 1_999_999, withStart: true };
    expect(() => statesAt(index, 2, odd)).toThrow("more than 1000000");
  });

  it("that are reordered lack only what a power failure can take", async () => {
    await seeded(async (random) => {
      for (let round = 0; round < 30; round++) {
        const log = randomLog(random, 512, 40, 60);
        const { index } = await indexOf(log);
        const first = random.below(20);
        const torn = random.below(2) === 0;
        const states = reorderedStates(index, [first, 60], { count: 40, seed: random.below(1000), torn });
        const names = new Set<string>();
        for (const { entries, lost } of states) {
          expect(lost.size).toBeGreaterThan(0);
          names.add(JSON.stringify([entries, [...lost]]));
          for (const [entry, sectors] of lost) {
            const { flags, sectorCount } = log.entries[entry] ?? { flags: 8, sectorCount: 0 };
            expect([entry >= first, entry < entries, sectorCount > 0]).toEqual([true, true, true]);
            // Neither FUA nor a mark, and no flush behind it.
            expect([Math.floor(flags / 2) % 2, Math.floor(flags / 8) % 2]).toEqual([0, 0]);
            const behind = log.entries.slice(entry + 1, entries);
            expect(behind.filter(({ flags }) => flags % 2 === 1)).toEqual([]);
            if (sectors === undefined) continue;
            const { first: from, end } = sectors;
            expect([torn, from >= 0, from < end, end <= sectorCount, end - from < sectorCount]).toEqual(
              Array(5).fill(true),
            );
          }
        }
        expect(names.size).toBe(states.length);
      }
    });
  });

  it("that are reordered are all there are where those are few", async () => {
    // Two writes and a discard: at the moments 1, 2 and 3 there are 1, 3 and 7 ways to lose some; 1 of the last one.
    const { index } = await indexOf(
      makeLog(512, [
        write(0),
        write(1),
        { flags: 4, sector: 2, sectorCount: 1 },
        { flags: 1 },
        write(3, 2),
        write(5),
      ]),
    );
    expect(reorderedStates(index, [0, 6], { count: 1000, seed: 3, torn: false })).toHaveLength(12);
    expect(reorderedStates(index, [3, 5], { count: 1000, seed: 3, torn: false })).toEqual([]);
  });
});
