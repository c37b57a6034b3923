// Recursive descent over a go-to expression. Precedence as in C: * / % over + - over << >> over & over |.
// "%" after a value is percent when no operand follows it, and the remainder otherwise.
import { literal } from "./literal.ts";

/** Why an expression has no value, and where in the text. */
export class ExpressionError extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

export interface Measures {
  /** Bytes: what "end" and percent mean. */
  readonly size: bigint;
  readonly clusterSize: number | undefined;
}
/** Remarks about how something was read, for the preview. */
export type Notes = string[];

/** Bytes per sector in go-to and status bar. */
export const sector = 512n;

const deepest = 32;
const largest = 1n << 128n;
const mostShift = 64n;

/** A word, or a decimal number and its unit as they are written in text: "64 KiB". */
const numberWord = /^(?:[\d_.,]+\s+[kmgt](?:ib)?(?![\w.])|[\w.,]+)/i;

type Operator = "|" | "&" | "<<" | ">>" | "+" | "-" | "*" | "/" | "%";
const levels: readonly (readonly Operator[])[] = [["|"], ["&"], ["<<", ">>"], ["+", "-"], ["*", "/", "%"]];

export class Parser {
  readonly #text: string;
  readonly #measures: Measures;
  readonly #notes: Notes;
  #at: number;
  #depth = 0;

  constructor(text: string, start: number, measures: Measures, notes: Notes) {
    this.#text = text;
    this.#at = start;
    this.#measures = measures;
    this.#notes = notes;
  }

  /** The value of the whole text; throws ExpressionError. */
  parse(): bigint {
    this.#skipSpace();
    if (this.#at >= this.#text.length) throw new ExpressionError(this.#at, "Type an offset");
    const value = this.#binary(0);
    if (this.#at < this.#text.length) {
      throw new ExpressionError(this.#at, `"${this.#text.charAt(this.#at)}" was not expected here`);
    }
    return value;
  }

  #binary(level: number): bigint {
    const operators = levels[level];
    if (!operators) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const at = this.#at;
      const operator = operators.find((candidate) => this.#text.startsWith(candidate, at));
      if (operator === undefined) return left;
      this.#advance(operator.length);
      left = bounded(apply(operator, left, this.#binary(level + 1), at), at);
    }
  }

  #unary(): bigint {
    const sign = this.#text.charAt(this.#at);
    if (sign !== "-" && sign !== "+") return this.#percent();
    this.#enter();
    this.#advance(1);
    const value = this.#unary();
    this.#depth--;
    return sign === "-" ? -value : value;
  }

  /** A primary, perhaps with a percent sign. */
  #percent(): bigint {
    const at = this.#at;
    const decimalText = /^[\d_]+(\.\d+)?(?=\s*%)/.exec(this.#text.slice(at))?.[0];
    if (decimalText === undefined) return this.#primary();
    const sign =
      at + decimalText.length + (/^\s*/.exec(this.#text.slice(at + decimalText.length))?.[0].length ?? 0);
    // An operand after "%" makes it the remainder; then the number is an ordinary one.
    if (/^\s*[\w(]/.test(this.#text.slice(sign + 1))) return this.#primary();
    this.#advance(sign + 1 - at);
    const [whole = "", fraction = ""] = decimalText.replaceAll("_", "").split(".");
    checkDigits(whole + fraction, at);
    return (this.#measures.size * BigInt(whole + fraction)) / (100n * 10n ** BigInt(fraction.length));
  }

  #primary(): bigint {
    const at = this.#at;
    if (this.#text.charAt(at) === "(") return this.#parentheses();
    const scale = /^(s|c)\s*:/i.exec(this.#text.slice(at));
    if (scale) {
      this.#enter();
      this.#advance(scale[0].length);
      const value = bounded(
        this.#primary() * this.#unit(scale[1]?.toLowerCase() === "s" ? "s" : "c", at),
        at,
      );
      this.#depth--;
      return value;
    }
    const found = numberWord.exec(this.#text.slice(at))?.[0];
    if (found === undefined) throw new ExpressionError(at, this.#missing());
    this.#advance(found.length);
    const word = found.replace(/\s/g, "");
    if (word.toLowerCase() === "end") return this.#measures.size;
    return bounded(this.#number(word, at), at);
  }

  #number(word: string, at: number): bigint {
    const read = literal(word);
    if (!read.ok) throw new ExpressionError(at, read.message);
    if (read.note !== undefined) this.#notes.push(read.note);
    return read.unit === undefined ? read.value : read.value * this.#unit(read.unit, at);
  }

  #parentheses(): bigint {
    this.#enter();
    const open = this.#at;
    this.#advance(1);
    const value = this.#binary(0);
    if (this.#text.charAt(this.#at) !== ")")
      throw new ExpressionError(open, "This parenthesis is not closed");
    this.#advance(1);
    this.#depth--;
    return value;
  }

  #unit(unit: "s" | "c", at: number): bigint {
    if (unit === "s") return sector;
    if (this.#measures.clusterSize === undefined) {
      throw new ExpressionError(at, "This image has no clusters; write 0x… for a hexadecimal number");
    }
    return BigInt(this.#measures.clusterSize);
  }

  #missing(): string {
    const next = this.#text.charAt(this.#at);
    return next === "" ? "A number is missing at the end" : `A number was expected before "${next}"`;
  }

  #advance(by: number): void {
    this.#at += by;
    this.#skipSpace();
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #enter(): void {
    if (++this.#depth > deepest) throw new ExpressionError(this.#at, `More than ${deepest} levels deep`);
  }
}

function apply(operator: Operator, left: bigint, right: bigint, at: number): bigint {
  switch (operator) {
    case "|":
      return left | right;
    case "&":
      return left & right;
    case "<<":
      return left << shiftCount(right, at);
    case ">>":
      return left >> shiftCount(right, at);
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / divisor(right, at);
    case "%":
      return left % divisor(right, at);
  }
}

function shiftCount(count: bigint, at: number): bigint {
  if (count < 0n || count > mostShift) throw new ExpressionError(at, `A shift is by 0 to ${mostShift} bits`);
  return count;
}

function divisor(value: bigint, at: number): bigint {
  if (value === 0n) throw new ExpressionError(at, "Division by zero");
  return value;
}

function bounded(value: bigint, at: number): bigint {
  if (value >= largest || value <= -largest) throw new ExpressionError(at, "The number is too large");
  return value;
}

function checkDigits(digits: string, at: number): void {
  if (digits.length > 40) throw new ExpressionError(at, "The number is too large");
}
