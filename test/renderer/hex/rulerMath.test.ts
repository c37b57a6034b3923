// Pixels of the overview ruler and its lens, by hand, also for 16 TiB.
import { expect, it } from "vitest";
import { lensAround, lensOffset, offsetAt, pixelOfOffset } from "../../../renderer/hex/rulerMath.ts";

const tebibyte = 2 ** 40;

it("maps the height to the whole image and back", () => {
  expect(offsetAt(300, 600, 16 * tebibyte)).toBe(8 * tebibyte);
  expect(pixelOfOffset(8 * tebibyte, 600, 16 * tebibyte)).toBe(300);
  expect(offsetAt(600, 600, 1000)).toBe(999);
  expect(offsetAt(-5, 600, 1000)).toBe(0);
  expect(offsetAt(10, 600, 0)).toBe(0);
});

it("magnifies the neighbourhood of an offset 32 times", () => {
  // 600 px * 32 = 19,200 bins; the middle one is 9,600, and the lens begins 96 before it.
  const lens = lensAround(8 * tebibyte, 192, 600, 16 * tebibyte);
  expect(lens).toEqual({ first: 9504, bins: 19_200, count: 192 });
  expect(lensOffset(lens, 96, 16 * tebibyte)).toBe(8 * tebibyte);
});

it("keeps the lens inside the image at both ends", () => {
  expect(lensAround(0, 192, 600, tebibyte).first).toBe(0);
  const atEnd = lensAround(tebibyte - 1, 192, 600, tebibyte);
  expect(atEnd.first + atEnd.count).toBe(atEnd.bins);
});
