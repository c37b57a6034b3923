// Where an integer leads: offsets and sectors inside the image, and nothing outside it.
import { describe, expect, it } from "vitest";
import { goTargets } from "../../../renderer/inspector/goTargets.ts";

const size = 1024 * 1024;
const qed = {
  space: "guest",
  extent: size,
  side: undefined,
  image: { size, fileSize: 4096, format: "qed" },
} as const;
const expressions = (place: bigint, bounds: Parameters<typeof goTargets>[1] = qed) =>
  goTargets(place, bounds).map(({ expression }) => expression);

describe("the places a value can stand for", () => {
  it("are a guest offset, a file offset and a sector", () => {
    expect(goTargets(16n, qed)).toEqual([
      { expression: "guest:0x10", label: "Guest offset 0x10" },
      { expression: "file:0x10", label: "File offset 0x10" },
      { expression: "guest:s:16", label: "Sector 16 (0x2000)" },
    ]);
  });

  it("end with the image: at 1 MiB sector 2,048, at 4,096 bytes the file", () => {
    expect(expressions(2047n)).toEqual(["guest:0x7ff", "file:0x7ff", "guest:s:2047"]);
    expect(expressions(2048n)).toEqual(["guest:0x800", "file:0x800"]);
    expect(expressions(4096n)).toEqual(["guest:0x1000"]);
    expect(expressions(BigInt(size) - 1n)).toEqual(["guest:0xfffff"]);
    expect(expressions(BigInt(size))).toEqual([]);
    expect(expressions(2n ** 64n - 1n)).toEqual([]);
  });

  it("have no file offset in a raw image or a comparison", () => {
    expect(expressions(16n, { ...qed, image: { ...qed.image, format: "raw" } })).not.toContain("file:0x10");
    expect(expressions(16n, { ...qed, side: "a" })).not.toContain("file:0x10");
  });

  it("count sectors in the space that shows", () => {
    expect(expressions(3n, { ...qed, space: "file", extent: 4096 })).toContain("file:s:3");
    expect(expressions(8n, { ...qed, space: "file", extent: 4096 })).not.toContain("file:s:8");
  });
});
