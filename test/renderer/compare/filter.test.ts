import { describe, expect, it } from "vitest";
import {
  type ClusterSizes,
  completions,
  filterProblem,
  matches,
  parseFilter,
  type Term,
} from "../../../renderer/panels/compare/filter.ts";
import { type ModelRun, plainRun } from "./model.ts";

const clusters: ClusterSizes = { a: 65536, b: undefined, shift: 0 };
const termsOf = (text: string): readonly Term[] => {
  const parsed = parseFilter(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.message}`);
  return parsed.terms;
};
const passes = (text: string, run: ModelRun, sizes = clusters) =>
  matches(termsOf(text), { row: 0, ...run }, sizes);

describe("the filter of the mismatch list", () => {
  it("joins terms by and, and passes everything when empty", () => {
    const run = plainRun(2048, 9, { signature: "a-zero", bytes: 100 });
    expect(passes("", run)).toBe(true);
    // Sector 2048 is byte 1 MiB: cluster 16 of 64 KiB.
    expect(passes("sig:zeroed len>8 cluster:16 sector:2048..4095 bytes>=100", run)).toBe(true);
    expect(passes("sig:zeroed len>9", run)).toBe(false);
    expect(passes("sig:zeroed bytes>100", run)).toBe(false);
  });

  it("counts len in sectors, or in bytes with a unit", () => {
    const run = plainRun(0, 8);
    for (const text of [
      "len:8",
      "len=8",
      "len>=8",
      "len<=8",
      "len>7",
      "len<9",
      "len:4KiB",
      "len:8..8",
      "len:..8",
      "len:8..",
    ]) {
      expect(passes(text, run), text).toBe(true);
    }
    for (const text of ["len>8", "len<8", "len:9..", "len:..7", "len>4KiB"])
      expect(passes(text, run), text).toBe(false);
  });

  it("passes a run that touches a wanted sector, cluster or offset", () => {
    // Sectors 120 to 139 lie in the 64 KiB clusters 0 (0 to 127) and 1.
    const run = plainRun(120, 20);
    for (const text of [
      "sector:120",
      "sector:139",
      "sector:130..500",
      "cluster:0",
      "cluster:1",
      "offset:61440",
      "offset:0xf000",
      "offset<64KiB",
    ]) {
      expect(passes(text, run), text).toBe(true);
    }
    for (const text of ["sector:119", "sector:140", "cluster:2", "offset>=71680", "offset:..61439"]) {
      expect(passes(text, run), text).toBe(false);
    }
  });

  it("looks at B's clusters where B is, when it is shifted", () => {
    const sizes = { a: undefined, b: 4096, shift: 8192 };
    // A's offset 0 stands against B's 8192: B's cluster 2.
    expect(passes("cluster:2", plainRun(0, 1), sizes)).toBe(true);
    expect(passes("cluster:0", plainRun(0, 1), sizes)).toBe(false);
  });

  it("matches free words against the cause in plain words, in any case", () => {
    expect(passes("zeros", plainRun(0, 1, { signature: "b-zero" }))).toBe(true);
    expect(passes("B ZEROS", plainRun(0, 1, { signature: "b-zero" }))).toBe(true);
    expect(passes("+16", plainRun(0, 1, { signature: "shifted", detail: 16 }))).toBe(true);
    expect(passes("torn", plainRun(0, 1))).toBe(false);
  });

  it("excludes with - or !", () => {
    expect(passes("-sig:zeroed", plainRun(0, 1))).toBe(true);
    expect(passes("!zeros -len>8", plainRun(0, 9))).toBe(false);
  });

  it("takes the beginning of a signature's name, and separators in numbers", () => {
    expect(termsOf("sig:swap")).toEqual([{ kind: "signature", among: ["byte-swapped"], negated: false }]);
    expect(termsOf("bytes>=1_000,000")).toEqual([
      { kind: "number", field: "bytes", from: 1_000_000, to: Number.POSITIVE_INFINITY, negated: false },
    ]);
  });

  it.each([
    ["foo:3", 0, 3, /no field "foo"/],
    ["len>8 sg:torn", 6, 2, /no field "sg"/],
    ["sig:zeroed len>", 11, 4, /needs a value/],
    ["sig:wrong", 4, 5, /no signature "wrong"/],
    ["sig>torn", 0, 4, /":" only/],
    ["len>abc", 4, 3, /not a whole number/],
    ["len>1.5", 4, 3, /not a whole number/],
    ["bytes>5XiB", 6, 4, /unknown unit/],
    ["sector:4KiB", 7, 4, /plain number/],
    ["sector:9..2", 7, 4, /ends before it begins/],
    ["sector>1..2", 7, 4, /after ":"/],
    ["-bytes:99999999999999999999", 7, 20, /too large/],
  ])("points at the place of the error in %j", (text, at, length, message) => {
    const parsed = parseFilter(text);
    expect(parsed).toMatchObject({ ok: false, at, length });
    if (!parsed.ok) expect(parsed.message).toMatch(message);
  });

  it("says when clusters are asked for and neither image has any", () => {
    const none = { a: undefined, b: undefined, shift: 0 };
    expect(filterProblem(termsOf("cluster:1"), none)).toMatch(/clusters/);
    expect(filterProblem(termsOf("cluster:1"), clusters)).toBeUndefined();
    expect(filterProblem(termsOf("len>1"), none)).toBeUndefined();
  });

  it("completes the last term and keeps what is before it", () => {
    expect(completions("len>8 sig:t")).toEqual(["len>8 sig:torn"]);
    expect(completions("-cl")).toEqual(["-cluster:"]);
    expect(completions("")).toContain("sig:");
    expect(completions("sig:torn")).toEqual([]);
  });
});
