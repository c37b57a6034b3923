// What of a long name's end is always shown.
import { describe, expect, it } from "vitest";
import { cutName, endOfName } from "../../../renderer/widgets/longNames.ts";

describe("the end of a name", () => {
  it("is nothing of a name that is not long", () => {
    expect(endOfName("")).toBe("");
    expect(endOfName("disk.qcow2")).toBe("");
    expect(endOfName("x".repeat(24))).toBe("");
  });

  it("is the last twelve characters of a long one, in which copies differ", () => {
    expect(endOfName("server disk, copied on Friday, pass 1.img")).toBe("y, pass 1.img".slice(-12));
    expect(endOfName("server disk, copied on Friday, pass 2.img")).toBe("y, pass 2.img".slice(-12));
  });

  it("cuts between characters, not within one", () => {
    // An e with an accent of its own is two code points, the flag four units, the family eleven: a character each.
    const parts = [
      "e\u0301",
      "\u{1F1E9}\u{1F1EA}",
      "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}",
      "x",
    ];
    const name = parts.join("").repeat(10);
    expect(endOfName(name)).toBe(parts.join("").repeat(3));
  });

  it("is kept of both names of a pair", () => {
    expect(cutName("disk.qed ⇄ disk.raw")).toEqual([
      { start: "disk.qed", end: "" },
      { start: "disk.raw", end: "" },
    ]);
    // Half the room: six characters of a name that has more than twelve.
    expect(cutName("disk-pass1.img ⇄ disk-pass2.img")).toEqual([
      { start: "disk-pas", end: "s1.img" },
      { start: "disk-pas", end: "s2.img" },
    ]);
    expect(cutName("a copy of the server disk.qcow2 ⇄ disk.raw")).toEqual([
      { start: "a copy of the server disk", end: ".qcow2" },
      { start: "disk.raw", end: "" },
    ]);
  });
});
