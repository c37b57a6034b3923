// Numbers given on the command line, with the messages of qemu-img for those that are none or out of range.
import { CliError } from "./command.ts";
import { printError, printWarning } from "./output.ts";

/** The largest number the peer takes: 2^63 - 1. */
const most = 9_223_372_036_854_775_807n;
const suffixes = "bkmgtpe";

export interface SizeRange {
  /** Default 0. */
  readonly min?: number;
  /** Default: what the peer can count. What lies above 2^53 - 1 is taken as that: no image reaches it. */
  readonly max?: number;
  /** Exit code of the failure. Default 1. */
  readonly exitCode?: number;
}

/** `what` is how the messages call it: "start offset". Throws CliError. */
export function sizeArgument(text: string, what: string, range: SizeRange = {}): number {
  const { min = 0, max, exitCode = 1 } = range;
  const value = exactSize(text);
  if (value === undefined) {
    // Two lines, each with the program's name.
    printError({ message: `Invalid ${what} specified. You may use k, M, G, T, P or E suffixes for` });
    throw new CliError("kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.", exitCode);
  }
  if (value < BigInt(min) || value > (max === undefined ? most : BigInt(max))) {
    throw new CliError(`Invalid ${what} specified. Must be between ${min} and ${max ?? most}.`, exitCode);
  }
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

/**
 * Decimal with an optional fraction, or 0x and hexadecimal digits, and a suffix; undefined for anything else. A part of
 * a unit is rounded to the nearest byte.
 */
export function exactSize(text: string): bigint | undefined {
  const hexadecimal = /^\s*\+?(0[xX][0-9a-fA-F]+)([kKmMgGtTpP]?)$/.exec(text);
  if (hexadecimal !== null) {
    const [, digits = "", suffix = ""] = hexadecimal;
    if (suffix !== "") printWarning(`Using a multiplier suffix on hex numbers is deprecated: ${text}`);
    return BigInt(digits) * unitOf(suffix);
  }
  const [, whole, fraction, suffix = ""] = /^\s*\+?([0-9]+)(\.[0-9]*)?([bkmgtpe]?)$/i.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const unit = unitOf(suffix);
  const part = Number(`0${fraction ?? ""}`);
  // A part of a byte is none.
  if (part !== 0 && unit === 1n) return undefined;
  return BigInt(whole) * unit + BigInt(Math.round(part * Number(unit)));
}

function unitOf(suffix: string): bigint {
  return 1024n ** BigInt(Math.max(0, suffixes.indexOf(suffix.toLowerCase())));
}
