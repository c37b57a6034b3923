// Crash safety of the qcow2 writer, proven as crash.test.ts proves that of QED: after a crash at any time clusters are
// leaked at most, and COPIED may not fit their counts; with lazy refcounts that is so once the image is repaired, and its
// dirty bit says that it has to be.
//
//   BLKSCOPE_CRASH=full   every cut of every life, and more lives
//   BLKSCOPE_SEED=n       that life alone, every cut
import { describe, expect, it } from "vitest";
import type { Chooser } from "./format.ts";
import type { Effort, Tally } from "./lives.ts";
import { runLife } from "./lives.ts";
import { chooseQcow2 } from "./qcow2Life.ts";

const asked = process.env.BLKSCOPE_SEED;
const full = process.env.BLKSCOPE_CRASH === "full" || asked !== undefined;
const effort: Effort = full ? { reorderings: 6 } : { cuts: 3, reorderings: 3 };
const lives = full ? 400 : 60;
const firstSeed = 20261121;
const timeout = full ? 7_200_000 : 240_000;

const kinds: readonly (readonly [string, Chooser])[] = [
  ["without lazy refcounts", (random) => chooseQcow2(random, false)],
  ["with lazy refcounts", (random) => chooseQcow2(random, true)],
];

describe("a crash of a qcow2 image", () => {
  it.each(kinds)("%s leaves leaks at most, and every flushed byte", { timeout }, async (_, choose) => {
    const tally: Tally = { states: 0, corrupt: 0, leaking: 0, requests: 0 };
    const seeds =
      asked === undefined ? Array.from({ length: lives }, (_, i) => firstSeed + i) : [Number(asked)];
    for (const seed of seeds) await runLife(choose, seed, effort, tally);
    console.log(`crashes judged: ${JSON.stringify(tally)}`);
    if (asked !== undefined) return;
    expect(tally.states).toBeGreaterThan(lives * 10);
    expect(tally.leaking).toBeGreaterThan(tally.states / 20);
  });
});
