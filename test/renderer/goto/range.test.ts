// Ranges of the select-range dialog, against hand calculations on a 64 KiB image.
import { expect, it } from "vitest";
import { selectedRange } from "../../../renderer/goto/range.ts";

const context = {
  caret: 0x100,
  space: "guest",
  sizes: { guest: 65536, file: 70000 },
  clusterSize: 4096,
} as const;

it.each([
  [{ start: "0x200", second: "1s", mode: "length" }, 0x200, 0x3ff],
  [{ start: "c:1", second: "1c", mode: "length" }, 4096, 8191],
  [{ start: "0", second: "end", mode: "length" }, 0, 65535],
  [{ start: "0", second: "65536", mode: "length" }, 0, 65535],
  [{ start: "+0x10", second: "+1", mode: "length" }, 0x110, 0x110],
  [{ start: "0x10", second: "0x10", mode: "end" }, 0x10, 0x10],
  [{ start: "0x10", second: "end", mode: "end" }, 0x10, 65535],
] as const)("selects %o", (text, first, last) => {
  expect(selectedRange(text, context)).toEqual({ ok: true, first, last });
});

it.each([
  [{ start: "zz", second: "1", mode: "length" }, "start", '"zz" is not a number'],
  [{ start: "0", second: "0", mode: "length" }, "second", "At least 1 byte"],
  [{ start: "0x20", second: "0x1f", mode: "end" }, "second", "Before the start"],
  [{ start: "1", second: "end", mode: "length" }, "second", "Past the end of the image (65536 bytes)"],
  [
    { start: "file:1", second: "1", mode: "length" },
    "start",
    "The view shows guest offsets; give the range in them",
  ],
] as const)("refuses %o", (text, field, message) => {
  expect(selectedRange(text, context)).toEqual({ ok: false, field, message });
});
