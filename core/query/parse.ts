// The display filter language of write logs: `op==write && sector in 2048..4095 && len>8`, `mark ~ "fsync"`, `meta`.
//
//   filter      = [ any ]                                  an empty filter passes everything
//   any         = all { ("||" | "or") all }
//   all         = one { ("&&" | "and") one }
//   one         = ("!" | "not") one | "(" any ")" | flag | comparison
//   comparison  = FIELD ("==" | "!=" | "<" | "<=" | ">" | ">=") value | FIELD "in" [a] ".." [b] | FIELD "~" text
//
// A != is always the opposite of its ==. Words and names are known in upper and lower case.
import { numberIn } from "./number.ts";
import { QueryError, type Token, tokenize } from "./tokens.ts";
import {
  type Comparison,
  comparisons,
  type FieldName,
  type FlagName,
  fieldNames,
  flagNames,
  type NumberField,
  opNames,
  type Query,
  type Span,
} from "./tree.ts";

export type ParsedQuery =
  | { readonly ok: true; readonly query: Query }
  /** `at` and `length` mark the part of the text that is wrong; `message` is a sentence. */
  | { readonly ok: false; readonly at: number; readonly length: number; readonly message: string };

/** What may come next: for completion. */
export type Expected =
  | { readonly kind: "term" | "connective" | "op-name" | "mark-text" | "number" | "dots" }
  | { readonly kind: "comparison"; readonly field: FieldName; readonly flag: boolean };

/** Parentheses and negations inside one another. */
const deepest = 100;

/** Never throws. */
export function parseQuery(text: string): ParsedQuery {
  try {
    return { ok: true, query: new Parser(text).query() };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return { ok: false, at: error.at, length: error.length, message: error.message };
  }
}

/** What may follow the text; undefined when it is wrong already. */
export function expectedAfter(text: string): Expected | undefined {
  try {
    const parser = new Parser(text);
    try {
      parser.query();
    } catch (error) {
      if (!(error instanceof QueryError) || !parser.atEnd) throw error;
    }
    return parser.expected;
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return undefined;
  }
}

class Parser {
  /** What was looked for last. */
  expected: Expected = { kind: "term" };
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
    this.#end = text.length;
  }

  get atEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  query(): Query {
    if (this.atEnd) return { kind: "everything", at: 0, length: this.#end };
    const query = this.#joined("or", "||", () => this.#joined("and", "&&", () => this.#one()));
    const left = this.#peek();
    if (left === undefined) return query;
    if (left.text === ")") throw new QueryError(left, "This parenthesis closes none.");
    throw new QueryError(left, `Between two conditions stands && or ||, not ${shown(left)}.`);
  }

  #joined(kind: "and" | "or", symbol: string, part: () => Query): Query {
    const parts = [part()];
    for (;;) {
      // A flag at the end of the text that is a field as well can still be compared.
      if (this.expected.kind !== "comparison" || !this.atEnd) this.expected = { kind: "connective" };
      if (!this.#take(symbol) && !this.#takeWord(kind)) break;
      parts.push(part());
    }
    const [first] = parts as [Query];
    const last = parts.at(-1) as Query;
    return parts.length === 1 ? first : { kind, parts, ...from(first, last) };
  }

  #one(): Query {
    this.expected = { kind: "term" };
    const token = this.#take("!") ?? this.#takeWord("not") ?? this.#take("(");
    if (token === undefined) return this.#term();
    this.#depth++;
    if (this.#depth > deepest) throw new QueryError(token, `Conditions are nested deeper than ${deepest}.`);
    const inner = token.text === "(" ? this.#grouped(token) : this.#negated(token);
    this.#depth--;
    return inner;
  }

  #negated(sign: Token): Query {
    const part = this.#one();
    return { kind: "not", part, ...from(sign, part) };
  }

  #grouped(open: Token): Query {
    const inner = this.#joined("or", "||", () => this.#joined("and", "&&", () => this.#one()));
    const close = this.#take(")");
    if (close !== undefined) return { ...inner, ...from(open, close) };
    const next = this.#peek();
    if (next === undefined) throw new QueryError(open, "This parenthesis is not closed.");
    throw new QueryError(next, `Here stands &&, || or a closing parenthesis, not ${shown(next)}.`);
  }

  #term(): Query {
    const token = this.#peek();
    if (token === undefined) throw this.#missing("A condition is missing here, such as op==write.");
    if (token.kind !== "word") {
      throw new QueryError(
        token,
        `A condition begins with a name such as op or sector, not with ${shown(token)}.`,
      );
    }
    const name = token.text.toLowerCase();
    const field = fieldNames.find((known) => known === name);
    const flag = flagNames.find((known) => known === name);
    if (field === undefined && flag === undefined) throw new QueryError(token, unknownName(token.text));
    this.#next++;
    if (field === undefined) return this.#flag(token, flag as FlagName);
    this.expected = { kind: "comparison", field, flag: flag !== undefined };
    const operator = this.#comparison(token, field, flag !== undefined);
    if (operator === undefined) return { kind: "flag", flag: flag as FlagName, ...from(token, token) };
    if (field === "op") return this.#op(token, operator);
    if (field === "mark") return this.#mark(token, operator);
    return this.#number(token, operator, field);
  }

  #flag(token: Token, flag: FlagName): Query {
    const next = this.#peek();
    if (next !== undefined && isOperator(next)) {
      const message = `"${token.text}" is true or false by itself and is not compared.`;
      throw new QueryError(next, message);
    }
    return { kind: "flag", flag, ...from(token, token) };
  }

  /** The operator behind a field. A name that is a flag as well may stand alone. */
  #comparison(name: Token, field: FieldName, standsAlone: boolean): Token | undefined {
    const token = this.#peek();
    if (token !== undefined && isOperator(token)) {
      this.#next++;
      return token;
    }
    if (standsAlone) return undefined;
    const example = field === "op" ? "op==write" : `${field}==1`;
    if (token === undefined) throw this.#missing(`"${name.text}" has to be compared, as in ${example}.`);
    throw new QueryError(
      token,
      `"${name.text}" has to be compared, as in ${example}; here is ${shown(token)}.`,
    );
  }

  #op(name: Token, operator: Token): Query {
    this.expected = { kind: "op-name" };
    if (operator.text !== "==" && operator.text !== "!=") {
      throw new QueryError(operator, `"op" is compared with == and != only.`);
    }
    const value = this.#value("the name of an operation, such as write");
    const op = opNames.find((known) => known === value.text.toLowerCase());
    if (op === undefined) {
      throw new QueryError(value, `There is no operation ${shown(value)}. Known: ${opNames.join(", ")}.`);
    }
    return unless(operator, { kind: "op", op, ...from(name, value) });
  }

  #mark(name: Token, operator: Token): Query {
    this.expected = { kind: "mark-text" };
    if (operator.text !== "==" && operator.text !== "!=" && operator.text !== "~") {
      throw new QueryError(operator, `"mark" is compared with ==, != and ~ only.`);
    }
    const value = this.#value('a text, such as "fsync"');
    const exact = operator.text !== "~";
    const text = exact ? value.text : value.text.toLowerCase();
    return unless(operator, { kind: "mark", text, exact, ...from(name, value) });
  }

  #number(name: Token, operator: Token, field: NumberField): Query {
    this.expected = { kind: "number" };
    if (operator.text === "~") {
      throw new QueryError(operator, `~ looks for a text; "${name.text}" is a number.`);
    }
    if (operator.text.toLowerCase() === "in") return this.#range(name, field);
    const token = this.#value("a number");
    const value = numberIn(field, token);
    const query: Query = {
      kind: "number",
      field,
      ...bounds(comparisonOf(operator), value),
      ...from(name, token),
    };
    return unless(operator, query);
  }

  /** Ends that are left out are open. */
  #range(name: Token, field: NumberField): Query {
    const low = this.#numberToken();
    this.expected = { kind: "dots" };
    const dots = this.#take("..");
    if (dots === undefined) {
      const next = this.#peek();
      const message = `After "in" stands a range with both ends included, such as ${field} in 10..20.`;
      throw next === undefined ? this.#missing(message) : new QueryError(next, message);
    }
    this.expected = { kind: "number" };
    const high = this.#numberToken();
    if (low === undefined && high === undefined) {
      throw new QueryError(dots, "A range needs one end at least.");
    }
    const first = low === undefined ? 0 : numberIn(field, low);
    const last = high === undefined ? Number.POSITIVE_INFINITY : numberIn(field, high);
    const whole = from(low ?? dots, high ?? dots);
    if (last < first) throw new QueryError(whole, "The range ends before it begins.");
    return { kind: "number", field, from: first, to: last, ...from(name, high ?? dots) };
  }

  #numberToken(): Token | undefined {
    const token = this.#peek();
    if (token?.kind !== "number") return undefined;
    this.#next++;
    return token;
  }

  #value(what: string): Token {
    const token = this.#peek();
    if (token === undefined) throw this.#missing(`Here has to stand ${what}.`);
    if (token.kind === "symbol")
      throw new QueryError(token, `Here has to stand ${what}, not ${shown(token)}.`);
    this.#next++;
    return token;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #take(symbol: string): Token | undefined {
    const token = this.#peek();
    if (token?.kind !== "symbol" || token.text !== symbol) return undefined;
    this.#next++;
    return token;
  }

  #takeWord(word: string): Token | undefined {
    const token = this.#peek();
    if (token?.kind !== "word" || token.text.toLowerCase() !== word) return undefined;
    this.#next++;
    return token;
  }

  #missing(message: string): QueryError {
    return new QueryError({ at: this.#end, length: 0 }, message);
  }
}

function from(first: Span, last: Span): Span {
  return { at: first.at, length: last.at + last.length - first.at };
}

function isOperator(token: Token): boolean {
  if (token.kind === "word") return token.text.toLowerCase() === "in";
  return token.kind === "symbol" && (token.text === "~" || comparisons.some((one) => one === token.text));
}

/** The token is one of the six: the others have been dealt with. */
function comparisonOf(operator: Token): Comparison {
  return operator.text as Comparison;
}

/** != turns around what == says. */
function unless(operator: Token, query: Query): Query {
  if (operator.text !== "!=") return query;
  return { kind: "not", part: query, at: query.at, length: query.length };
}

function bounds(operator: Comparison, value: number): { from: number; to: number } {
  switch (operator) {
    case "<":
      return { from: 0, to: value - 1 };
    case "<=":
      return { from: 0, to: value };
    case ">":
      return { from: value + 1, to: Number.POSITIVE_INFINITY };
    case ">=":
      return { from: value, to: Number.POSITIVE_INFINITY };
    default:
      return { from: value, to: value };
  }
}

function shown(token: Token): string {
  return token.kind === "string" ? "a text" : `"${token.text}"`;
}

function unknownName(name: string): string {
  const names = [...new Set<string>([...fieldNames, ...flagNames])];
  return `There is no "${name}". Known: ${names.join(", ")}.`;
}
