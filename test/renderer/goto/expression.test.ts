// The go-to expression against the notations of ux.md section 3, hand calculations, and seeded random text.
import { describe, expect, it } from "vitest";
import { evaluate, type GoToContext } from "../../../renderer/goto/expression.ts";

const KiB = 1024;
const GiB = 1024 ** 3;

/** A 64 GiB guest with 64 KiB clusters in a 5 GiB file; the caret is at 0x14010. */
const context: GoToContext = {
  caret: 0x14010,
  space: "guest",
  sizes: { guest: 64 * GiB, file: 5 * GiB },
  clusterSize: 64 * KiB,
};

function offsetOf(text: string, changed: Partial<GoToContext> = {}): number | string {
  const result = evaluate(text, { ...context, ...changed });
  return result.ok ? result.target.offset : result.message;
}
function notesOf(text: string): readonly string[] {
  const result = evaluate(text, context);
  return result.ok ? result.notes : [];
}

describe("numbers", () => {
  it.each([
    ["0", 0],
    ["81936", 81936],
    ["  81_936  ", 81936],
    ["0x14010", 0x14010],
    ["0X1_4010", 0x14010],
    ["14010h", 0x14010],
    ["ffh", 255],
    ["64KiB", 65536],
    ["64 KiB", 65536],
    ["64 KiB + 1 MiB", 65536 + 1024 * 1024],
    ["81,936", 81936],
    ["1,048,576 + 1", 1048577],
    ["64K", 65536],
    ["64k", 65536],
    ["1.5GiB", 1.5 * GiB],
    ["3MiB", 3 * KiB * KiB],
    ["0.5T", "0x8000000000 is past the end: the guest size is 0x1000000000 (68,719,476,736)"],
  ])("reads %s", (text, expected) => expect(offsetOf(text)).toBe(expected));

  it("reads bare hex digits as hexadecimal and says so", () => {
    expect(offsetOf("A1B2")).toBe(0xa1b2);
    expect(notesOf("A1B2")).toEqual(["A1B2 is read as hexadecimal: 41,394"]);
    expect(notesOf("0xA1B2")).toEqual([]);
  });

  it.each(["_1", "1_", "1__0"])("refuses %s: an underscore stands between digits", (text) => {
    expect(offsetOf(text)).toContain("between two digits");
  });

  it.each(["12xyz", "0x", "0xg", "1.5", "1.2.3", "h", "KiB", "1,2", "1,23,456", "64 Kx"])(
    "refuses %s",
    (text) => {
      expect(typeof offsetOf(text)).toBe("string");
    },
  );
});

describe("sectors, clusters, percent and end", () => {
  it.each([
    ["s:2048", 2048 * 512],
    ["S : 0x10", 16 * 512],
    ["c:17+0x200", 17 * 65536 + 0x200],
    ["s:(1+2)", 3 * 512],
    ["3s", 3 * 512],
    ["2c", 2 * 65536],
    ["end-512", 64 * GiB - 512],
    ["END - 1s", 64 * GiB - 512],
    ["50%", 32 * GiB],
    ["12.5%", 8 * GiB],
    ["50%+512", 32 * GiB + 512],
    ["(50%)", 32 * GiB],
    ["100%", 64 * GiB - 1],
    ["end", 64 * GiB - 1],
  ])("reads %s", (text, expected) => expect(offsetOf(text)).toBe(expected));

  it("says that the end shows the last byte", () => {
    expect(notesOf("end")).toEqual(["The end of the image: shown is the last byte"]);
  });

  it("says how a number of clusters was read, since it could be hexadecimal", () => {
    expect(notesOf("2c")[0]).toContain("0x2c");
  });

  it("refuses clusters in an image without any, and names the way out", () => {
    const message = offsetOf("c:3", { clusterSize: undefined });
    expect(message).toBe("This image has no clusters; write 0x… for a hexadecimal number");
  });
});

describe("relative jumps and address spaces", () => {
  it.each([
    ["+0x1000", 0x14010 + 0x1000],
    ["-1s", 0x14010 - 512],
    ["+1c", 0x14010 + 65536],
    ["- 0x10 + 4", 0x14010 - 16 + 4],
  ])("takes %s from the caret", (text, expected) => {
    expect(offsetOf(text)).toBe(expected);
    const result = evaluate(text, context);
    expect(result.ok && result.target.relative).toBe(true);
  });

  it("does not take a sign within an expression for a relative jump", () => {
    const result = evaluate("0x100-0x10", context);
    expect(result.ok && result.target).toEqual({
      offset: 0xf0,
      space: "guest",
      relative: false,
      atEnd: false,
    });
  });

  it("measures file: against the file", () => {
    const result = evaluate("file:end-512", context);
    expect(result.ok && result.target).toMatchObject({ offset: 5 * GiB - 512, space: "file" });
    expect(offsetOf("FILE : 6GiB")).toContain("past the end: the file size is 0x140000000");
  });

  it("refuses a relative jump in the other space", () => {
    expect(offsetOf("file:+512")).toBe("A relative jump starts at the caret, which is a guest offset");
  });

  it.each([
    ["@boot", "Bookmarks are not available in this version"],
    ["entry:1234", "Write-log entries are not available in this version"],
    ["l1:3", "Going to a table entry is not available in this version"],
    ["L2:3[17]", "Going to a table entry is not available in this version"],
  ])("says that %s is not available", (text, expected) => expect(offsetOf(text)).toBe(expected));
});

describe("operators", () => {
  // Expected values are C's for the same text.
  it.each([
    ["1+2*3", 7],
    ["(1+2)*3", 9],
    ["100-10-5", 85],
    ["100/7", 14],
    ["100 % 7", 2],
    ["100%7", 2],
    ["1<<4+1", 32],
    ["0x100>>4", 16],
    ["6&3|8", 10],
    ["1|2&3", 3],
    ["2*-3+10", 4],
    ["-(-5)", 0x14010 + 5],
    ["0x1000+s:2-1K", 4096],
  ])("computes %s", (text, expected) => expect(offsetOf(text)).toBe(expected));

  it("computes in integers of any size: 2^60 * 4 / 2^60", () => {
    expect(offsetOf("(1<<60)*4/(1<<60)")).toBe(4);
  });
});

describe("errors point at their place", () => {
  it.each([
    ["", 0, "Type an offset"],
    ["1+", 2, "A number is missing at the end"],
    ["1+*2", 2, 'A number was expected before "*"'],
    ["(1+2", 0, "This parenthesis is not closed"],
    ["1 2", 2, '"2" was not expected here'],
    ["7/0", 1, "Division by zero"],
    ["7 % (1-1)", 2, "Division by zero"],
    ["1<<65", 1, "A shift is by 0 to 64 bits"],
    ["1<<0xffffffffffff", 1, "A shift is by 0 to 64 bits"],
    ["0-1", 0, "That is 0x1 bytes before the start of the image"],
    ["guest:zz", 6, '"zz" is not a number'],
  ])("%s", (text, at, message) => expect(evaluate(text, context)).toEqual({ ok: false, at, message }));

  it("refuses numbers and expressions that are too long or too deep, at once", () => {
    expect(offsetOf("9".repeat(41))).toBe("The number is too large");
    expect(offsetOf("(1<<64)*(1<<64)*2")).toBe("The number is too large");
    expect(offsetOf("1".repeat(201))).toBe("Longer than 200 characters");
    expect(offsetOf("(".repeat(100))).toContain("levels deep");
    expect(offsetOf("s:".repeat(90))).toContain("levels deep");
    expect(offsetOf("1+".concat("-".repeat(100), "1"))).toContain("levels deep");
  });

  it("says that an empty image has no offsets", () => {
    expect(offsetOf("0", { sizes: { guest: 0, file: 0 } })).toBe("The image is empty");
  });
});

describe("any text", () => {
  /** A small seeded generator (mulberry32), so that a failure can be repeated. */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  }
  const pieces =
    "0 1 9 0x a1b2 ff h KiB G s: c: s c end 50% % + - * / << >> & | ( ) guest: file: _ . @ l1: entry: 9007199254740993 é 𝟙 \t \u0000".split(
      " ",
    );

  it.each([1, 2, 3, 4])("gives a result inside the image or a message, never throws (seed %i)", (seed) => {
    const next = random(seed);
    let valid = 0;
    for (let round = 0; round < 5000; round++) {
      const length = 1 + Math.floor(next() * 9);
      const text = Array.from({ length }, () => pieces[Math.floor(next() * pieces.length)]).join("");
      const result = evaluate(text, context);
      if (result.ok) {
        valid++;
        const { offset, space } = result.target;
        expect(Number.isSafeInteger(offset) && offset >= 0 && offset < context.sizes[space], text).toBe(true);
      } else {
        expect(result.message, text).not.toBe("");
        expect(result.at >= 0 && result.at <= text.length, text).toBe(true);
      }
    }
    expect(valid).toBeGreaterThan(100);
  });

  it("agrees with the language's own arithmetic on random sums, products, shifts and masks", () => {
    const next = random(7);
    const operators = ["+", "-", "*", "|", "&", "<<", ">>"];
    for (let round = 0; round < 2000; round++) {
      const count = 2 + Math.floor(next() * 4);
      const terms = Array.from({ length: count }, () => String(Math.floor(next() * 20)));
      const used = terms.slice(1).map(() => operators[Math.floor(next() * operators.length)] ?? "+");
      const text = terms.map((term, index) => term + (used[index] ?? "")).join("");
      const big = terms.map((term, index) => `${term}n${used[index] ?? ""}`).join("");
      const expected: bigint = new Function(`"use strict"; try { return ${big}; } catch { return -1n; }`)();
      const result = evaluate(text, context);
      if (result.ok) expect(BigInt(result.target.offset), text).toBe(expected);
      else
        expect(
          expected < 0n || expected > BigInt(64 * GiB) || /shift|too large/i.test(result.message),
          text,
        ).toBe(true);
    }
  });
});
