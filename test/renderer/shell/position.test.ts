// Positions and selections in words, with the example of ux.md's layout and values worked out by hand.
import { expect, it } from "vitest";
import type { Location } from "../../../core/jobs/sessionContract.ts";
import { bytePosition, locationText, selectionText } from "../../../renderer/shell/position.ts";

const place = { space: "guest", clusterSize: 65536, shift: 0 } as const;

it("names the byte in both bases, its sector and its cluster", () => {
  expect(bytePosition(place, 0x14010)).toBe("guest 0x14010 (81,936) · s160+16 · c1");
  expect(bytePosition({ ...place, space: "file", clusterSize: undefined }, 512)).toBe(
    "file 0x200 (512) · s1",
  );
});

it("says where a shifted B is", () => {
  expect(bytePosition({ ...place, shift: -512 }, 0x14010)).toBe(
    "guest 0x14010 (81,936) · s160+16 · c1 · B at 0x13e10",
  );
});

it("stays exact at offsets beyond 32 bits", () => {
  expect(bytePosition(place, 2 ** 44 + 1)).toBe(
    "guest 0x100000000001 (17,592,186,044,417) · s34359738368+1 · c268435456",
  );
});

it.each([
  [10, 10, undefined],
  [0, 511, "sel 0x200 (512) B = 1 sector"],
  [511, 0, "sel 0x200 (512) B = 1 sector"],
  [0, 2, "sel 0x3 (3) B"],
  [0, 65535, "sel 0x10000 (65,536) B = 64 KiB = 128 sectors = 1 cluster"],
] as const)("selection from %i to %i", (anchor, caret, expected) => {
  expect(selectionText(anchor, caret, 65536)).toBe(expected);
});

const layer = (change: Partial<Location>): Location => ({
  depth: 0,
  driver: "qed",
  state: "data",
  hostOffset: 0x64010,
  path: "",
  ...change,
});

it("names the layer that answers for a byte, never inventing a place", () => {
  expect(locationText([layer({})])).toBe("file 0x64010");
  const zero = { state: "zero", hostOffset: undefined } as const;
  expect(locationText([layer({ ...zero, path: "L1[0] -> L2 at 0x70000, L2[2] = 1" })])).toBe(
    "file: zero cluster",
  );
  expect(locationText([layer({ ...zero, driver: "raw" })])).toBe("file: hole, reads as zeros");
  const empty = layer({ state: "unallocated", hostOffset: undefined });
  expect(locationText([empty])).toBe("file: not allocated, reads as zeros");
  expect(locationText([empty, layer({ depth: 1, hostOffset: 0x10 })])).toBe("backing file 0x10");
  expect(locationText([layer({ hostOffset: undefined })])).toBe("file: stored");
  expect(locationText([])).toBeUndefined();
});
