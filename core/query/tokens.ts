// The words of a display filter. One pass over the text, each character looked at once; what can't begin a word is an
// error with its place.
import type { Span } from "./tree.ts";

export type TokenKind = "word" | "number" | "string" | "symbol";

export interface Token extends Span {
  readonly kind: TokenKind;
  /** As written; of a string, its contents. */
  readonly text: string;
}

/** Longest text of a filter, characters. */
export const longestQuery = 4096;

/** What is wrong with a filter, and where. */
export class QueryError extends Error {
  readonly at: number;
  readonly length: number;

  constructor(span: Span, message: string) {
    super(message);
    this.at = span.at;
    this.length = span.length;
  }
}

const symbols = ["&&", "||", "==", "!=", "<=", ">=", "..", "<", ">", "~", "!", "(", ")"];
const blank = /\s+/y;
const number = /[0-9][0-9A-Za-z_]*/y;
const word = /[A-Za-z_][A-Za-z0-9_]*(?:[-./:@+][A-Za-z0-9_]+)*/y;

/** All words of the text. Throws QueryError. */
export function tokenize(text: string): Token[] {
  if (text.length > longestQuery) {
    const message = `The filter has ${text.length} characters; at most ${longestQuery} are possible.`;
    throw new QueryError({ at: longestQuery, length: text.length - longestQuery }, message);
  }
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    at += lengthOf(blank, text, at);
    if (at === text.length) break;
    const token = tokenAt(text, at);
    tokens.push(token);
    at += token.length;
  }
  return tokens;
}

function tokenAt(text: string, at: number): Token {
  const first = text[at] as string;
  if (first === '"' || first === "'") return stringAt(text, at, first);
  for (const [kind, pattern] of [
    ["number", number],
    ["word", word],
  ] as const) {
    const length = lengthOf(pattern, text, at);
    if (length > 0) return { kind, at, length, text: text.slice(at, at + length) };
  }
  const symbol = symbols.find((one) => text.startsWith(one, at));
  if (symbol !== undefined) return { kind: "symbol", at, length: symbol.length, text: symbol };
  const meant = { "=": "==", "&": "&&", "|": "||" }[first];
  const hint = meant === undefined ? `"${first}" has no meaning here.` : `Write ${meant} for ${first}.`;
  throw new QueryError({ at, length: 1 }, hint);
}

/** A backslash takes the next character as it is. */
function stringAt(text: string, at: number, quote: string): Token {
  let contents = "";
  for (let end = at + 1; end < text.length; end++) {
    const character = text[end] as string;
    if (character === quote) return { kind: "string", at, length: end + 1 - at, text: contents };
    if (character === "\\" && end + 1 < text.length) end++;
    contents += text[end];
  }
  throw new QueryError({ at, length: text.length - at }, `The text has no closing ${quote}.`);
}

function lengthOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}
