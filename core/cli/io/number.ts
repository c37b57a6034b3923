// Numbers as the session's commands take them: sizes with a suffix, pattern bytes, plain numbers. The rules are
// finer than those of the options: octal and hexadecimal patterns, and an error that says which rule was broken.
import { exactSize } from "../sizeArgument.ts";
import { CommandFailure } from "./failure.ts";

/** Offsets and lengths are signed 64-bit numbers. */
const limit = 2n ** 63n;

/**
 * Bytes of "4096", "0x1000", "64k", "1.5M". A value above 2^53 comes out rounded: no image reaches that far.
 * Throws CommandFailure.
 */
export function sizeNumber(text: string): number {
  const value = exactSize(text);
  if (value === undefined) {
    const what = "non-numeric argument, or extraneous/unrecognized suffix";
    throw new CommandFailure("out", `Parsing error: ${what} -- ${text}`);
  }
  if (value >= limit) throw new CommandFailure("out", `Parsing error: argument too large -- ${text}`);
  return Number(value);
}

/** A byte in decimal, octal (0377) or hexadecimal (0xff). Throws CommandFailure. */
export function patternByte(text: string): number {
  const value = cNumber(text);
  if (value === undefined || value < 0 || value > 255) {
    throw new CommandFailure("out", `${text} is not a valid pattern byte`);
  }
  return value;
}

/** A number as the C library's strtol takes it with base 0; undefined when something follows it. */
export function cNumber(text: string): number | undefined {
  const match = /^([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))$/.exec(text);
  if (match === null) return undefined;
  const [, sign, hex, octal, decimal] = match;
  const value = hex ? Number.parseInt(hex, 16) : octal ? Number.parseInt(octal, 8) : Number(decimal);
  return sign === "-" ? -value : value;
}
