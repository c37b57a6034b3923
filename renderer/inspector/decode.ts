// The bytes at the caret as numbers, characters, identifiers and times. Pure; each decoder says undefined when
// there are too few bytes and a reason in words when the bytes mean nothing in its terms.
import { textCells } from "../hex/encoding.ts";

/** Bytes a decoder may look at: the longest is a LEB128 of 64 bits or a GUID. */
export const decodedBytes = 16;

export interface Decoded {
  readonly id: string;
  readonly label: string;
  /** undefined: too few bytes, or some can't be read. */
  readonly text: string | undefined;
  /** What copying gives: a number without its separators. */
  readonly copied: string | undefined;
  /** The value where it can be a place to go to: an integer, not below zero. */
  readonly place: bigint | undefined;
  /** Byte order makes a difference. */
  readonly ordered: boolean;
}

/** What the bytes from the caret on mean; `bytes` ends before the first that can't be read. */
export function decodeAll(bytes: Uint8Array, little: boolean): readonly Decoded[] {
  return decoders.map(({ id, label, ordered, decode }) => ({
    id,
    label,
    ordered,
    ...outcomeOf(decode, bytes, little),
  }));
}

type Value = string | bigint | undefined;
interface Decoder {
  readonly id: string;
  readonly label: string;
  readonly ordered: boolean;
  decode(bytes: Uint8Array, little: boolean): Value;
}

/** An integer that is not below zero is a place. */
function outcomeOf(decode: Decoder["decode"], bytes: Uint8Array, little: boolean) {
  const value = decode(bytes, little);
  return typeof value === "bigint"
    ? { text: grouped(value), copied: String(value), place: value < 0n ? undefined : value }
    : { text: value, copied: value, place: undefined };
}

const grouped = (value: bigint): string => value.toLocaleString("en-US");

function unsigned(bytes: Uint8Array, length: number, little: boolean): bigint | undefined {
  if (bytes.length < length) return undefined;
  let value = 0n;
  for (let index = 0; index < length; index++) {
    value = value * 256n + BigInt(bytes[little ? length - 1 - index : index] ?? 0);
  }
  return value;
}

function signed(bytes: Uint8Array, length: number, little: boolean): bigint | undefined {
  const value = unsigned(bytes, length, little);
  return value === undefined ? undefined : BigInt.asIntN(length * 8, value);
}

const integers: readonly Decoder[] = [1, 2, 3, 4, 6, 8].flatMap((length) => [
  {
    id: `u${length * 8}`,
    label: `uint${length * 8}`,
    ordered: length > 1,
    decode: (bytes: Uint8Array, little: boolean) => unsigned(bytes, length, little),
  },
  {
    id: `i${length * 8}`,
    label: `int${length * 8}`,
    ordered: length > 1,
    decode: (bytes: Uint8Array, little: boolean) => signed(bytes, length, little),
  },
]);

const decoders: readonly Decoder[] = [
  { id: "binary", label: "binary", ordered: false, decode: binary },
  ...integers,
  { id: "f16", label: "float16", ordered: true, decode: float16 },
  { id: "f32", label: "float32", ordered: true, decode: float32 },
  { id: "f64", label: "float64", ordered: true, decode: float64 },
  { id: "uleb", label: "ULEB128", ordered: false, decode: (bytes) => leb128(bytes, false) },
  { id: "sleb", label: "SLEB128", ordered: false, decode: (bytes) => leb128(bytes, true) },
  { id: "ascii", label: "ASCII", ordered: false, decode: ascii },
  { id: "utf8", label: "UTF-8", ordered: false, decode: (bytes) => character(bytes, "utf-8") },
  {
    id: "utf16",
    label: "UTF-16",
    ordered: true,
    decode: (bytes, little) => character(bytes, little ? "utf-16le" : "utf-16be"),
  },
  { id: "guid", label: "GUID", ordered: true, decode: guid },
  {
    id: "unix32",
    label: "Unix 32",
    ordered: true,
    decode: (bytes, little) => unixTime(signed(bytes, 4, little)),
  },
  {
    id: "unix64",
    label: "Unix 64",
    ordered: true,
    decode: (bytes, little) => unixTime(signed(bytes, 8, little)),
  },
  { id: "filetime", label: "FILETIME", ordered: true, decode: fileTime },
  { id: "dos", label: "DOS time", ordered: true, decode: dosTime },
];

function binary(bytes: Uint8Array): Value {
  const [byte] = bytes;
  if (byte === undefined) return undefined;
  const bits = byte.toString(2).padStart(8, "0");
  return `${bits.slice(0, 4)} ${bits.slice(4)}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function float16(bytes: Uint8Array, little: boolean): Value {
  if (bytes.length < 2) return undefined;
  const bits = viewOf(bytes).getUint16(0, little);
  const sign = bits >= 0x8000 ? -1 : 1;
  const exponent = Math.floor(bits / 1024) % 32;
  const fraction = bits % 1024;
  if (exponent === 31) return fraction === 0 ? number(sign * Number.POSITIVE_INFINITY) : "NaN";
  const value = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return shortest(sign * value, 5, (text) => Number(text) === sign * value);
}

function float32(bytes: Uint8Array, little: boolean): Value {
  if (bytes.length < 4) return undefined;
  const value = viewOf(bytes).getFloat32(0, little);
  return shortest(value, 9, (text) => Math.fround(Number(text)) === value);
}

function float64(bytes: Uint8Array, little: boolean): Value {
  return bytes.length < 8 ? undefined : number(viewOf(bytes).getFloat64(0, little));
}

/** The fewest digits that give the value back; `most` always do. */
function shortest(value: number, most: number, same: (text: string) => boolean): string {
  if (!Number.isFinite(value) || value === 0) return number(value);
  for (let digits = 1; digits < most; digits++) {
    const text = value.toPrecision(digits);
    if (same(text)) return number(Number(text));
  }
  return number(Number(value.toPrecision(most)));
}

function number(value: number): string {
  if (Object.is(value, -0)) return "-0";
  return value === Number.POSITIVE_INFINITY
    ? "infinity"
    : value === Number.NEGATIVE_INFINITY
      ? "-infinity"
      : String(value);
}

const tooLong = "longer than 64 bits";

/** DWARF 5, section 7.6; at most 64 bits, which take up to ten bytes. */
function leb128(bytes: Uint8Array, isSigned: boolean): Value {
  let value = 0n;
  for (let index = 0; index < Math.min(10, bytes.length); index++) {
    const byte = bytes[index] ?? 0;
    value += BigInt(byte % 128) << BigInt(7 * index);
    if (byte >= 128) continue;
    const whole = isSigned ? BigInt.asIntN(7 * (index + 1), value) : value;
    const kept = isSigned ? BigInt.asIntN(64, whole) : BigInt.asUintN(64, whole);
    return kept === whole ? whole : tooLong;
  }
  return bytes.length < 10 ? undefined : tooLong;
}

/** Names of the control characters 0 to 31, ECMA-48. */
const controls =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US";
const controlNames = controls.split(" ");

function ascii(bytes: Uint8Array): Value {
  const [byte] = bytes;
  if (byte === undefined) return undefined;
  if (byte > 127) return "not ASCII";
  if (byte === 127) return "DEL";
  return controlNames[byte] ?? (byte === 32 ? "space" : String.fromCharCode(byte));
}

function character(bytes: Uint8Array, encoding: "utf-8" | "utf-16le" | "utf-16be"): Value {
  const width = encoding === "utf-8" ? 1 : 2;
  if (bytes.length < width) return undefined;
  const [cell] = textCells((index) => bytes[index] ?? -1, 4, 0, encoding);
  if (cell?.text === undefined) return "no visible character";
  const code = (cell.text.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `${cell.text === " " ? "space" : cell.text}  U+${code}`;
}

/** RFC 9562, section 4; in little-endian order the first three fields are swapped, as Windows stores them. */
function guid(bytes: Uint8Array, little: boolean): Value {
  if (bytes.length < 16) return undefined;
  const order = little ? [3, 2, 1, 0, 5, 4, 7, 6] : [0, 1, 2, 3, 4, 5, 6, 7];
  const digits = [...order, 8, 9, 10, 11, 12, 13, 14, 15]
    .map((index) => (bytes[index] ?? 0).toString(16).padStart(2, "0"))
    .join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const outOfRange = "out of range";

function unixTime(seconds: bigint | undefined): Value {
  return seconds === undefined ? undefined : dateText(seconds * 1000n);
}

/** 100 ns steps since 1601-01-01, which is 11,644,473,600 s before 1970. */
function fileTime(bytes: Uint8Array, little: boolean): Value {
  const steps = unsigned(bytes, 8, little);
  return steps === undefined ? undefined : dateText(steps / 10_000n - 11_644_473_600_000n);
}

function dateText(ms: bigint): string {
  // ECMA-262, "Time Values and Time Range".
  const limit = 8_640_000_000_000_000n;
  if (ms > limit || ms < -limit) return outOfRange;
  const iso = new Date(Number(ms)).toISOString().replace(/^\+0*/, "");
  return `${iso.replace("T", " ").replace(/(\.000)?Z$/, "")} UTC`;
}

/** FAT: time (2 s steps) in the low 16 bits, date since 1980 in the high ones. */
function dosTime(bytes: Uint8Array, little: boolean): Value {
  if (bytes.length < 4) return undefined;
  const bits = viewOf(bytes).getUint32(0, little);
  const field = (shift: number, width: number) => Math.floor(bits / 2 ** shift) % 2 ** width;
  const [second, minute, hour] = [field(0, 5) * 2, field(5, 6), field(11, 5)];
  const [day, month, year] = [field(16, 5), field(21, 4), field(25, 7) + 1980];
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const isDate = month >= 1 && month <= 12 && day >= 1 && day <= lastDay;
  if (!isDate || hour > 23 || minute > 59 || second > 58) return "not a date";
  const two = (value: number) => String(value).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
}
