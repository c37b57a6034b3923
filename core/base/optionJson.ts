// JSON as it is written in names of images: RFC 8259, and strings in single quotes as well, since the peer takes them
// and shells make them easier to type. Errors are in the peer's words. Depth is limited, objects keep every name.
import { BlockError } from "./errors.ts";

/** Nested values. More than any tree of nodes, less than the stack. */
const deepest = 1000;

/** Throws BlockError EINVAL. */
export function parseOptionJson(text: string): unknown {
  const reader = new Reader(text);
  if (reader.peek() === undefined) throw refused("Expecting a JSON value");
  const value = reader.value(0);
  if (reader.peek() !== undefined) throw refused("Expecting at most one JSON value");
  return value;
}

function refused(why: string): BlockError {
  return new BlockError("EINVAL", `Could not parse the JSON options: ${why}`);
}

/** One token: a string in quotes, a number, a word, or a single character that is none of these. */
const token =
  /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|'[^'\\]*(?:\\[\s\S][^'\\]*)*'|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|[a-zA-Z]+|[\s\S]/y;
const blanks = /[ \t\r\n]*/y;
const words: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

class Reader {
  readonly #text: string;
  #at = 0;
  #next: string | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#advance();
  }

  /** The token to come; undefined at the end. */
  peek(): string | undefined {
    return this.#next;
  }

  #advance(): void {
    blanks.lastIndex = this.#at;
    blanks.test(this.#text);
    token.lastIndex = blanks.lastIndex;
    this.#next = token.exec(this.#text)?.[0];
    this.#at = token.lastIndex === 0 ? this.#text.length : token.lastIndex;
  }

  #take(): string {
    const taken = this.#next;
    if (taken === undefined) throw refused("JSON parse error, premature EOI");
    this.#advance();
    return taken;
  }

  value(depth: number): unknown {
    if (depth > deepest)
      throw new BlockError("EINVAL", `The options are nested deeper than ${deepest} nodes`);
    const first = this.#take();
    if (first === "{") return this.#object(depth);
    if (first === "[") return this.#list(depth);
    if (isQuote(first[0])) return textOf(this.#whole(first));
    if (/^-?[0-9]/.test(first)) return Number(first);
    if (Object.hasOwn(words, first)) return words[first];
    if (/^[a-zA-Z]/.test(first)) throw refused(`JSON parse error, invalid keyword '${first}'`);
    throw refused(
      "]},:".includes(first) ? "JSON parse error, expecting value" : `JSON parse error, stray '${first}'`,
    );
  }

  /** A quoted token that has its other quote. */
  #whole(quoted: string): string {
    if (quoted.length > 1) return quoted;
    throw refused(`JSON parse error, stray '${quoted}${this.#next ?? ""}'`);
  }

  #object(depth: number): object {
    // Without a prototype while it grows, so that "__proto__" is a name as any other.
    const entries = new Map<string, unknown>();
    for (let first = true; ; first = false) {
      if (first && this.#next === "}") break;
      const key = this.#take();
      if (!isQuote(key[0])) throw refused(keyFault(key));
      if (this.#take() !== ":") throw refused("JSON parse error, missing : in object pair");
      const name = textOf(this.#whole(key));
      if (entries.has(name)) throw refused("JSON parse error, duplicate key");
      entries.set(name, this.value(depth + 1));
      if (this.#next === "}") break;
      if (this.#take() !== ",") throw refused("JSON parse error, expected separator in dict");
    }
    this.#take();
    return Object.fromEntries(entries);
  }

  #list(depth: number): unknown[] {
    const list: unknown[] = [];
    for (let first = true; ; first = false) {
      if (first && this.#next === "]") break;
      list.push(this.value(depth + 1));
      if (this.#next === "]") break;
      if (this.#take() !== ",") throw refused("JSON parse error, expected separator in list");
    }
    this.#take();
    return list;
  }
}

function isQuote(character: string | undefined): boolean {
  return character === '"' || character === "'";
}

function keyFault(key: string): string {
  return /^[{}[\]:,0-9a-z-]/i.test(key)
    ? "JSON parse error, key is not a string in object"
    : `JSON parse error, stray '${key}'`;
}

/** The text in a quoted token. */
function textOf(quoted: string): string {
  // Rewritten to double quotes, the rest is what JSON.parse knows. \' is an escape of single-quoted strings only.
  const inner = quoted
    .slice(1, -1)
    .replace(/\\'|\\.|"/g, (found) => (found === "\\'" ? "'" : found === '"' ? '\\"' : found));
  try {
    return JSON.parse(`"${inner}"`) as string;
  } catch {
    throw refused("JSON parse error, invalid escape sequence in string");
  }
}
