// What the timeline panel says and keeps: entries in words, the log's problems, changed bytes as lines, notes.
import { beforeEach, describe, expect, it } from "vitest";
import type { LogRow, LogSummary } from "../../../core/ops/logIndexRun.ts";
import { changeLines } from "../../../renderer/panels/timeline/changeRows.ts";
import { entryAt } from "../../../renderer/panels/timeline/entryAt.ts";
import { lineOf } from "../../../renderer/panels/timeline/exportEntries.ts";
import {
  loadNotes,
  logIdentity,
  longestNote,
  saveNotes,
  withNote,
} from "../../../renderer/panels/timeline/notes.ts";
import { wallsOf } from "../../../renderer/panels/timeline/plotSource.ts";
import { problemsOf } from "../../../renderer/panels/timeline/problems.ts";
import {
  countsText,
  durableText,
  entryText,
  filterText,
  rangeText,
  totalsText,
  writerText,
} from "../../../renderer/panels/timeline/wording.ts";
import { fileRef, installFakeBridge } from "../fakeBridge.ts";

const row: LogRow = {
  entry: 18_233,
  kind: "write",
  flags: 0,
  offset: 1_048_576,
  length: 4096,
  header: 512,
  payload: 1024,
  payloadLength: 4096,
  text: undefined,
  counted: true,
  recovered: false,
};

const summary: LogSummary = {
  size: 1 << 20,
  superblock: { magicOk: true, version: 1, entries: 100, sectorSize: 512 },
  sectorSize: 512,
  entries: 100,
  counted: 100,
  end: { kind: "complete", entry: 100, offset: 1 << 20, message: "100 entries, as the superblock counts" },
  totals: {
    writes: 90,
    writeBytes: 368_640,
    discards: 0,
    discardBytes: 0,
    flushes: 9,
    fua: 2,
    metadata: 0,
    marks: 1,
    empty: 0,
    unknownFlags: 0,
  },
  diskEnd: 1 << 21,
  recovered: [],
};

describe("an entry in words", () => {
  it("has its number, kind, place and length", () => {
    // 1,048,576 / 512 = 2,048; 4,096 / 512 = 8.
    expect(entryText(row, 512)).toBe("Entry 18,233, write, sectors 2,048 + 8, 4 KiB");
  });

  it("names the flags that its kind does not say", () => {
    // 16 metadata + 2 FUA.
    expect(entryText({ ...row, flags: 18 }, 512)).toContain("write, FUA METADATA,");
    expect(entryText({ ...row, kind: "flush", flags: 1, offset: 0, length: 0 }, 512)).toBe(
      "Entry 18,233, flush",
    );
    expect(entryText({ ...row, kind: "mark", flags: 8, length: 0, text: "fsync" }, 512)).toBe(
      'Entry 18,233, mark, "fsync"',
    );
  });

  it("says where it is in doubt", () => {
    expect(entryText({ ...row, counted: false }, 512)).toContain("not counted by the superblock");
    expect(entryText({ ...row, counted: false, recovered: true }, 512)).toMatch(/, recovered$/);
  });

  it("says how it became durable", () => {
    expect(durableText({ entry: 4, durableWith: 9, durableFlush: 2 })).toBe("with flush 2 (entry 9)");
    expect(durableText({ entry: 4, durableWith: 4, durableFlush: undefined })).toBe(
      "durable by itself (FUA)",
    );
    expect(durableText({ entry: 4, durableWith: undefined, durableFlush: undefined })).toContain(
      "never flushed",
    );
  });

  it("has its range in sectors where it is one", () => {
    expect(rangeText(512, 512, 512)).toBe("sector 1 (0x200)");
    expect(rangeText(1024, 1024, 512)).toBe("2 sectors at sector 2 (0x400)");
    expect(rangeText(100, 5, 512)).toBe("5 B at 0x64");
  });

  it("is a JSON line as the command line prints it", () => {
    expect(lineOf({ ...row, flags: 3 })).toEqual({
      entry: 18_233,
      kind: "write",
      flags: ["FLUSH", "FUA"],
      offset: 1_048_576,
      length: 4096,
      header: 512,
      data: 1024,
      counted: true,
      recovered: false,
    });
  });
});

describe("a log in words", () => {
  it("has its totals", () => {
    // 368,640 / 1,024 = 360.
    expect(totalsText(summary)).toBe("100 entries, 90 writes of 360 KiB, 9 flushes, 2 FUA, 1 mark");
  });

  it("says nothing of counts that agree, and both where they do not", () => {
    expect(countsText(summary)).toBeUndefined();
    expect(countsText({ ...summary, entries: 104 })).toContain("counts 100 entries; 104 can be read");
    expect(countsText({ ...summary, entries: 40, counted: 40 })).toBe(
      "The superblock counts 100 entries; 40 can be read.",
    );
    // As many as are counted, some of them behind damage in which others were lost.
    const recovered = [{ first: 60, count: 40, offset: 0x5000, skipped: 512 }];
    expect(countsText({ ...summary, counted: 60, recovered })).toBe(
      "The superblock counts 100 entries; 100 can be read, 40 of them recovered.",
    );
  });

  it("has its problems in the order of its entries", () => {
    expect(problemsOf(summary)).toEqual([]);
    const damaged = problemsOf({
      ...summary,
      entries: 60,
      counted: 40,
      recovered: [{ first: 40, count: 20, offset: 0x5000, skipped: 512 }],
      end: { kind: "torn", entry: 60, offset: 0x9000, message: "The log ends within entry 60" },
    });
    expect(damaged.map(({ entry }) => entry)).toEqual([40, 59]);
    expect(damaged[1]?.text).toBe("The log ends within entry 60");
    expect(problemsOf({ ...summary, entries: 104 }).map(({ entry }) => entry)).toEqual([100]);
  });
});

describe("the plot's walls", () => {
  it("stand where entries are missing and where the log ends before its end", () => {
    const run = { first: 40, count: 20, offset: 0x5000, skipped: 512 };
    const end = { kind: "bad-entry", entry: 60, offset: 0x9000, message: "Entry 60 can't be one" } as const;
    expect(wallsOf({ ...summary, entries: 60, recovered: [run], end })).toEqual([
      { entry: 40, reason: "512 damaged bytes of the log were skipped here; entries may be missing." },
      { entry: 60, reason: "Entry 60 can't be one" },
    ]);
    expect(wallsOf(summary)).toEqual([]);
    // A log that is being written ends where its writer is.
    expect(wallsOf({ ...summary, end: { ...end, kind: "growing" } })).toEqual([]);
  });
});

describe("the filter's state", () => {
  const none = { text: "", applied: "", wrong: undefined, error: undefined, total: undefined };

  it("is how many entries there are, or pass", () => {
    expect(filterText(none, 1)).toBe("1 entry");
    expect(filterText({ ...none, text: "fua", applied: "fua", total: 7 }, 1200)).toBe("7 of 1,200 entries");
    expect(filterText({ ...none, text: "fua", applied: "fua" }, 1200)).toBe("Filtering…");
  });

  it("is what is wrong, and where", () => {
    const wrong = { message: 'There is no "sec"', at: 4, length: 3 };
    expect(filterText({ ...none, text: "fua&sec", wrong }, 1)).toBe('There is no "sec". At character 5.');
    // The filter before it stays in force: what shows is not all there is.
    expect(filterText({ ...none, text: "fua&sec", applied: "fua", total: 7, wrong }, 1200)).toBe(
      'There is no "sec". At character 5. The entries shown are still those of fua.',
    );
  });
});

describe("the write behind a mismatch", () => {
  const last = { entry: 18_233, durableWith: 18_300, durableFlush: 412 };
  const none = { isCurrent: false, older: undefined, searched: undefined };

  it("is named with its flush, and which side has what", () => {
    const text = writerText({
      last,
      a: { ...none, older: 17_001 },
      b: { ...none, isCurrent: true },
    });
    expect(text).toBe(
      "last written by entry 18,233, before flush 412. A has an older version, that of entry 17,001; B has what it wrote.",
    );
  });

  it("says where the log knows nothing of the bytes", () => {
    expect(writerText({ last, a: none, b: { ...none, older: -1 } })).toContain(
      "A has bytes that no entry wrote here; B has what was there before the log.",
    );
    expect(writerText({ last, a: { ...none, searched: 20_000 }, b: none })).toContain(
      "A has bytes that none of the newest 20,000 entries wrote here; B has",
    );
    expect(writerText({ last: undefined, a: none, b: none })).toBe("no entry wrote this sector.");
  });
});

describe("changed bytes", () => {
  it("are two lines where they differ, one where they do not", () => {
    const before = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0x41);
    const after = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 9, 0x41);
    const lines = changeLines(0x1000, before, after);
    expect(lines.map(({ sign, offset }) => [sign, offset])).toEqual([
      ["before", 0x1000],
      ["after", 0x1000],
      ["same", 0x1008],
    ]);
    expect(lines[1]?.bytes.map(({ differs }) => differs)).toEqual([...Array(7).fill(false), true]);
    expect(lines[1]?.bytes[7]?.digits).toBe("09");
    expect(lines[2]?.bytes).toEqual([{ digits: "41", text: "A", differs: false }]);
  });

  it("begin rows at multiples of 8", () => {
    const lines = changeLines(5, new Uint8Array(6), new Uint8Array(6));
    expect(lines.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
      [5, 3],
      [8, 3],
    ]);
  });
});

describe("notes", () => {
  beforeEach(() => void installFakeBridge());
  const identity = logIdentity(fileRef("a.log"), 512, row);

  it("are there again, ascending, for the same log only", () => {
    const notes = withNote(withNote(new Map(), 9, "late"), 3, " early ");
    saveNotes(identity, notes);
    expect([...loadNotes(identity)]).toEqual([
      [3, "early"],
      [9, "late"],
    ]);
    expect(loadNotes(logIdentity(fileRef("a.log"), 512, { ...row, offset: 0 })).size).toBe(0);
    expect(loadNotes(logIdentity(fileRef("b.log"), 512, row)).size).toBe(0);
  });

  it("go with an empty text", () => {
    saveNotes(identity, withNote(new Map(), 9, "late"));
    saveNotes(identity, withNote(loadNotes(identity), 9, "  "));
    expect(loadNotes(identity).size).toBe(0);
  });

  it("that are damaged only lose themselves", () => {
    const stored = [[1, "good"], [-1, "no entry"], [2], "x", [3, "y".repeat(longestNote + 1)]];
    window.localStorage.setItem(`blkscope-log-notes:${identity}`, JSON.stringify(stored));
    expect([...loadNotes(identity)]).toEqual([[1, "good"]]);
    window.localStorage.setItem(`blkscope-log-notes:${identity}`, "{");
    expect(loadNotes(identity).size).toBe(0);
  });
});

describe("going to an entry", () => {
  it.each([
    ["17", 17],
    ["0x11", 17],
    ["1_000", 1000],
    ["1,000", 1000],
    ["+5", 105],
    ["-100", 0],
    ["50%", 2000], // of entries 0 to 4,000
    ["end", 4000],
    ["", undefined],
  ])("by %j", (text, entry) => expect(entryAt(text, 100, 4001)).toBe(entry));

  it("says what is no entry", () => {
    expect(entryAt("4001", 0, 4001)).toBe("The log has entries 0 to 4000.");
    expect(entryAt("-1", 0, 4001)).toBe("The log has entries 0 to 4000.");
    expect(entryAt("x", 0, 4001)).toMatch(/^A number/);
  });
});
