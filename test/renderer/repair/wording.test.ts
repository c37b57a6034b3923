import { describe, expect, it } from "vitest";
import { journalText } from "../../../renderer/panels/repair/journalWording.ts";
import { reportJson, reportMarkdown, reportName } from "../../../renderer/panels/repair/report.ts";
import {
  afterText,
  foundText,
  isClean,
  leaksText,
  problemWordsOf,
  sizeText,
  totalsText,
  writeLabel,
  writtenText,
  writtenTitle,
} from "../../../renderer/panels/repair/wording.ts";
import { choice, offered, written } from "./build.ts";

const after = written().after ?? expect.fail("the outcome has a check");

describe("the words of a repair", () => {
  it("offer to take back only what fits its image", () => {
    const facts = {
      journal: "/images/disk.qed.blkscope-undo",
      imagePath: "/images/disk.qed",
      imageState: "missing" as const,
      changedAt: 0,
      owner: undefined,
      written: undefined,
      oldSize: 4096,
      newSize: 4096,
      writes: 2,
      copies: 0,
      shown: [],
      ranges: [],
    };
    const refusal = { code: "ENOENT" as const, message: "it is gone", context: {}, details: [] };
    for (const state of ["applying", "applied", "verified"] as const) {
      expect(journalText({ ...facts, state, refusal: undefined }, "disk.qed")).toContain("taken back");
      expect(journalText({ ...facts, state, refusal }, "disk.qed")).not.toContain("taken back");
    }
  });

  it("say of leaked clusters that they can be freed where the plan does so, and only there", () => {
    const leaking = offered({ leaks: { ranges: 1, bytes: 65_536 } });
    expect(leaksText(offered(), [])).toBeUndefined();
    expect(leaksText(leaking, ["clear-entry", "free-leaks"])).toContain("The plan can free them.");
    expect(leaksText(leaking, ["clear-entry", "trim"])).toContain("Only those at the end of the file");
    for (const action of ["free-leaks", "trim"] as const) {
      expect(leaksText(leaking, [action])).toContain("64 KiB in 1 range of the file are used by nothing");
    }
  });

  it("never call a merely dirty image corrupt", () => {
    expect(foundText("disk.qed", offered({ items: 1 }))).toBe(
      "disk.qed was not closed cleanly. Its tables are in order; your data is probably intact.",
    );
  });

  it("call an image by the marks it has", () => {
    const titleOf = (marks: { dirty: boolean; corrupt: boolean }) =>
      problemWordsOf("clear-dirty-bit", marks).title;
    expect(titleOf({ dirty: true, corrupt: false })).toBe("The image was not closed cleanly");
    expect(titleOf({ dirty: false, corrupt: true })).toBe("The image is marked as corrupt");
    expect(titleOf({ dirty: true, corrupt: true })).toBe(
      "The image was not closed cleanly, and is marked as corrupt",
    );
    expect(foundText("disk.qcow2", offered({ items: 1, dirty: false, corrupt: true }))).toBe(
      "disk.qcow2 is marked as corrupt. Its tables are in order now; the mark keeps programs from writing to it.",
    );
  });

  it("say plainly that nothing was found, with the scope", () => {
    expect(foundText("disk.qed", offered({ items: 0, dirty: false }))).toBe(
      "No problems: all tables of disk.qed were checked (16 guest clusters).",
    );
  });

  it("name the act on the button", () => {
    expect(writeLabel(choice(["a", "b"]), "disk.qed")).toBe("Write 2 changes to disk.qed");
    expect(writeLabel(choice(["trim"], { writes: 0, cutBytes: 65_536 }), "disk.qed")).toBe(
      "Cut 64 KiB off the end of disk.qed",
    );
    expect(writeLabel(choice(["a"]), "disk.qed")).toBe("Write 1 change to disk.qed");
  });

  it("count what is chosen and what it does to the file", () => {
    const chosen = choice(["a", "b"], { copiedBytes: 65_536, newSize: 0x90000 });
    expect(totalsText(chosen, 5)).toBe("2 of 5 items chosen: 2 writes in place; 64 KiB copied to the end");
    expect(sizeText(chosen, 0x80000)).toBe("The file becomes 64 KiB longer: 576 KiB (589,824 bytes).");
  });

  it("say repaired only after a check that found nothing left", () => {
    const clean = written();
    expect(isClean(clean)).toBe(true);
    expect(afterText(clean, "disk.qed")).toMatch(/^disk\.qed is repaired: a full check found no problems/);
    const others = [
      written({ state: "applied" }),
      written({ after: undefined }),
      written({ after: { ...after, dirty: true } }),
      written({ after: { ...after, check: { ...after.check, corruptions: 1 } } }),
      written({ state: "applying", after: undefined, changes: { done: 6, total: 14 } }),
      written({ state: "planned", cancelled: true, after: undefined }),
    ];
    for (const one of others) {
      expect(isClean(one)).toBe(false);
      const text = [writtenTitle(one, "disk.qed"), writtenText(one, "disk.qed")].join(" ");
      expect(text).not.toMatch(/repaired/i);
    }
    for (const one of others.slice(1)) expect(afterText(one, "disk.qed")).not.toMatch(/is repaired/);
  });

  it("say how far it came and what the state is when it stopped", () => {
    const error = {
      code: "ENOSPC",
      message: "no space left for the journal",
      context: {},
      details: [],
    } as const;
    const stopped = written({ state: "applying", error, changes: { done: 6, total: 14 }, after: undefined });
    expect(writtenTitle(stopped, "disk.qed")).toBe("Repair stopped after 6 of 14 changes");
    expect(writtenText(stopped, "disk.qed")).toContain("No space left for the journal.");
    expect(writtenText(stopped, "disk.qed")).toContain("can be finished or taken back");
  });
});

describe("the report of a repair", () => {
  const source = {
    image: "disk.qed",
    target: "disk_1|2.qed",
    written: written(),
    offered: offered(),
    choice: choice(["clear:0x10", "clear-dirty-bit"]),
    at: Date.UTC(2026, 10, 21, 12),
  };

  it("is JSON that says what was done, to what, and what is left", () => {
    expect(JSON.parse(reportJson(source))).toMatchObject({
      at: "2026-11-21T12:00:00.000Z",
      path: "/images/disk.qed",
      state: "verified",
      changes: { done: 2, total: 2 },
      items: ["clear:0x10", "clear-dirty-bit"],
      "items-left": 0,
      sha256: { before: "aa".repeat(32), after: "bb".repeat(32) },
    });
  });

  it("is Markdown in which names are only names", () => {
    const text = reportMarkdown(source);
    expect(text).toContain("# Repair of disk\\_1|2.qed");
    expect(text).toContain(`| SHA-256 after | ${"bb".repeat(32)} |`);
    expect(text).toContain("- `clear:0x10`");
    expect(reportName(source, "md")).toBe("disk_1|2.qed repair report.md");
  });
});
