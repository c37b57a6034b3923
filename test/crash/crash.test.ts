// Crash safety of the QED writer, proven: some hundred seeded lives of images on a recording file, and after every
// answered request of theirs what a crash may leave, cut plainly, torn in the last write, and reordered between
// flushes. A failure names its seed, the cut and what happened until then.
//
//   BLKSCOPE_CRASH=full   every cut of every life, instead of a few of each
//   BLKSCOPE_SEED=n       that life alone, every cut
//
// That it can fail was tried on the driver itself: without the flush before L2 entries over a backing file, without
// the one behind the need-check bit being set, and without the one before it is cleared, lives fail. Without the
// flush between a new L2 table and its L1 entry none does, rightly: the bit is set then, and what is lost of an
// appended table reads as zeroes. judge.test.ts plays such orders by hand, for good.
import { describe, expect, it } from "vitest";
import { lacksPeer } from "../build/peers.ts";
import { tempDir, tempFile } from "../build/temp.ts";
import type { Effort, Tally, Witness } from "./lives.ts";
import { runLife } from "./lives.ts";
import { peerCheck } from "./peerCheck.ts";
import { chooseQed } from "./qedLife.ts";

const lives = 150;
const firstSeed = 20261121;
const asked = process.env.BLKSCOPE_SEED;
const full = process.env.BLKSCOPE_CRASH === "full" || asked !== undefined;
const effort: Effort = full ? { reorderings: 6 } : { cuts: 2, reorderings: 2 };
const seeds =
  asked === undefined ? Array.from({ length: lives }, (_, index) => firstSeed + index) : [Number(asked)];
const timeout = full ? 3_600_000 : 480_000;

function newTally(): Tally {
  return { states: 0, corrupt: 0, leaking: 0, requests: 0 };
}

describe("a crash of a QED image", () => {
  it("leaves nothing that its own repair does not mend, and every flushed byte", { timeout }, async () => {
    const tally = newTally();
    for (const seed of seeds) await runLife(chooseQed, seed, effort, tally);
    console.log(`crashes judged: ${JSON.stringify(tally)}`);
    if (asked !== undefined) return;
    // Judged on sound images alone the test would say nothing: lost writes must have left their marks.
    expect(tally.states).toBeGreaterThan(lives * 10);
    expect(tally.leaking).toBeGreaterThan(tally.states / 20);
    expect(tally.corrupt).toBeGreaterThan(0);
  });

  const noPeer = lacksPeer("qemu-img");
  it.skipIf(noPeer)("is judged by qemu-img as by us, before and after the repair", { timeout }, async () => {
    const folder = tempDir();
    let opinions = 0;
    const secondOpinion: Witness = async (part, state, verdict) => {
      if (!part.setting.format.hasPeer || opinions >= 60 || !verdict.repaired) return;
      opinions++;
      const before = tempFile("before.qed", state.bytes, folder);
      const { corruptions, leaks } = verdict;
      expect(peerCheck("qed", before)).toEqual({ corruptions, leaks });
      expect(peerCheck("qed", tempFile("after.qed", verdict.repaired, folder)).corruptions).toBe(0);
    };
    for (let seed = firstSeed; opinions < 60; seed++) {
      await runLife(chooseQed, seed, { cuts: 2, reorderings: 1 }, newTally(), secondOpinion);
    }
  });
});
