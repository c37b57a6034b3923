// The go-to expression of ux.md section 3, evaluated in BigInt: numbers in every notation, sectors, clusters,
// percent, end, relative jumps, C's operators with C's precedence. Total: any text gives a result, quickly;
// length, depth, digits and magnitude are bounded, so that no input can cost more than a few microseconds.
import { decimal, hex } from "../widgets/format.ts";
import { ExpressionError, type Notes, Parser } from "./parser.ts";

/** What an expression is measured against. Offsets and sizes are bytes. */
export interface GoToContext {
  readonly caret: number;
  readonly space: "guest" | "file";
  readonly sizes: { readonly guest: number; readonly file: number };
  readonly clusterSize: number | undefined;
}

export interface Target {
  readonly offset: number;
  readonly space: "guest" | "file";
  /** The expression is relative to the caret: it can be repeated. */
  readonly relative: boolean;
  /** It named the very end of the image; `offset` is the last byte, one less. */
  readonly atEnd: boolean;
}

export type GoToResult =
  | { readonly ok: true; readonly target: Target; readonly notes: readonly string[] }
  /** `at` is an index into the text, for pointing at the place. */
  | { readonly ok: false; readonly at: number; readonly message: string };

/** Longest text taken. */
const longestExpression = 200;

export function evaluate(text: string, context: GoToContext): GoToResult {
  if (text.length > longestExpression) {
    return { ok: false, at: longestExpression, message: `Longer than ${longestExpression} characters` };
  }
  try {
    return locate(text, context);
  } catch (error) {
    if (error instanceof ExpressionError) return { ok: false, at: error.at, message: error.message };
    throw error;
  }
}

function locate(text: string, context: GoToContext): GoToResult {
  const prefix = /^\s*(guest|file)\s*:/i.exec(text);
  const space = prefix ? (prefix[1]?.toLowerCase() as Target["space"]) : context.space;
  const start = prefix?.[0].length ?? 0;
  refuseForeign(text, start);
  const relative = /^\s*[+-]/.test(text.slice(start));
  if (relative && space !== context.space) {
    throw new ExpressionError(
      start,
      `A relative jump starts at the caret, which is a ${context.space} offset`,
    );
  }
  const size = context.sizes[space];
  const notes: Notes = [];
  const value = new Parser(
    text,
    start,
    { size: BigInt(size), clusterSize: context.clusterSize },
    notes,
  ).parse();
  const place = relative ? BigInt(context.caret) + value : value;
  return within(place, size, { space, relative }, notes, start);
}

/** Checks the place against the image; its very end is the last byte. */
function within(
  place: bigint,
  size: number,
  target: Omit<Target, "offset" | "atEnd">,
  notes: Notes,
  start: number,
): GoToResult {
  if (size <= 0) throw new ExpressionError(start, "The image is empty");
  if (place < 0n)
    throw new ExpressionError(start, `That is ${bigHex(-place)} bytes before the start of the image`);
  if (place > BigInt(size)) {
    throw new ExpressionError(
      start,
      `${bigHex(place)} is past the end: the ${target.space} size is ${hex(size)} (${decimal(size)})`,
    );
  }
  const atEnd = place === BigInt(size);
  const said = atEnd ? [...notes, "The end of the image: shown is the last byte"] : notes;
  return { ok: true, target: { ...target, atEnd, offset: Number(place) - (atEnd ? 1 : 0) }, notes: said };
}

/** Notations of other views, which this version does not have: said so instead of a syntax error. */
function refuseForeign(text: string, start: number): void {
  const foreign = /^\s*(@|entry\s*:|l1\s*:|l2\s*:)/i.exec(text.slice(start));
  if (!foreign) return;
  const kind = foreign[1]?.toLowerCase().replace(/\s/g, "");
  const names: Readonly<Record<string, string>> = {
    "@": "Bookmarks are",
    "entry:": "Write-log entries are",
    "l1:": "Going to a table entry is",
    "l2:": "Going to a table entry is",
  };
  throw new ExpressionError(start, `${names[kind ?? ""]} not available in this version`);
}

function bigHex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
