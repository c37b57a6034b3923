import { describe, expect, it } from "vitest";
import { printable } from "../../../core/cli/output.ts";

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
});
