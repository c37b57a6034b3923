import { describe, expect, it } from "vitest";
import { compare, type Row } from "./collect.ts";
import { randomBytes, TestNode } from "./testNode.ts";

const KiB = 1024;
const size = 512 * KiB;

/** Compares random data with a changed copy of it; the changes may be made on both sides. */
async function rowsAfter(change: (a: Uint8Array, b: Uint8Array) => void): Promise<Row[]> {
  const a = randomBytes(size, 11);
  const b = Uint8Array.from(a);
  change(a, b);
  return (await compare(new TestNode(a), new TestNode(b))).rows;
}

async function only(change: (a: Uint8Array, b: Uint8Array) => void) {
  const rows = await rowsAfter(change);
  expect(rows).toHaveLength(1);
  const { offset, signature, detail } = rows[0] as Row;
  return { offset, signature, detail };
}

function invert(bytes: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) bytes[i] = (bytes[i] ?? 0) ^ 0xff;
}

function swapWords(bytes: Uint8Array, from: number, to: number, word: number): void {
  for (let at = from; at < to; at += word) bytes.subarray(at, at + word).reverse();
}

// 1 KiB into a page, so that no edge within 3 KiB is on a multiple of 4 KiB.
const base = 101 * KiB;

describe("signatures", () => {
  it("a-zero and b-zero: every mismatched sector of that image is zero", async () => {
    const aZero = await only((a) => a.fill(0, base, base + 1536));
    expect(aZero).toEqual({ offset: base, signature: "a-zero", detail: 0 });
    expect(await only((_, b) => b.fill(0, base, base + 1536))).toMatchObject({ signature: "b-zero" });
  });

  it("a sector of which only a part is zero is not a-zero", async () => {
    expect(await only((a) => a.fill(0, base, base + 1500))).toMatchObject({ signature: "plain" });
  });

  it("a-zero holds for a run of megabytes only if all of it is zero", async () => {
    const a = new Uint8Array(3 * 1024 * KiB);
    const b = randomBytes(a.length, 3);
    const whole = await compare(new TestNode(a), new TestNode(b));
    expect(whole.rows).toMatchObject([{ sectors: 6144, signature: "a-zero" }]);
    a[a.length - 1] = 1;
    b[b.length - 1] = 2;
    const most = await compare(new TestNode(a), new TestNode(b));
    expect(most.rows).toMatchObject([{ sectors: 6144, signature: "plain" }]);
  });

  it("single-bit: one bit of one byte in the whole run, numbered from its start", async () => {
    const flipped = await only((_, b) => {
      b[base + 300] = (b[base + 300] ?? 0) ^ 0x20;
    });
    expect(flipped).toEqual({ offset: base, signature: "single-bit", detail: 300 * 8 + 5 });
  });

  it("two bits of one byte, and one bit in each of two sectors, are not single-bit", async () => {
    const twoBits = await only((_, b) => {
      b[base + 300] = (b[base + 300] ?? 0) ^ 0x21;
    });
    expect(twoBits).toMatchObject({ signature: "plain" });
    const twoSectors = await only((_, b) => {
      b[base + 300] = (b[base + 300] ?? 0) ^ 0x20;
      b[base + 700] = (b[base + 700] ?? 0) ^ 0x20;
    });
    expect(twoSectors).toMatchObject({ signature: "plain" });
  });

  it.each([2, 4, 8])("byte-swapped: every word of %i bytes has its bytes reversed", async (word) => {
    const whole = await only((_, b) => swapWords(b, base, base + 1024, word));
    expect(whole).toEqual({ offset: base, signature: "byte-swapped", detail: word });
    // From the middle of a sector on, too.
    const part = await only((_, b) => swapWords(b, base + 304, base + 304 + 64, word));
    expect(part).toMatchObject({ signature: "byte-swapped", detail: word });
  });

  it("words reversed but for one, or reversed off their alignment, are not byte-swapped", async () => {
    const butOne = await only((_, b) => {
      swapWords(b, base, base + 1024, 4);
      b[base + 500] = (b[base + 500] ?? 0) ^ 1;
    });
    expect(butOne).toMatchObject({ signature: "plain" });
    expect(await only((_, b) => swapWords(b, base + 2, base + 1002, 4))).toMatchObject({
      signature: "plain",
    });
  });

  it.each([1, 3, 100, 512, -1, -4, -512])("shifted: B[i] = A[i - N] with N = %i", async (shift) => {
    const shifted = await only((a, b) => {
      for (let i = base; i < base + 2048; i++) b[i] = a[i - shift] ?? 0;
    });
    expect(shifted).toEqual({ offset: base, signature: "shifted", detail: shift });
  });

  it("shifted is found from the middle of a sector on, and past blocks and the first 64 KiB of a run", async () => {
    const part = await only((a, b) => {
      for (let i = base + 200; i < base + 900; i++) b[i] = a[i - 12] ?? 0;
    });
    expect(part).toMatchObject({ offset: base, signature: "shifted", detail: 12 });
    const long = await only((a, b) => {
      for (let i = base; i < base + 300 * KiB; i++) b[i] = a[i - 7] ?? 0;
    });
    expect(long).toMatchObject({ offset: base, signature: "shifted", detail: 7 });
  });

  it("a constant fill, a shift of more than 512 bytes and a shift with one wrong byte are not shifted", async () => {
    const fill = await only((a, b) => {
      a.fill(1, base, base + 1024);
      b.fill(1, base, base + 1024);
      // Different throughout the edges only, so that the middle explains itself by any shift.
      b[base] = 9;
      b[base + 1023] = 9;
    });
    expect(fill).toMatchObject({ signature: "plain" });
    const far = await only((a, b) => {
      for (let i = base; i < base + 2048; i++) b[i] = a[i - 513] ?? 0;
    });
    expect(far.signature).not.toBe("shifted");
    const wrong = await only((a, b) => {
      for (let i = base; i < base + 2048; i++) b[i] = a[i - 5] ?? 0;
      b[base + 1000] = (b[base + 1000] ?? 0) ^ 0x11;
    });
    expect(wrong).toMatchObject({ signature: "plain" });
  });

  it("torn: the differing bytes end exactly on a 4 KiB boundary behind which there is data", async () => {
    const boundary = 108 * KiB;
    const end = await only((_, b) => invert(b, boundary - 1500, boundary));
    expect(end).toEqual({ offset: boundary - 1536, signature: "torn", detail: boundary });
    const start = await only((_, b) => invert(b, boundary, boundary + 1500));
    expect(start).toEqual({ offset: boundary, signature: "torn", detail: boundary });
  });

  it("torn is found at the edge of a compared block and for a run of megabytes", async () => {
    const edge = await only((_, b) => invert(b, 256 * KiB, 256 * KiB + 1500));
    expect(edge).toMatchObject({ signature: "torn", detail: 256 * KiB });
    const a = randomBytes(4 * 1024 * KiB, 5);
    const b = Uint8Array.from(a);
    invert(b, 700, 3 * 1024 * KiB);
    const { rows } = await compare(new TestNode(a), new TestNode(b), { moved: false });
    expect(rows).toMatchObject([{ offset: 512, signature: "torn", detail: 3 * 1024 * KiB }]);
  });

  it("both edges on boundaries, none on one, a single sector, and constant bytes beyond are not torn", async () => {
    const boundary = 108 * KiB;
    expect(await only((_, b) => invert(b, boundary, boundary + 4 * KiB))).toMatchObject({
      signature: "plain",
    });
    expect(await only((_, b) => invert(b, base, base + 1500))).toMatchObject({ signature: "plain" });
    expect(await only((_, b) => invert(b, boundary - 500, boundary))).toMatchObject({ signature: "plain" });
    const beforeHole = await only((a, b) => {
      a.fill(0, boundary, boundary + 4 * KiB);
      b.fill(0, boundary, boundary + 4 * KiB);
      invert(b, boundary - 1500, boundary);
    });
    expect(beforeHole).toMatchObject({ signature: "plain" });
    expect(await only((_, b) => invert(b, 0, 1500))).toMatchObject({ signature: "plain" });
  });

  it("moved: a sector of one image is found elsewhere in the other", async () => {
    // Two clusters of B exchanged: each run's first sector of A is where the other run is in B.
    const rows = await rowsAfter((a, b) => {
      b.set(a.subarray(300 * KiB, 300 * KiB + 2048), base);
      b.set(a.subarray(base, base + 2048), 300 * KiB);
    });
    expect(rows).toMatchObject([
      { offset: base, signature: "moved", detail: 300 * KiB },
      { offset: 300 * KiB, signature: "moved", detail: base },
    ]);
    // Only B has a copy of what A has elsewhere.
    const copied = await only((a, b) => b.set(a.subarray(200 * KiB, 200 * KiB + 512), base));
    expect(copied).toEqual({ offset: base, signature: "moved", detail: 200 * KiB });
  });

  it("moved is preferred to torn, and not looked for when that is switched off", async () => {
    const boundary = 108 * KiB;
    const change = (a: Uint8Array, b: Uint8Array) => b.set(a.subarray(300 * KiB, 300 * KiB + 1024), boundary);
    expect(await only(change)).toMatchObject({ signature: "moved", detail: 300 * KiB });
    const a = randomBytes(size, 11);
    const b = Uint8Array.from(a);
    change(a, b);
    const nodeA = new TestNode(a);
    const { rows, progress } = await compare(nodeA, new TestNode(b), { moved: false });
    expect(rows).toMatchObject([{ signature: "torn" }]);
    expect(progress.every((p) => p.phase === undefined)).toBe(true);
    expect(nodeA.bytesRead).toBeLessThan(1.5 * size);
  });

  it("sectors of one repeated word are not looked for, and equal mismatched sectors all find their place", async () => {
    const constant = await only((a, b) => {
      a.fill(0x55, 200 * KiB, 201 * KiB);
      b.fill(0x55, 200 * KiB, 201 * KiB);
      // A sector of 0x55 in B alone: there is one elsewhere in A, which says nothing.
      b.fill(0x55, base, base + 512);
      a.fill(0x66, base, base + 512);
    });
    expect(constant).toMatchObject({ signature: "plain" });
    const rows = await rowsAfter((a, b) => {
      for (let i = 0; i < 200; i++) b.set(a.subarray(500 * KiB, 500 * KiB + 512), 1024 * (2 * i + 1));
    });
    expect(rows).toHaveLength(200);
    expect(rows.every((row) => row.signature === "moved" && row.detail === 500 * KiB)).toBe(true);
  });

  it("says what it is doing in the second pass, which counts from 0 to the size again", async () => {
    const a = randomBytes(size, 11);
    const b = Uint8Array.from(a);
    invert(b, base, base + 1500);
    const { progress, summary } = await compare(new TestNode(a), new TestNode(b));
    const phases = progress.filter((p) => p.phase !== undefined);
    expect(phases[0]).toMatchObject({ phase: "Looking for moved sectors", done: 0, total: size });
    expect(summary).toMatchObject({ complete: true, cancelled: false, scannedTo: size });
  });
});
