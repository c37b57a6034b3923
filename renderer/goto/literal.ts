// One number of a go-to expression: decimal, 0x…, …h, bare hex, binary byte units, and the units s and c.

export type Literal =
  | {
      readonly ok: true;
      readonly value: bigint;
      /** Sectors or clusters: the caller knows their size. */
      readonly unit?: "s" | "c";
      /** How it was read, where that is not obvious. */
      readonly note?: string;
    }
  | { readonly ok: false; readonly message: string };

const mostDigits = 40;
const powers: Readonly<Record<string, bigint>> = { k: 10n, m: 20n, g: 30n, t: 40n };

/** Reads a word of letters, digits, "_" and ".". */
export function literal(word: string): Literal {
  if (/^_|_$|__/.test(word)) return { ok: false, message: `"${word}": "_" stands between two digits` };
  const text = ungrouped(word).replaceAll("_", "").toLowerCase();
  if (text.length > mostDigits) return { ok: false, message: "The number is too large" };
  return decimalWithUnit(text) ?? hexadecimal(text) ?? { ok: false, message: `"${word}" is not a number` };
}

/** "81,936", as the status bar writes it, without its commas; any other comma stays, and is refused later. */
const ungrouped = (word: string): string =>
  /^\d{1,3}(,\d{3})+(?!\d|,)/.test(word) ? word.replaceAll(",", "") : word;

/** 512, 1.5GiB, 64K, 3s, 2c. */
function decimalWithUnit(text: string): Literal | undefined {
  const parts = /^(\d+)(?:\.(\d+))?(?:([kmgt])(?:ib)?|(s|c))?$/.exec(text);
  if (!parts) return undefined;
  const [, whole = "", fraction = "", power, unit] = parts;
  if (fraction !== "" && power === undefined) {
    return { ok: false, message: `"${text}" has a fraction; add a unit such as KiB or GiB` };
  }
  const value = (BigInt(whole + fraction) << (powers[power ?? ""] ?? 0n)) / 10n ** BigInt(fraction.length);
  if (unit === "c") {
    return {
      ok: true,
      value,
      unit: "c",
      note: `${text} is read as ${whole} clusters; write 0x${text} for a hexadecimal number`,
    };
  }
  return unit === "s" ? { ok: true, value, unit } : { ok: true, value };
}

/** 0x1f40, 1f40h, and the bare a1b2, which says so. */
function hexadecimal(text: string): Literal | undefined {
  const marked = /^0x([\da-f]+)$/.exec(text) ?? /^([\da-f]+)h$/.exec(text);
  if (marked) return { ok: true, value: BigInt(`0x${marked[1]}`) };
  if (!/^[\da-f]+$/.test(text)) return undefined;
  const value = BigInt(`0x${text}`);
  return {
    ok: true,
    value,
    note: `${text.toUpperCase()} is read as hexadecimal: ${value.toLocaleString("en-US")}`,
  };
}
