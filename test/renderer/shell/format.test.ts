// Numbers as people read them; expected texts follow ux.md section 13 (binary units, spelt so).
import { expect, it } from "vitest";
import { bytes, count, decimal, duration, hex, percent } from "../../../renderer/widgets/format.ts";

it.each([
  [0, "0 B"],
  [1023, "1,023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [1024 * 1024 - 1, "1.0 MiB"],
  [64 * 1024 ** 3, "64 GiB"],
  [1024 ** 4, "1 TiB"],
  [2 ** 53 - 1, "8.0 PiB"],
])("%i bytes are %s", (value, text) => expect(bytes(value)).toBe(text));

it.each([
  [0, "0:00"],
  [41_600, "0:42"],
  [61_000, "1:01"],
  [3_723_000, "1:02:03"],
])("%i ms are %s", (ms, text) => expect(duration(ms)).toBe(text));

it("says 100 % only at the end", () => {
  expect(percent(999_999, 1_000_000)).toBe(99);
  expect(percent(1_000_000, 1_000_000)).toBe(100);
  expect(percent(0, 1_000_000)).toBe(0);
  expect(percent(0, 0)).toBe(100);
});

it("groups decimals, prefixes hex and counts", () => {
  expect(decimal(81936)).toBe("81,936");
  expect(hex(81936)).toBe("0x14010");
  expect(hex(-512)).toBe("-0x200");
  expect(count(1, "sector")).toBe("1 sector");
  expect(count(3408, "run")).toBe("3,408 runs");
});
