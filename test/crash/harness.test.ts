// The harness itself, without any driver: what a record says a crash may leave, and what the model lets the guest
// find after it.
import { describe, expect, it } from "vitest";
import { filled } from "../build/open.ts";
import { randomFrom } from "../build/random.ts";
import { BitmapModel, type KnownBitmap } from "./bitmapModel.ts";
import { cutMoments, prefixState, reorderedState, tornState } from "./crashStates.ts";
import { GuestModel, type GuestRequest } from "./guestModel.ts";
import { Clock, RecordingNode } from "./recorder.ts";

function recorder(initial: Uint8Array): RecordingNode {
  return new RecordingNode("file", initial, new Clock(), randomFrom(1));
}

/** Every content that 2000 samples at the end of the record leave, as the first byte of each sector. */
function leftovers(file: RecordingNode): Set<string> {
  const { record } = file;
  const moment = cutMoments(record).at(-1) ?? 0;
  const random = randomFrom(7);
  const found = new Set<string>();
  for (let left = 2000; left > 0; left--) {
    const { bytes } = reorderedState(record, moment, random);
    found.add(Array.from({ length: bytes.length / 512 }, (_, sector) => bytes[sector * 512]).join(""));
  }
  return found;
}

describe("what a crash may leave", () => {
  it("is any part of what was written since the last flush, sector by sector", async () => {
    const file = recorder(filled(1024, 0));
    await file.write(0, filled(512, 1));
    await file.flush();
    await file.write(0, filled(1024, 2));
    // Sector 0 is 1 for sure or already 2; sector 1 is 0 or 2; each apart from the other.
    expect([...leftovers(file)].sort()).toEqual(["10", "12", "20", "22"]);
  });

  it("never is an older version of a sector whose newer one a flush made durable", async () => {
    const file = recorder(filled(512, 0));
    await file.write(0, filled(512, 1));
    await file.write(0, filled(512, 2));
    await file.flush();
    expect([...leftovers(file)]).toEqual(["2"]);
  });

  it("holds what was written with FUA without a flush", async () => {
    const file = recorder(filled(512, 0));
    await file.write(0, filled(512, 1), { fua: true });
    expect([...leftovers(file)]).toEqual(["1"]);
  });

  it("may lack a write that was answered only after the flush began", async () => {
    const file = recorder(filled(512, 0));
    const late = file.write(0, filled(512, 1));
    await Promise.all([late, file.flush()]);
    expect([...leftovers(file)].sort()).toEqual(["0", "1"]);
  });

  it("may be a file too short for what points into it, with holes where contents are missing", async () => {
    const file = recorder(filled(512, 9));
    await file.write(512, filled(512, 1));
    await file.write(1024, filled(512, 2));
    expect([...leftovers(file)].sort()).toEqual(["9", "900", "902", "91", "910", "912"]);
  });

  it("is, cut plainly, all that was answered; torn, a beginning of the last write", async () => {
    const file = recorder(filled(0, 0));
    await file.write(0, filled(1536, 1));
    const [before, after] = cutMoments(file.record) as [number, number];
    expect(prefixState(file.record, before).bytes).toHaveLength(0);
    expect(prefixState(file.record, after).bytes).toEqual(filled(1536, 1));
    const lengths = new Set<number>();
    const random = randomFrom(3);
    for (let left = 50; left > 0; left--) lengths.add(tornState(file.record, after, random).bytes.length);
    expect([...lengths].sort((a, b) => a - b)).toEqual([0, 512, 1024]);
  });
});

describe("what the guest may find", () => {
  const write = (value: number, start: number, end: number, fua = false): GuestRequest => ({
    kind: "write",
    offset: 0,
    bytes: filled(4, value),
    fua,
    start,
    end,
  });
  const flush = (start: number, end: number): GuestRequest => ({ kind: "flush", start, end });
  const allowed = (requests: readonly GuestRequest[], moment: number): number[] => {
    const model = new GuestModel([{ offset: 0, length: 4 }], { size: 4, zones: [filled(4, 0)] });
    model.requests.push(...requests);
    return [0, 1, 2].filter((value) => model.faultAfterCrash(0, filled(4, value), moment) === undefined);
  };

  it("is old or new before a flush, and new after it", () => {
    const requests = [write(1, 1, 2), flush(3, 4), write(2, 5, 6)];
    expect(allowed(requests, 0)).toEqual([0]);
    expect(allowed(requests, 1)).toEqual([0, 1]);
    expect(allowed(requests, 3)).toEqual([0, 1]);
    expect(allowed(requests, 4)).toEqual([1]);
    expect(allowed(requests, 6)).toEqual([1, 2]);
  });

  it("is not settled by a flush that began before the write was answered", () => {
    expect(allowed([write(1, 1, 4), flush(3, 5)], 9)).toEqual([0, 1]);
  });

  it("is either of two durable writes that were in flight together", () => {
    expect(allowed([write(1, 1, 4), write(2, 2, 3), flush(5, 6)], 9)).toEqual([1, 2]);
    expect(allowed([write(1, 1, 2), write(2, 3, 4), flush(5, 6)], 9)).toEqual([2]);
  });

  it("is what FUA wrote as soon as it is answered", () => {
    expect(allowed([write(1, 1, 3, true)], 2)).toEqual([0, 1]);
    expect(allowed([write(1, 1, 3, true)], 3)).toEqual([1]);
  });

  it("has either size until a flush", () => {
    const model = new GuestModel([], { size: 512, zones: [] });
    model.requests.push({ kind: "resize", size: 1024, start: 1, end: 2 }, flush(3, 4));
    expect([...model.sizesAfterCrash(0)]).toEqual([512]);
    expect([...model.sizesAfterCrash(2)].sort()).toEqual([1024, 512]);
    expect([...model.sizesAfterCrash(4)]).toEqual([1024]);
  });
});

describe("bitmaps after a crash", () => {
  const zones = [{ offset: 1000, length: 4 }];
  const disk = (...bytes: number[]) => ({ size: 2000, zones: [Uint8Array.from(bytes)] });
  const found = (more: Partial<KnownBitmap>): KnownBitmap => {
    return { name: "b1", isEnabled: true, isInconsistent: false, set: [new Uint8Array(4)], ...more };
  };
  /** Made at the moments 10 to 20, of a disk of zeroes. */
  function made(): BitmapModel {
    const model = new BitmapModel([], disk(0, 0, 0, 0));
    const state = { isThere: true, isEnabled: true, required: [new Uint8Array(4)], base: disk(0, 0, 0, 0) };
    model.begin(model.newRecord(), state, 10).end = 20;
    return model;
  }
  const fault = (bitmaps: readonly KnownBitmap[], content = disk(0, 0, 0, 0), moment = 30, sizes = [2000]) =>
    made().faultAfterCrash(bitmaps, content, { zones, sizes }, moment);

  it("have to say what was changed since they record, unless they are marked as in use", () => {
    expect(fault([found({})])).toBeUndefined();
    const changed = disk(0, 7, 0, 0);
    expect(fault([found({})], changed)).toBe("the bitmap b1 does not say that byte 1 of zone 0 was changed");
    expect(fault([found({ set: [Uint8Array.of(1, 1, 0, 0)] })], changed)).toBeUndefined();
    expect(fault([found({ isInconsistent: true })], changed)).toBeUndefined();
    // Behind 1001, where the disk ended once, nobody asks.
    expect(fault([found({})], changed, 30, [2000, 1001])).toBeUndefined();
  });

  it("are there when they are made, and may be while that is under way", () => {
    expect(fault([])).toBe("the bitmap b1 is lost");
    expect([fault([], undefined, 15), fault([found({})], undefined, 15)]).toEqual([undefined, undefined]);
    expect(fault([found({})], undefined, 5)).toBe("the bitmap b1 is there");
    expect(fault([found({ name: "other" }), found({})])).toBe("nobody made the bitmap other");
    expect(fault([found({ isEnabled: false })])).toBe("the bitmap b1 does not record");
  });

  it("that were not to be believed never are again", () => {
    const before = found({ isInconsistent: true });
    const model = new BitmapModel([before], disk(0, 0, 0, 0));
    const judged = (bitmap: KnownBitmap) =>
      model.faultAfterCrash([bitmap], disk(0, 0, 0, 0), { zones, sizes: [2000] }, 5);
    expect(judged(before)).toBeUndefined();
    expect(judged(found({}))).toBe("the bitmap b1 was marked as in use, and is not any more");
  });
});
