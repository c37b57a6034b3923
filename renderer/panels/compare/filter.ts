// The filter of the mismatch list: "sig:zeroed len>8 cluster:17 sector:2048..4095 bytes>=100 torn".
// Terms are joined by "and"; a leading "-" or "!" negates one. A field compares with : = > >= < <= and takes a
// number, or a range a..b after ":". Free words match the signature in plain words. Parsing is pure.
import { type Signature, sectorSize } from "../../../core/ops/mismatch.ts";
import type { Run } from "./runTable.ts";
import { signatureLabel } from "./wording.ts";

const fields = ["sig", "len", "bytes", "sector", "cluster", "offset"] as const;
type Field = (typeof fields)[number];

export type Term =
  | { readonly kind: "word"; readonly text: string; readonly negated: boolean }
  | { readonly kind: "signature"; readonly among: readonly Signature[]; readonly negated: boolean }
  /** Both ends included; in the field's own unit (len in bytes, sector and cluster as numbers). */
  | {
      readonly kind: "number";
      readonly field: Exclude<Field, "sig">;
      readonly from: number;
      readonly to: number;
      readonly negated: boolean;
    };

export type ParsedFilter =
  | { readonly ok: true; readonly terms: readonly Term[] }
  /** `at` and `length` mark the part of the text that is wrong. */
  | { readonly ok: false; readonly at: number; readonly length: number; readonly message: string };

/** What may follow "sig:"; a beginning of a name is enough where it is clear. */
const signatureNames: Readonly<Record<string, readonly Signature[]>> = {
  zeroed: ["a-zero", "b-zero"],
  "a-zero": ["a-zero"],
  "b-zero": ["b-zero"],
  bit: ["single-bit"],
  "single-bit": ["single-bit"],
  swapped: ["byte-swapped"],
  "byte-swapped": ["byte-swapped"],
  shifted: ["shifted"],
  torn: ["torn"],
  moved: ["moved"],
  plain: ["plain"],
  stored: ["stored-differently"],
  "stored-differently": ["stored-differently"],
};
export const signatureWords = [
  "zeroed",
  "a-zero",
  "b-zero",
  "bit",
  "swapped",
  "shifted",
  "torn",
  "moved",
  "plain",
  "stored",
];

class FilterError extends Error {
  constructor(
    readonly at: number,
    readonly length: number,
    message: string,
  ) {
    super(message);
  }
}

export function parseFilter(text: string): ParsedFilter {
  try {
    const terms = [...text.matchAll(/\S+/g)].map((match) => parseTerm(match[0], match.index));
    return { ok: true, terms };
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return { ok: false, at: error.at, length: error.length, message: error.message };
  }
}

function parseTerm(token: string, start: number): Term {
  const negated = token.length > 1 && /^[-!]/.test(token) && !/^-\d/.test(token);
  const body = negated ? token.slice(1) : token;
  const at = start + token.length - body.length;
  const match = /^([A-Za-z]+)(>=|<=|[:=<>])(.*)$/.exec(body);
  if (!match) return { kind: "word", text: body.toLowerCase(), negated };
  const [, name = "", operator = "", value = ""] = match;
  const field = fields.find((known) => known === name.toLowerCase());
  if (!field)
    throw new FilterError(at, name.length, `There is no field "${name}". Fields: ${fields.join(", ")}.`);
  const valueAt = at + name.length + operator.length;
  if (value === "") throw new FilterError(at, body.length, `"${name}${operator}" needs a value after it.`);
  if (field === "sig")
    return { kind: "signature", among: signaturesNamed(value, operator, at, valueAt), negated };
  return { kind: "number", field, ...interval(field, operator, value, valueAt), negated };
}

function signaturesNamed(value: string, operator: string, at: number, valueAt: number): readonly Signature[] {
  if (operator !== ":" && operator !== "=")
    throw new FilterError(at, 3 + operator.length, '"sig" takes ":" only.');
  const wanted = value.toLowerCase();
  const exact = signatureNames[wanted];
  if (exact) return exact;
  const begun = Object.keys(signatureNames).filter((name) => name.startsWith(wanted));
  if (begun.length === 0) {
    const known = signatureWords.join(", ");
    throw new FilterError(valueAt, value.length, `There is no signature "${value}". Known: ${known}.`);
  }
  return [...new Set(begun.flatMap((name) => signatureNames[name] ?? []))];
}

function interval(
  field: Exclude<Field, "sig">,
  operator: string,
  value: string,
  at: number,
): { from: number; to: number } {
  const dots = value.indexOf("..");
  if (dots >= 0) {
    if (operator !== ":" && operator !== "=")
      throw new FilterError(at, value.length, 'A range a..b goes after ":".');
    const low = value.slice(0, dots);
    const high = value.slice(dots + 2);
    const from = low === "" ? 0 : numberIn(field, low, at);
    const to = high === "" ? Number.POSITIVE_INFINITY : numberIn(field, high, at + dots + 2);
    if (to < from) throw new FilterError(at, value.length, "The range ends before it begins.");
    return { from, to };
  }
  const number = numberIn(field, value, at);
  switch (operator) {
    case ">":
      return { from: number + 1, to: Number.POSITIVE_INFINITY };
    case ">=":
      return { from: number, to: Number.POSITIVE_INFINITY };
    case "<":
      return { from: Number.NEGATIVE_INFINITY, to: number - 1 };
    case "<=":
      return { from: Number.NEGATIVE_INFINITY, to: number };
    default:
      return { from: number, to: number };
  }
}

const suffixes: Readonly<Record<string, number>> = {
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** A whole number, decimal or 0x, "_" and "," as separators; sizes may carry KiB to TiB. `len` alone counts sectors. */
function numberIn(field: Exclude<Field, "sig">, text: string, at: number): number {
  const plain = text.replace(/[_,](?=[0-9A-Fa-f])/g, "");
  const match = /^(0[xX][0-9A-Fa-f]+|\d+)([A-Za-z]*)$/.exec(plain);
  if (!match) throw new FilterError(at, text.length, `"${text}" is not a whole number.`);
  const suffix = (match[2] ?? "").toLowerCase();
  const scale = suffixes[suffix];
  if (suffix !== "" && scale === undefined) {
    throw new FilterError(at, text.length, `"${text}" has an unknown unit. Units: KiB, MiB, GiB, TiB.`);
  }
  if (scale !== undefined && (field === "sector" || field === "cluster")) {
    throw new FilterError(at, text.length, `"${field}" takes a plain number.`);
  }
  const value = Number(match[1]) * (scale ?? (field === "len" ? sectorSize : 1));
  if (!Number.isSafeInteger(value)) throw new FilterError(at, text.length, `"${text}" is too large.`);
  return value;
}

export interface ClusterSizes {
  readonly a: number | undefined;
  readonly b: number | undefined;
  /** A's x stands against B's x + shift. */
  readonly shift: number;
}

/** Whether a row passes every term. A run that touches a wanted sector, cluster or offset passes. */
export function matches(terms: readonly Term[], run: Run, clusters: ClusterSizes): boolean {
  return terms.every((term) => holds(term, run, clusters) !== term.negated);
}

function holds(term: Term, run: Run, clusters: ClusterSizes): boolean {
  if (term.kind === "word") return signatureLabel(run).toLowerCase().includes(term.text);
  if (term.kind === "signature") return term.among.includes(run.signature);
  const { from, to } = term;
  const last = run.offset + Math.max(1, run.length) - 1;
  const touches = (unit: number, shift = 0) =>
    Math.floor((run.offset + shift) / unit) <= to && Math.floor((last + shift) / unit) >= from;
  switch (term.field) {
    case "len":
      return run.length >= from && run.length <= to;
    case "bytes":
      return run.bytes >= from && run.bytes <= to;
    case "sector":
      return touches(sectorSize);
    case "offset":
      return touches(1);
    case "cluster":
      return (
        (clusters.a !== undefined && touches(clusters.a)) ||
        (clusters.b !== undefined && touches(clusters.b, clusters.shift))
      );
  }
}

/** Why these terms cannot match although they can be read; undefined if they can. */
export function filterProblem(terms: readonly Term[], clusters: ClusterSizes): string | undefined {
  const asksCluster = terms.some((term) => term.kind === "number" && term.field === "cluster");
  if (!asksCluster || clusters.a !== undefined || clusters.b !== undefined) return undefined;
  return "Neither image has clusters.";
}

/** The text with its last term completed, one for each way to go on. */
export function completions(text: string): readonly string[] {
  const last = /\S*$/.exec(text)?.[0] ?? "";
  if (last === "" && text !== "") return [];
  const head = text.slice(0, text.length - last.length);
  const sign = /^[-!]/.exec(last)?.[0] ?? "";
  const body = last.slice(sign.length).toLowerCase();
  const named = signatureWords.map((word) => `sig:${word}`);
  const all = body.startsWith("sig:") ? named : ["sig:", "len>", "bytes>", "sector:", "cluster:", "offset>="];
  return all.filter((word) => word.startsWith(body) && word !== body).map((word) => `${head}${sign}${word}`);
}
