import { describe, expect, it } from "vitest";
import { jsonText, printable } from "../../../core/cli/output.ts";

describe("text for a terminal", () => {
  it("stays as it is when it is plain, in any script", () => {
    for (const text of ["disk.qed", "Datenträger ü.raw", "磁盘.raw", "a 'b' \"c\"", "💾"])
      expect(printable(text)).toBe(text);
  });

  it("never holds what a terminal would obey or what would break a line", () => {
    expect(printable("a\nb\tc\r")).toBe("a\\nb\\tc\\x0d");
    expect(printable("\u001b[31mred\u0007\u009b2J")).toBe("\\x1b[31mred\\x07\\x9b2J");
    expect(printable("\u202etxt.exe\u2028")).toBe("\\u{202e}txt.exe\\u{2028}");
  });

  it("is safe as JSON too, and means the same", () => {
    const value = { "backing-filename": "\u009b2J\u007f\u202etxt\u{e0001}ü💾\n" };
    const text = jsonText(value);
    expect(text).toBe('{"backing-filename":"\\u009b2J\\u007f\\u202etxt\\udb40\\udc01ü💾\\n"}');
    expect(JSON.parse(text)).toEqual(value);
    expect(jsonText({ a: 1 }, 4)).toBe('{\n    "a": 1\n}');
  });
});
