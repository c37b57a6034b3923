// Crash safety of the qcow2 writer, proven as crash.test.ts proves that of QED: after a crash at any time clusters are
// leaked at most, and COPIED may not fit their counts; with lazy refcounts that is so once the image is repaired, and its
// dirty bit says that it has to be. A dirty bitmap says where the disk was changed, or that it is not to be believed.
//
//   BLKSCOPE_CRASH=full   every cut of every life, and more lives
//   BLKSCOPE_SEED=n       that life alone, every cut
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { lacksPeer } from "../build/peers.ts";
import { tempDir, tempFile } from "../build/temp.ts";
import type { Chooser } from "./format.ts";
import { judge } from "./judge.ts";
import { type Effort, runLife, type Tally, type Witness } from "./lives.ts";
import { peerCheck, peerRepair } from "./peerCheck.ts";
import { chooseQcow2 } from "./qcow2Life.ts";

const asked = process.env.BLKSCOPE_SEED;
const full = process.env.BLKSCOPE_CRASH === "full" || asked !== undefined;
const effort: Effort = full ? { reorderings: 6 } : { cuts: 2, reorderings: 2 };
const firstSeed = 20261121;
const timeout = full ? 7_200_000 : 240_000;

/** With how many lives there are. */
const kinds: readonly (readonly [string, number, Chooser])[] = [
  ["without lazy refcounts", full ? 400 : 25, (random) => chooseQcow2(random, false)],
  ["with lazy refcounts", full ? 400 : 25, (random) => chooseQcow2(random, true)],
  ["with dirty bitmaps", full ? 400 : 12, (random) => chooseQcow2(random, undefined, "bitmaps")],
  [
    "whose version and options change",
    full ? 400 : 12,
    (random) => chooseQcow2(random, undefined, "version"),
  ],
];

function newTally(): Tally {
  return { states: 0, corrupt: 0, leaking: 0, requests: 0 };
}

describe("a crash of a qcow2 image", () => {
  it.each(kinds)("%s leaves leaks at most, and every flushed byte", { timeout }, async (_, lives, choose) => {
    const tally = newTally();
    const seeds =
      asked === undefined ? Array.from({ length: lives }, (_, i) => firstSeed + i) : [Number(asked)];
    for (const seed of seeds) await runLife(choose, seed, effort, tally);
    console.log(`crashes judged: ${JSON.stringify(tally)}`);
    if (asked !== undefined) return;
    expect(tally.states).toBeGreaterThan(lives * 10);
    expect(tally.leaking).toBeGreaterThan(tally.states / 20);
  });

  const noPeer = lacksPeer("qemu-img");
  it.skipIf(noPeer)("is judged by qemu-img as by us, and mended by it", { timeout }, async () => {
    const folder = tempDir();
    const opinions = { all: 0, marked: 0, flagged: 0 };
    const most = full ? 1000 : 40;
    const secondOpinion: Witness = async (part, state, verdict) => {
      const { corruptions, leaks, bitmaps, snapshots } = verdict;
      const isMarked = part.setting.format.isMarked(state.bytes);
      // COPIED alone is wrong seldom; of sound images only a few are shown.
      const isFlagged = corruptions > 0 && !isMarked;
      const isSound = corruptions + leaks === 0;
      if (isFlagged ? opinions.flagged >= most / 10 : opinions.all >= most) return;
      if (isSound && opinions.all % 5 > 0) return;
      opinions.all++;
      if (isMarked) opinions.marked++;
      if (isFlagged) opinions.flagged++;
      const image = tempFile("crashed.qcow2", state.bytes, folder);
      expect(peerCheck("qcow2", image)).toEqual({ corruptions, leaks });
      // Its repair of an image with bitmaps forgets the snapshots, and frees what they hold.
      if (bitmaps.length > 0 && snapshots.length > 0) return;
      // Where the dirty bit is not set, the repair of leaks is enough.
      peerRepair("qcow2", image, isMarked ? "all" : "leaks");
      const bytes = new Uint8Array(fs.readFileSync(image));
      expect(part.setting.format.isMarked(bytes)).toBe(false);
      const mended = await judge(part, { ...state, how: `${state.how}, repaired by qemu-img`, bytes });
      expect(mended).toMatchObject({ corruptions: 0, leaks: 0 });
    };
    for (let seed = firstSeed; opinions.all < most || opinions.flagged < 2; seed++) {
      const [, , choose] = kinds[seed % kinds.length] ?? [];
      if (choose) await runLife(choose, seed, { cuts: 2, reorderings: 1 }, newTally(), secondOpinion);
    }
    expect(opinions.marked).toBeGreaterThan(0);
  });
});
