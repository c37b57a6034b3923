// What can be typed next in a display filter: the parser says what it expects where the word under the caret begins.
import { type Expected, expectedAfter } from "./parse.ts";
import { comparisons, type FieldName, fieldHelp, fieldNames, flagHelp, flagNames, opNames } from "./tree.ts";

export interface Candidate {
  readonly text: string;
  /** One sentence; "" where the text speaks for itself. */
  readonly help: string;
}

export interface Completion {
  /** The part of the text that a candidate takes the place of: [from, to). */
  readonly from: number;
  readonly to: number;
  readonly candidates: readonly Candidate[];
}

/** Texts of marks that are offered at most. */
const mostMarks = 50;

/** Candidates at the caret; `marks` are texts of marks in the log, in the order of offering. Never throws. */
export function complete(text: string, caret: number, marks: Iterable<string> = []): Completion {
  const before = text.slice(0, Math.max(0, caret));
  const from = before.length - begun(before).length;
  const word = before.slice(from);
  const expected = expectedAfter(before.slice(0, from));
  const to = before.length + (/^[A-Za-z0-9_]*/.exec(text.slice(before.length))?.[0].length ?? 0);
  const all = expected === undefined ? [] : candidates(expected, marks, word);
  return { from, to, candidates: all.filter((one) => one.text !== word) };
}

/** What is being typed: a word, a string without its end, or an operator. */
function begun(before: string): string {
  return (
    /["'][^"']*$/.exec(afterStrings(before))?.[0] ??
    /(?:[A-Za-z_][-A-Za-z0-9_./:@+]*|[=!<>&|~]+)$/.exec(before)?.[0] ??
    ""
  );
}

/** The text with strings that are complete made blank, of the same length. */
function afterStrings(before: string): string {
  return before.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, (whole) => " ".repeat(whole.length));
}

function candidates(expected: Expected, marks: Iterable<string>, word: string): Candidate[] {
  const wanted = word.toLowerCase();
  const begins = (one: Candidate) => one.text.toLowerCase().startsWith(wanted);
  switch (expected.kind) {
    case "term":
      return [...terms, { text: "not", help: "The opposite of what follows." }].filter(begins);
    case "connective":
      return connectives.filter(begins);
    case "op-name":
      return opNames.map((text) => ({ text, help: "" })).filter(begins);
    case "comparison":
      return [...operators(expected.field), ...(expected.flag ? connectives : [])].filter(begins);
    case "mark-text":
      return markTexts(marks, wanted.replace(/^["']/, ""));
    case "dots":
      return [{ text: "..", help: "Between both ends of a range." }];
    case "number":
      return [];
  }
}

/** Fields first, then the flags that are no fields. */
const terms: readonly Candidate[] = [
  ...fieldNames.map((text) => ({ text, help: fieldHelp[text] })),
  ...flagNames
    .filter((flag) => !fieldNames.some((field) => field === flag))
    .map((text) => ({ text, help: flagHelp[text] })),
];

const connectives: readonly Candidate[] = [
  { text: "&&", help: "Both have to hold." },
  { text: "||", help: "One of both has to hold." },
  { text: "and", help: "Both have to hold." },
  { text: "or", help: "One of both has to hold." },
];

function operators(field: FieldName): Candidate[] {
  if (field === "op") return [plain("=="), plain("!=")];
  if (field === "mark") {
    return [{ text: "~", help: "Has this text somewhere in it." }, plain("=="), plain("!=")];
  }
  return [...comparisons.map(plain), { text: "in", help: "A range with both ends included: 10..20." }];
}

function plain(text: string): Candidate {
  return { text, help: "" };
}

function markTexts(marks: Iterable<string>, wanted: string): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const mark of marks) {
    if (found.size >= mostMarks) break;
    if (!mark.toLowerCase().includes(wanted)) continue;
    const text = `"${mark.replace(/["\\]/g, "\\$&")}"`;
    found.set(text, { text, help: "" });
  }
  return [...found.values()];
}
