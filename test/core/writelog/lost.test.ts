// States of which a crash took writes: what is read is what a replay without those writes gives, whichever they are.
import { describe, expect, it } from "vitest";
import { buildIntervals } from "../../../core/writelog/intervalsBuild.ts";
import { formatLost, type LostSectors, parseLost } from "../../../core/writelog/lost.ts";
import { LogStates } from "../../../core/writelog/state.ts";
import { indexOf } from "../../build/indexedLog.ts";
import { failureOf, filled, firstDifference } from "../../build/open.ts";
import { seeded } from "../../build/random.ts";
import { type MadeLog, makeLog, randomLog } from "../../build/randomLog.ts";

const sectorSize = 512;
const sectors = 24;

async function statesOf(log: MadeLog) {
  const { index, node } = await indexOf(log);
  const intervals = await buildIntervals(index);
  return new LogStates({ log: node, index, intervals, discards: "zero" });
}

/** Sector by sector: what is lost is not applied. */
function model(log: MadeLog, count: number, lost: ReadonlyMap<number, LostSectors | undefined>): Uint8Array {
  const disk = new Uint8Array(sectors * sectorSize);
  for (const [entry, { sector, sectorCount, flags, payload }] of log.entries.slice(0, count).entries()) {
    if (Math.floor(flags / 8) % 2 === 1) continue;
    const gone = lost.get(entry);
    for (let i = 0; i < sectorCount; i++) {
      if (lost.has(entry) && (gone === undefined || (i >= gone.first && i < gone.end))) continue;
      const at = (sector + i) * sectorSize;
      if (Math.floor(flags / 4) % 2 === 1) disk.fill(0, at, at + sectorSize);
      else disk.set(payload.subarray(i * sectorSize, (i + 1) * sectorSize), at);
    }
  }
  return disk;
}

describe("a state without lost writes", () => {
  it("is a replay without them, for any entries and any of their sectors", async () => {
    await seeded(async (random) => {
      const log = randomLog(random, sectorSize, sectors, 60);
      const states = await statesOf(log);
      for (let round = 0; round < 60; round++) {
        const count = random.below(61);
        const lost = new Map<number, LostSectors | undefined>();
        for (let i = 0; i < count; i++) {
          if (random.below(2) === 0) continue;
          const first = random.below(4);
          lost.set(i, random.below(3) === 0 ? { first, end: first + 1 + random.below(4) } : undefined);
        }
        const found = filled(sectors * sectorSize, 0xee);
        await states.read(count, 0, found, lost);
        expect([count, formatLost(lost), firstDifference(found, model(log, count, lost))]).toEqual([
          count,
          formatLost(lost),
          undefined,
        ]);
      }
    });
  });

  it("is found below thousands of lost writes of the same sector", async () => {
    const payload = filled(sectorSize, 1);
    const writes = Array.from({ length: 20_000 }, () => ({ sector: 3, payload }));
    const states = await statesOf(makeLog(sectorSize, [{ sector: 3, payload: filled(512, 9) }, ...writes]));
    const found = new Uint8Array(sectorSize);
    await states.read(20_001, 3 * sectorSize, found, parseLost("1-20000"));
    expect(found).toEqual(filled(sectorSize, 9));
    expect(states.lastWriterOf(20_001, 3 * sectorSize, parseLost("1-19999"))).toBe(20_000);
  });
});

describe("lost writes as text", () => {
  it("are entries, ranges of them and sectors of one", () => {
    const lost = parseLost("12:0-3,5,7-9");
    expect([...lost.keys()].sort((a, b) => a - b)).toEqual([5, 7, 8, 9, 12]);
    expect(lost.get(12)).toEqual({ first: 0, end: 4 });
    expect(formatLost(lost)).toBe("5,7-9,12:0-3");
    // Neighbours of which one was lost in part only are no range.
    expect(formatLost(parseLost("1,2:1-1,3,4"))).toBe("1,2:1-1,3-4");
  });

  it.each(["", "x", "9-7", "5:3-2", "5:", "0-99999999999", "1e3", "-1", "5,,6"])(
    "are not '%s'",
    async (text) => {
      const failure = await failureOf(Promise.resolve().then(() => parseLost(text)));
      expect([failure.code, failure.context.option]).toEqual(["EINVAL", "lost"]);
    },
  );
});
