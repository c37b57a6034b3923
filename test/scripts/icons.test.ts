// The icon containers, read back by the layout their makers publish, and the committed files.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { icns, icnsTypes, ico } from "../../scripts/icons/containers.mjs";

const icons = new URL("../../assets/icons/", import.meta.url);

/** A PNG's width: its header chunk begins at byte 16 (PNG specification, 11.2.2). */
const widthOf = (png: Buffer) => png.readUInt32BE(16);

function icoEntries(file: Buffer): { width: number; data: Buffer }[] {
  expect(file.readUInt16LE(0)).toBe(0);
  expect(file.readUInt16LE(2)).toBe(1);
  return Array.from({ length: file.readUInt16LE(4) }, (_, index) => {
    const at = 6 + 16 * index;
    const offset = file.readUInt32LE(at + 12);
    return {
      width: file.readUInt8(at) || 256,
      data: file.subarray(offset, offset + file.readUInt32LE(at + 8)),
    };
  });
}

function icnsEntries(file: Buffer): { type: string; data: Buffer }[] {
  expect(file.toString("latin1", 0, 4)).toBe("icns");
  expect(file.readUInt32BE(4)).toBe(file.length);
  const entries: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < file.length; at += file.readUInt32BE(at + 4)) {
    entries.push({
      type: file.toString("latin1", at, at + 4),
      data: file.subarray(at + 8, at + file.readUInt32BE(at + 4)),
    });
  }
  return entries;
}

describe("an ICO file", () => {
  test("holds each picture where its entry says", () => {
    const pictures = [16, 256].map((size) => ({ size, png: Buffer.from(`picture of ${size}`) }));
    expect(icoEntries(ico(pictures)).map(({ width, data }) => [width, data.toString()])).toEqual([
      [16, "picture of 16"],
      [256, "picture of 256"],
    ]);
  });
});

describe("an ICNS file", () => {
  test("refuses to leave out a size", () => {
    expect(() => icns([{ size: 16, png: Buffer.alloc(1) }])).toThrow(/no picture of 32 pixels/);
  });
});

describe("the committed icons", () => {
  test("hold PNG files of the sizes they claim", async () => {
    const entries = icoEntries(await readFile(new URL("icon.ico", icons)));
    expect(entries.map(({ data }) => widthOf(data))).toEqual(entries.map(({ width }) => width));
    expect(entries.map(({ width }) => width)).toEqual(expect.arrayContaining([16, 24, 32, 48, 64, 256]));
    const sizes = Object.fromEntries(icnsTypes);
    for (const { type, data } of icnsEntries(await readFile(new URL("icon.icns", icons)))) {
      expect([type, widthOf(data)]).toEqual([type, sizes[type as keyof typeof sizes]]);
    }
  });

  test.each([16, 24, 32, 48, 64, 96, 128, 256, 512, 1024])("has a PNG of %d pixels", async (size) => {
    expect(widthOf(await readFile(new URL(`png/${size}x${size}.png`, icons)))).toBe(size);
  });
});
