import { describe, expect, it } from "vitest";
import {
  announcementText,
  dirtyText,
  headerText,
  mergedNote,
  type Outcome,
  outcomeText,
  sectorRange,
  share,
  shiftText,
  signatureLabel,
  sizeText,
  stepText,
} from "../../../renderer/panels/compare/wording.ts";

const GiB = 2 ** 30;
const header = {
  current: 11,
  rows: 3408,
  runs: 3408,
  sectors: 41772,
  total: 64 * GiB,
  scannedTo: 0.716 * 64 * GiB,
  complete: false,
};
const done: Outcome = {
  complete: true,
  cancelled: false,
  runs: 0,
  sectors: 0,
  first: undefined,
  scannedTo: 64 * GiB,
  total: 64 * GiB,
  unreadableRanges: 0,
  unreadableBytes: 0,
};

describe("the words of the compare panel", () => {
  it("writes the header of the list", () => {
    // 41,772 * 512 / 2^36 = 0.0311 %
    expect(headerText(header)).toBe("12 of 3,408 runs, 41,772 sectors, 0.03 % of 64 GiB; 71 % scanned");
    expect(headerText({ ...header, complete: true, current: undefined })).toBe(
      "3,408 runs, 41,772 sectors, 0.03 % of 64 GiB",
    );
    expect(headerText({ ...header, runs: 1, rows: 1, sectors: 1, current: 0 })).toMatch(
      /^1 of 1 run, 1 sector, /,
    );
    expect(
      headerText({ ...header, runs: 9_000_000, rows: 466_000, current: undefined, complete: true }),
    ).toMatch(/^9,000,000 runs in 466,000 rows, /);
    expect(headerText({ ...header, runs: 0, rows: 0, scannedTo: GiB })).toBe(
      "No mismatches so far in 1 GiB; 1 % scanned",
    );
    expect(headerText({ ...header, runs: 0, rows: 0, scannedTo: 64 * GiB, complete: true })).toBe("0 runs");
    expect(headerText({ ...header, runs: 0, rows: 0, scannedTo: 0 })).toBe("0 % scanned");
  });

  it("never rounds a share to none or to all", () => {
    expect(share(0, 100)).toBe("0 %");
    expect(share(100, 100)).toBe("100 %");
    expect(share(1, 2 ** 44)).toBe("< 0.001 %");
    expect(share(2 ** 44 - 1, 2 ** 44)).toBe("99.9 %");
    expect(share(3, 1000)).toBe("0.3 %");
    expect(share(1, 3)).toBe("33 %");
    expect(share(5, 0)).toBe("0 %");
  });

  it("names each signature in plain words", () => {
    const label = (signature: Parameters<typeof signatureLabel>[0]["signature"], detail = 0) =>
      signatureLabel({ signature, detail });
    expect(label("a-zero")).toBe("A is zeros");
    expect(label("b-zero")).toBe("B is zeros");
    // Bit 3995 = byte 499 (0x1f3), bit 3.
    expect(label("single-bit", 3995)).toBe("Single bit (byte 0x1f3, bit 3)");
    expect(label("shifted", 16)).toBe("Shifted by +16 bytes");
    expect(label("shifted", -1)).toBe("Shifted by -1 byte");
    expect(label("torn", 0x15000)).toBe("Torn at 0x15000");
    expect(label("moved", 2048 * 512)).toBe("Same as other's sector 2,048");
    expect(label("byte-swapped", 4)).toBe("Bytes swapped in 4-byte words");
    expect(label("stored-differently")).toBe("Same bytes, stored differently");
    expect(label("plain")).toBe("Different content");
  });

  it("gives the sectors of a run, whole ones also where the image's end cuts the last", () => {
    expect(sectorRange({ offset: 160 * 512, length: 512 })).toBe("160");
    expect(sectorRange({ offset: 160 * 512, length: 8 * 512 })).toBe("160–167");
    expect(sectorRange({ offset: 2048 * 512, length: 512 + 100 })).toBe("2,048–2,049");
  });

  it("claims all sectors only when all were compared", () => {
    expect(outcomeText(done)).toBe("No mismatches in 64 GiB (all sectors compared)");
    expect(outcomeText({ ...done, complete: false, unreadableRanges: 1, unreadableBytes: 512 })).toBe(
      "No mismatches in the sectors that could be read. 512 B could not be read and was not compared.",
    );
    const cancelled = { ...done, complete: false, cancelled: true, scannedTo: 32 * GiB };
    expect(outcomeText(cancelled)).toBe(
      "Scan cancelled at 50 %: no mismatches so far. The results are partial.",
    );
    for (const outcome of [done, cancelled]) expect(outcomeText(outcome)).not.toMatch(/identical/i);
  });

  it("says how many sectors differ and where the first is", () => {
    const differ = { ...done, runs: 12, sectors: 41772, first: 160 * 512 };
    expect(outcomeText(differ)).toBe("Images differ in 41,772 sectors (0.03 %). First at sector 160.");
    expect(announcementText(differ)).toBe("Comparison finished: 12 runs differ");
    expect(announcementText({ ...differ, runs: 1 })).toBe("Comparison finished: 1 run differs");
    expect(announcementText(done)).toBe(
      "Comparison finished: No mismatches in 64 GiB (all sectors compared)",
    );
    expect(announcementText({ ...differ, cancelled: true, complete: false, scannedTo: 16 * GiB })).toBe(
      "Comparison cancelled at 25 percent, 12 runs found so far",
    );
  });

  it("states a difference in size as a fact", () => {
    expect(sizeText(1000, 1000)).toBeUndefined();
    expect(sizeText(8 * 2 ** 20, 12 * 2 ** 20)).toBe("B is 4 MiB longer; its tail is compared with zeros.");
    expect(sizeText(1025, 1024)).toBe("A is 1 B longer; its tail is compared with zeros.");
  });

  it("keeps to the fixed wording for an image that was not closed cleanly", () => {
    expect(dirtyText("disk.qed")).toBe(
      "disk.qed was not closed cleanly. It may have unused clusters; your data is probably intact. Nothing has been changed.",
    );
  });

  it("names shift, merging and position", () => {
    expect(shiftText(512)).toBe("B shifted by +512 bytes (1 sector)");
    expect(shiftText(-16)).toBe("B shifted by -16 bytes");
    expect(mergedNote(400_000)).toBe("Past row 400,000 neighbouring runs are merged; totals stay exact.");
    expect(stepText(11, 3408)).toBe("12/3,408");
    expect(stepText(undefined, 3408)).toBe("3,408");
  });
});
