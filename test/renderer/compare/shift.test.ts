import { expect, it } from "vitest";
import { parseShift } from "../../../renderer/panels/compare/shift.ts";

const size = 1 << 20;
const parse = (text: string) => parseShift(text, size, size);

it.each([
  ["512", 512],
  ["-512", -512],
  ["+0x200", 512],
  ["-0x200", -512],
  ["200h", 512],
  ["8s", 4096],
  ["-8 sectors", -4096],
  ["1 sector", 512],
  ["16 bytes", 16],
  ["4 KiB", 4096],
  ["0", 0],
  ["-0", 0],
])("reads %j as %i bytes", (text, shift) => {
  expect(parse(text)).toStrictEqual({ ok: true, shift });
});

it.each([
  ["", /Type a number/],
  ["-", /Type a number/],
  ["abc!", /not a number/],
  ["2c", /Clusters may differ/],
  ["1MiB", /past each other/],
  ["-1MiB", /past each other/],
  ["99999999999999999999999", /past each other/],
])("refuses %j with a reason", (text, message) => {
  const parsed = parse(text);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok) expect(parsed.message).toMatch(message);
});
