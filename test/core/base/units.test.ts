import { describe, expect, it } from "vitest";
import { formatSize, parseSize } from "../../../core/base/units.ts";

const K = 1024;

describe("sizes to read", () => {
  // The first four are those of the command-line reference, the others follow from three significant digits.
  it.each([
    [0, "0 B"],
    [64 * K * K, "64 MiB"],
    [10.5 * K * K, "10.5 MiB"],
    [580 * K, "580 KiB"],
    [1, "1 B"],
    [512, "512 B"],
    [999, "999 B"],
    // From 1000 on the next unit is used: 1000 / 1024 = 0.9766.
    [1000, "0.977 KiB"],
    [1536, "1.5 KiB"],
    [K ** 4, "1 TiB"],
    // Exactly between two: the even one, 704.5 and 10.25.
    [704.5 * K, "704 KiB"],
    [10.25 * K, "10.2 KiB"],
    [2 ** 53 - 512, "8 PiB"],
  ])("writes %d bytes as %s", (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

describe("sizes as typed", () => {
  it.each([
    ["4096", 4096],
    ["0", 0],
    ["7b", 7],
    ["64k", 64 * K],
    ["64K", 64 * K],
    ["1.5G", 1.5 * K ** 3],
    ["0x1000", 4096],
    ["0x1b", 27],
    ["2T", 2 * K ** 4],
    ["7P", 7 * K ** 5],
    ["9007199254740991", 2 ** 53 - 1],
  ])("takes %s as %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    "",
    "k",
    "-1",
    "1e3",
    "1.5",
    "1.5b",
    "0x",
    "12q",
    "1kk",
    "1 k",
    "8P",
    "9007199254740992",
    "1E",
    "NaN",
  ])("refuses %j", (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});
