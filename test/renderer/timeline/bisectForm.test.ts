// The form of a search for the first failing entry: what it asks main for, what is wrong with it, and how much it will do.
import { describe, expect, it } from "vitest";
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import {
  type BisectForm,
  type BisectWish,
  effortText,
  readForm,
  shownCommand,
  usualForm,
} from "../../../renderer/panels/timeline/bisectForm.ts";

const summary: LogSummary = {
  size: 1_000_000,
  superblock: { magicOk: true, version: 1, entries: 1000, sectorSize: 512 },
  sectorSize: 512,
  entries: 1010,
  counted: 1000,
  end: { kind: "complete", entry: 1010, offset: 0, message: "" },
  totals: {
    writes: 900,
    writeBytes: 0,
    discards: 0,
    discardBytes: 0,
    flushes: 90,
    fua: 0,
    metadata: 0,
    marks: 3,
    empty: 0,
    unknownFlags: 0,
  },
  diskEnd: 512 * 1024,
  recovered: [],
};
const form = (part: Partial<BisectForm> = {}): BisectForm => ({ ...usualForm, line: "fsck {}", ...part });
const ranges = { selection: { first: 10, end: 20 }, filter: { first: 5, end: 900 } };
const wish = (part: Partial<BisectForm>): BisectWish => {
  const read = readForm(form(part), summary, ranges);
  if (!read.ok) throw new Error(read.message);
  return read.wish;
};

describe("a form", () => {
  it("asks for the states at flushes, by halves and then entry by entry, unless told otherwise", () => {
    expect(wish({})).toEqual({
      judge: { kind: "command", line: "fsck {}", shell: false, seconds: 300 },
      at: "flush",
      search: "binary",
      all: false,
      refine: true,
    });
  });

  it.each<[Partial<BisectForm>, Partial<BisectWish>]>([
    [{ judge: "check", format: "qcow2", line: "" }, { judge: { kind: "check", format: "qcow2" } }],
    [{ moments: "every", every: "1,000" }, { at: 1000 }],
    [{ search: "first" }, { search: "linear", all: false }],
    [{ search: "all" }, { search: "linear", all: true }],
    [{ range: "selection" }, { range: { first: 10, end: 20 } }],
    [{ range: "filter" }, { range: { first: 5, end: 900 } }],
    [{ range: "given", first: "7", last: "9" }, { range: { first: 7, end: 10 } }],
    [{ range: "given", first: "7", last: "" }, { range: { first: 7, end: 1010 } }],
    [{ size: "1 MiB" }, { size: 1_048_576 }],
    [{ size: "1.5M" }, { size: 1_572_864 }],
    [{ size: "524,288" }, { size: 524_288 }],
    // States without an order are never halved, and nothing lies between them.
    [
      { moments: "reorder", sample: "7", seed: "3", torn: true },
      { at: { count: 7, seed: 3, torn: true }, search: "linear", all: false, refine: false },
    ],
  ])("%j asks for %j", (part, expected) => expect(wish(part)).toMatchObject(expected));

  it.each<[Partial<BisectForm>, string, string]>([
    [{ line: "" }, "line", "There is no command"],
    [{ line: "fsck" }, "line", "has no {}"],
    [{ line: `fsck {} ${"x".repeat(2000)}` }, "line", "longer than 2,000"],
    [{ seconds: "0" }, "seconds", "1 to 86,400"],
    [{ seconds: "ten" }, "seconds", "1 to 86,400"],
    [{ moments: "every", every: "" }, "every", "from 1 on"],
    [{ moments: "reorder", sample: "100001" }, "sample", "1 to 100,000"],
    [{ moments: "reorder", seed: "-1" }, "seed", "from 0 on"],
    [{ range: "given", first: "1010" }, "range", "0 to 1,009"],
    [{ range: "given", first: "9", last: "8" }, "range", "before the first"],
    [{ size: "large" }, "size", "a number of bytes"],
    [{ size: "100k" }, "size", "512 KiB"],
  ])("%j is wrong in its %s", (part, field, message) => {
    expect(readForm(form(part), summary, ranges)).toEqual({
      ok: false,
      field,
      message: expect.stringContaining(message),
    });
  });

  it("shows the command as it will run, and none while it is wrong", () => {
    expect(shownCommand(form({ line: " fsck  '-n' {} " }))).toBe("fsck -n {}");
    expect(shownCommand(form({ line: "a {} | b", shell: true }))).toBe("/bin/sh -c 'a {} | b'");
    expect(shownCommand(form({ line: "a '{}" }))).toBeUndefined();
  });

  it.each<[Partial<BisectForm>, string]>([
    // 90 flushes and the end; both edges and log2(91), 6.5 rounded up.
    [{}, "About 91 states; by halves some 9 checks."],
    [{ search: "all", moments: "mark" }, "About 4 states."],
    [{ moments: "fua", search: "first" }, "About 1 state."],
    [{ moments: "each", search: "first" }, "About 1,000 states."],
    [{ moments: "every", every: "300", search: "first" }, "About 4 states."],
    [{ moments: "reorder" }, "Up to 100 states."],
    // How many flushes lie in a part of the log only the search knows.
    [{ range: "selection" }, ""],
    [{ range: "selection", moments: "each", search: "first" }, "About 10 states."],
  ])("%j: %s", (part, text) => expect(effortText(wish(part), summary)).toBe(text));
});
