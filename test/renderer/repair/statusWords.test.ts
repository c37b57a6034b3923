// The status bar's words of writing, at each point of a repair.
import { describe, expect, it } from "vitest";
import type { JournalFacts, RepairWritten } from "../../../core/ops/repairRun.ts";
import { unfinishedText } from "../../../renderer/panels/repair/journalWording.ts";
import { journalWords, wizardWords } from "../../../renderer/panels/repair/statusWords.ts";
import { plainError } from "../fakeBridge.ts";
import { written } from "./build.ts";

const wizard = (
  state: RepairWritten["state"] | undefined,
  more: { toCopy?: boolean; isUndone?: boolean } = {},
) =>
  wizardWords(
    {
      written: state && written({ state, target: more.toCopy ? "/images/copy.qed" : "/images/disk.qed" }),
      toCopy: more.toCopy ?? false,
      undo: { isUndone: more.isUndone ?? false },
    },
    "disk.qed",
  );

describe("the status bar over the wizard", () => {
  it("says that nothing is written until something was", () => {
    expect(wizard(undefined).text).toBe("read-only until you write");
    // It was stopped before its first change.
    expect(wizard("planned").text).toBe("read-only until you write");
  });

  it("never calls an image read-only that was written to", () => {
    expect(wizard("verified").text).toBe("disk.qed was written; can be undone");
    expect(wizard("applied").text).toBe("disk.qed was written; can be undone");
    expect(wizard("applying").text).toBe("disk.qed: repair unfinished");
    expect(wizard("verified", { isUndone: true }).text).toBe("disk.qed is as it was");
  });

  it("names the copy that was written, and says of the image that it was not", () => {
    const words = wizard("verified", { toCopy: true });
    expect(words.text).toBe("copy.qed was written; can be undone");
    expect(words.title).toContain("disk.qed itself was not changed");
  });
});

describe("the status bar over a journal", () => {
  const facts = { state: "verified" as const, refusal: undefined, imagePath: "/images/disk.qed" };
  it("says what the journal would let be written", () => {
    expect(journalWords(undefined).text).toBe("read-only");
    expect(journalWords({ ...facts, state: "planned" }).text).toBe("read-only until you write");
    expect(journalWords(facts).text).toBe("disk.qed was written; can be undone");
    expect(journalWords({ ...facts, refusal: plainError("it has changed") }).text).toBe("read-only");
    expect(journalWords({ ...facts, state: "undone" }).text).toBe("disk.qed is as it was");
  });
});

describe("the banner of an unfinished repair", () => {
  const facts: JournalFacts = {
    journal: "/images/disk.qed.blkscope-undo",
    imagePath: "/images/disk.qed",
    imageState: "found",
    state: "applying",
    changedAt: new Date(2026, 10, 21, 13, 45).getTime(),
    owner: "you",
    written: 6,
    oldSize: 4096,
    newSize: 4096,
    writes: 14,
    copies: 0,
    shown: [],
    refusal: undefined,
    ranges: [],
  };

  it("counts what was written", () => {
    const text = (more: Partial<JournalFacts>) => unfinishedText({ ...facts, ...more }, "disk.qed");
    expect(text({})).toContain("6 of 14 changes were written to disk.qed");
    expect(text({ written: 1 })).toContain("1 of 14 changes was written to disk.qed");
    expect(text({ writes: 0, written: 0 })).toContain("it cuts bytes off the end of disk.qed");
  });

  it("says of one that was never begun who planned it, when, and that the image is unchanged", () => {
    const planned = { ...facts, state: "planned" as const, written: 0 };
    expect(unfinishedText(planned, "disk.qed")).toBe(
      "A repair of disk.qed (14 changes) was planned by you on 21 Nov 2026, 13:45, but never begun. disk.qed is unchanged since: every place that would be changed was looked at.",
    );
    const changed = { ...planned, owner: "other" as const, refusal: plainError("it has changed") };
    expect(unfinishedText(changed, "disk.qed")).toContain("by another user on");
    expect(unfinishedText(changed, "disk.qed")).not.toContain("unchanged");
  });
});
