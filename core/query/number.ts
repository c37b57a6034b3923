// Numbers of display filters: decimal or 0x, "_" between digits, and KiB to TiB where bytes are counted.
import { QueryError, type Token } from "./tokens.ts";
import type { NumberField } from "./tree.ts";

export const sizeSuffixes: Readonly<Record<string, number>> = {
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Fields that count bytes, and so take a unit. */
export function isInBytes(field: NumberField): boolean {
  return field === "offset" || field === "len";
}

/** Throws QueryError. */
export function numberIn(field: NumberField, token: Token): number {
  const match = /^(0[xX][0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*|[0-9]+(?:_[0-9]+)*)([A-Za-z]*)$/.exec(token.text);
  if (token.kind === "string" || match === null) {
    throw new QueryError(token, `"${token.text}" is not a whole number.`);
  }
  const [, digits = "", suffix = ""] = match;
  const scale = suffix === "" ? 1 : scaleOf(suffix);
  if (scale === undefined) {
    const units = Object.keys(sizeSuffixes).join(", ");
    throw new QueryError(token, `"${token.text}" has an unknown unit. Units: ${units}.`);
  }
  if (suffix !== "" && !isInBytes(field)) {
    throw new QueryError(token, `"${field}" does not count bytes and takes a number without a unit.`);
  }
  const value = Number(digits.replaceAll("_", "")) * scale;
  if (Number.isSafeInteger(value)) return value;
  throw new QueryError(token, `"${token.text}" is beyond 2^53 - 1.`);
}

function scaleOf(suffix: string): number | undefined {
  const known = Object.keys(sizeSuffixes).find((one) => one.toLowerCase() === suffix.toLowerCase());
  return known === undefined ? undefined : sizeSuffixes[known];
}
