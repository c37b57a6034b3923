// Sizes as people write and read them, in the words of qemu-img: 1024-based, three significant digits.
// Pure functions, also used by the renderer.

const prefixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;

/** "64 MiB", "10.5 MiB", "580 KiB", "0 B": three significant digits; the unit changes at 1000. */
export function formatSize(bytes: number): string {
  if (bytes <= 0) return "0 B";
  const power = Math.max(0, Math.min(prefixes.length - 1, Math.floor(Math.log2(bytes * 1.024) / 10)));
  return `${threeDigits(bytes / 1024 ** power)} ${prefixes[power]}B`;
}

/** Rounded to the nearest; what lies exactly between two goes to the even one, as printf has it. */
function threeDigits(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 2);
  const below = Math.floor(value / unit);
  const isTie = value / unit - below === 0.5;
  return Number((isTie && below % 2 === 0 ? below * unit : value).toPrecision(3));
}

const suffixes: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5, e: 6 };

/**
 * Bytes of "4096", "0x1000", "64k", "1.5G": decimal with optional fraction, or hexadecimal, and one suffix of
 * b k K M G T P E. A fraction needs a suffix above b. undefined when malformed, negative or above 2^53 - 1.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?)([bkKmMgGtTpPeE]?)$/.exec(text.trim());
  if (!match) return undefined;
  const [, digits = "", suffix = ""] = match;
  // In hexadecimal, b and e are digits: the expression above has already taken them as such.
  const power = suffixes[suffix.toLowerCase()] ?? 0;
  if (digits.includes(".") && power === 0) return undefined;
  const value = Math.floor(Number(digits) * 1024 ** power);
  return Number.isSafeInteger(value) ? value : undefined;
}
