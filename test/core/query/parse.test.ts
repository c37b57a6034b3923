// The language of display filters: what texts mean, where and how wrong ones are refused, what can be typed next.
import { describe, expect, it } from "vitest";
import { complete } from "../../../core/query/complete.ts";
import { parseQuery } from "../../../core/query/parse.ts";
import { longestQuery } from "../../../core/query/tokens.ts";
import { fieldNames, flagNames, type Query } from "../../../core/query/tree.ts";
import { seeded } from "../../build/random.ts";

/** The tree as text with all parentheses, to compare structure without positions. */
function structure(text: string): string {
  const parsed = parseQuery(text);
  if (!parsed.ok) return `error at ${parsed.at}+${parsed.length}: ${parsed.message}`;
  return show(parsed.query);
}

function show(query: Query): string {
  switch (query.kind) {
    case "everything":
      return "everything";
    case "and":
    case "or":
      return `(${query.parts.map(show).join(` ${query.kind} `)})`;
    case "not":
      return `not ${show(query.part)}`;
    case "flag":
      return query.flag;
    case "op":
      return `op ${query.op}`;
    case "number":
      return `${query.field} ${query.from}..${query.to}`;
    case "mark":
      return `mark ${query.exact ? "is" : "has"} ${JSON.stringify(query.text)}`;
  }
}

function errorOf(text: string): { at: number; length: number; message: string } {
  const parsed = parseQuery(text);
  if (parsed.ok) throw new Error(`"${text}" was taken: ${show(parsed.query)}`);
  return parsed;
}

describe("filters that can be read", () => {
  it.each([
    ["", "everything"],
    ["  ", "everything"],
    ["op==write && sector in 2048..4095 && len>8", "(op write and sector 2048..4095 and len 9..Infinity)"],
    ['mark ~ "fsync"', 'mark has "fsync"'],
    ["mark ~ FSync", 'mark has "fsync"'],
    ["mark == 'Fs \\' x'", `mark is "Fs ' x"`],
    ["mark == dm-log-writes-end", 'mark is "dm-log-writes-end"'],
    ["mark == x.mark10 or mark", '(mark is "x.mark10" or mark)'],
    ["meta", "meta"],
    ["fua || flush && !discard", "(fua or (flush and not discard))"],
    ["(fua or flush) and not discard", "((fua or flush) and not discard)"],
    ["NOT Zero AND OP == Flush", "(not zero and op flush)"],
    ["op != write", "not op write"],
    ["sector!=7", "not sector 7..7"],
    ["entry <= 0x1F", "entry 0..31"],
    ["entry < 10", "entry 0..9"],
    ["entry >= 1_000_000", "entry 1000000..Infinity"],
    // 64 * 1024 and 2 * 1024^4
    ["len == 64KiB", "len 65536..65536"],
    ["offset > 2tib", "offset 2199023255553..Infinity"],
    ["offset in 1MiB..", "offset 1048576..Infinity"],
    ["sectors in ..8", "sectors 0..8"],
    ["flags == 0x11", "flags 17..17"],
    ["!!!fua", "not not not fua"],
    ["write&&empty", "(write and empty)"],
  ])("%s", (text, expected) => {
    expect(structure(text)).toBe(expected);
  });

  it("have positions in the tree that cover the text they come from", () => {
    const text = " op==write && (sector in 1..2 || ! meta )";
    const parsed = parseQuery(text);
    if (!parsed.ok || parsed.query.kind !== "and") throw new Error("expected a conjunction");
    const spans = parsed.query.parts.map((part) => text.slice(part.at, part.at + part.length));
    expect(spans).toEqual(["op==write", "(sector in 1..2 || ! meta )"]);
  });
});

describe("filters that are wrong", () => {
  it.each([
    ["op = write", 3, 1, "Write == for =."],
    ["fua & meta", 4, 1, "Write && for &."],
    ["len # 3", 4, 1, '"#" has no meaning here.'],
    [
      "sektor == 1",
      0,
      6,
      'There is no "sektor". Known: op, entry, sector, offset, len, sectors, flags, mark, write, flush, fua, discard, meta, zero, empty.',
    ],
    ["len", 3, 0, '"len" has to be compared, as in len==1.'],
    ["op", 2, 0, '"op" has to be compared, as in op==write.'],
    ["len && fua", 4, 2, '"len" has to be compared, as in len==1; here is "&&".'],
    ["op == wrote", 6, 5, 'There is no operation "wrote". Known: write, flush, discard, mark, empty.'],
    ["op ~ wri", 3, 1, '"op" is compared with == and != only.'],
    ["op < write", 3, 1, '"op" is compared with == and != only.'],
    ["mark > a", 5, 1, '"mark" is compared with ==, != and ~ only.'],
    ["len ~ 5", 4, 1, '~ looks for a text; "len" is a number.'],
    ["len == five", 7, 4, '"five" is not a whole number.'],
    ["len == 0x", 7, 2, '"0x" has an unknown unit. Units: KiB, MiB, GiB, TiB.'],
    ["len == 1__0", 7, 4, '"1__0" is not a whole number.'],
    ["len == 3MB", 7, 3, '"3MB" has an unknown unit. Units: KiB, MiB, GiB, TiB.'],
    ["sector == 3MiB", 10, 4, '"sector" does not count bytes and takes a number without a unit.'],
    ["len == 9007199254740992", 7, 16, '"9007199254740992" is beyond 2^53 - 1.'],
    ["len == 16777215TiB", 7, 11, '"16777215TiB" is beyond 2^53 - 1.'],
    ["len ==", 6, 0, "Here has to stand a number."],
    ["len == )", 7, 1, 'Here has to stand a number, not ")".'],
    ["len == -5", 7, 1, '"-" has no meaning here.'],
    ["sector in 5", 11, 0, 'After "in" stands a range with both ends included, such as sector in 10..20.'],
    ["sector in 9..5", 10, 4, "The range ends before it begins."],
    ["sector in ..", 10, 2, "A range needs one end at least."],
    ["(fua", 0, 1, "This parenthesis is not closed."],
    ["fua)", 3, 1, "This parenthesis closes none."],
    ["(fua meta)", 5, 4, 'Here stands &&, || or a closing parenthesis, not "meta".'],
    ["fua meta", 4, 4, 'Between two conditions stands && or ||, not "meta".'],
    ["fua &&", 6, 0, "A condition is missing here, such as op==write."],
    ["()", 1, 1, 'A condition begins with a name such as op or sector, not with ")".'],
    ["5 == len", 0, 1, 'A condition begins with a name such as op or sector, not with "5".'],
    ["fua == 1", 4, 2, '"fua" is true or false by itself and is not compared.'],
    ['mark ~ "fs', 7, 3, 'The text has no closing ".'],
  ])("%s", (text, at, length, message) => {
    expect(errorOf(text)).toMatchObject({ at, length, message });
  });

  it("are refused beyond a length and a depth, however they are made", () => {
    expect(errorOf(" ".repeat(longestQuery + 1)).message).toContain(`at most ${longestQuery}`);
    expect(errorOf("(".repeat(2000)).message).toBe("Conditions are nested deeper than 100.");
    expect(errorOf("!".repeat(2000)).message).toBe("Conditions are nested deeper than 100.");
    expect(structure(`${"(".repeat(100)}fua${")".repeat(100)}`)).toBe("fua");
    // Siblings do not add up to depth.
    expect(parseQuery(Array(150).fill("(fua)").join("||")).ok).toBe(true);
  });
});

describe("what can be typed next", () => {
  const texts = (text: string, caret = text.length, marks?: string[]) =>
    complete(text, caret, marks).candidates.map((one) => one.text);

  it("is a field or a flag at the beginning, each once", () => {
    expect(texts("")).toEqual([...new Set<string>([...fieldNames, ...flagNames]), "not"]);
    expect(texts("se")).toEqual(["sector", "sectors"]);
    expect(texts("fua && (me")).toEqual(["meta"]);
    expect(complete("fua && (me", 10)).toMatchObject({ from: 8, to: 10 });
  });

  it("is an operator behind a field, and behind a name that is a flag as well", () => {
    expect(texts("len ")).toEqual(["==", "!=", "<", "<=", ">", ">=", "in"]);
    expect(texts("op =")).toEqual(["=="]);
    expect(texts("mark ")).toEqual(["~", "==", "!=", "&&", "||", "and", "or"]);
  });

  it("is the name of an operation, a mark of the log, the dots of a range, a connective", () => {
    expect(texts("op == f")).toEqual(["flush"]);
    expect(texts("mark ~ ", undefined, ["mkfs", 'a "b"', "mkfs"])).toEqual(['"mkfs"', '"a \\"b\\""']);
    expect(texts('mark == "k', undefined, ["mkfs", "end"])).toEqual(['"mkfs"']);
    expect(texts("sector in 5 ")).toEqual([".."]);
    expect(texts("len > 5 ")).toEqual(["&&", "||", "and", "or"]);
    expect(texts("(fua ")).toEqual(["&&", "||", "and", "or"]);
  });

  it("takes the place of the whole word under the caret", () => {
    expect(complete("meta || sec && fua", 10)).toMatchObject({ from: 8, to: 11 });
    expect(texts("meta || sec && fua", 10)).toEqual(["sector", "sectors"]);
  });

  it("is nothing behind an error, or where a number stands", () => {
    expect(texts("sektor == 1 && ")).toEqual([]);
    expect(texts("len > ")).toEqual([]);
  });

  it("makes a text that is right up to there, whichever candidate is taken", () => {
    for (const start of ["", "fua && ", "op ", "op == ", "mark ", "mark ~ ", "len ", "len in 3 "]) {
      const { from, to, candidates } = complete(start, start.length, ["a'b\\", "c"]);
      expect(candidates.length).toBeGreaterThan(0);
      for (const { text } of candidates) {
        const next = start.slice(0, from) + text + start.slice(to);
        const parsed = parseQuery(next);
        if (!parsed.ok) expect([next, parsed.at]).toEqual([next, next.length]);
      }
    }
  });
});

it("any text is read or refused with a place inside it, and completion never throws", async () => {
  const pieces = [
    "op",
    "==",
    "!=",
    "write",
    "sector",
    "in",
    "..",
    "5",
    "0x1F",
    "(",
    ")",
    "!",
    "&&",
    "||",
    "mark",
    "~",
    '"a"',
    "'",
    "\\",
    "meta",
    "zero",
    " ",
    "\n",
    "é",
    "\0",
    "9999999999999999999",
    "KiB",
    "=",
    "&",
    "and",
    "not",
    "constructor",
    "__proto__",
  ];
  await seeded(async (random) => {
    let taken = 0;
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from({ length: random.below(12) }, () => random.pick(pieces)).join(
        random.pick(["", " "]),
      );
      const parsed = parseQuery(text);
      if (parsed.ok) {
        taken++;
      } else {
        expect(parsed.message).toMatch(/\.$/);
        expect(parsed.at).toBeGreaterThanOrEqual(0);
        expect(parsed.at + parsed.length).toBeLessThanOrEqual(text.length);
      }
      const { from, to } = complete(text, random.below(text.length + 2));
      expect(from).toBeLessThanOrEqual(to);
      expect(to).toBeLessThanOrEqual(text.length);
    }
    expect(taken).toBeGreaterThan(1000);
  });
});
