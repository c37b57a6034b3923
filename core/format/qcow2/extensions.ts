// Header extensions: typed records between the header and the backing file's name. Unknown ones are kept as they are.
// Specification: qcow2, "Header extensions", "Bitmaps extension", "Full disk encryption header pointer".
import { big64be, hex, u32be, u64be } from "../../base/bytes.ts";
import { isZero } from "../../base/zero.ts";
import { broken, type HeaderFrame, type Qcow2Header } from "./layout.ts";

export const extensionTypes = {
  end: 0x00000000,
  backingFormat: 0xe2792aca,
  featureNames: 0x6803f857,
  bitmaps: 0x23852875,
  crypto: 0x0537be77,
  dataFile: 0x44415441,
} as const;

const words: ReadonlyMap<number, string> = new Map([
  [extensionTypes.end, "end of extensions"],
  [extensionTypes.backingFormat, "backing file format"],
  [extensionTypes.featureNames, "feature name table"],
  [extensionTypes.bitmaps, "bitmaps"],
  [extensionTypes.crypto, "encryption header"],
  [extensionTypes.dataFile, "data file name"],
]);

export function extensionName(type: number): string {
  return words.get(type) ?? `unknown extension ${hex(type)}`;
}

export interface HeaderExtension {
  readonly type: number;
  /** Of the record in the file; its data begin 8 bytes later. */
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface BitmapsExtension {
  readonly count: number;
  readonly directoryOffset: number;
  readonly directorySize: number;
}

export interface CryptoExtension {
  readonly offset: number;
  readonly length: number;
}

export interface Extensions {
  /** In the order of the file, without the end. */
  readonly list: readonly HeaderExtension[];
  readonly backingFormat: string | undefined;
  readonly dataFile: string | undefined;
  /** Undefined also where the autoclear bit says that they are stale. */
  readonly bitmaps: BitmapsExtension | undefined;
  readonly crypto: CryptoExtension | undefined;
}

const featureNameLength = 48;
const maxBitmaps = 65_535;
const maxFormatLength = 15;

/** The records of `cluster`, the first bytes of the file up to their end. Throws ECORRUPT when one crosses it. */
export function splitExtensions(cluster: Uint8Array, frame: HeaderFrame): HeaderExtension[] {
  const list: HeaderExtension[] = [];
  for (let offset = frame.headerLength; offset < frame.extensionsEnd; ) {
    const left = frame.extensionsEnd - offset;
    if (left < 8) {
      if (isZero(cluster.subarray(offset, frame.extensionsEnd))) break;
      const why = `one begins ${left} bytes before extensions end, at ${frame.extensionsEnd}, and has at least 8`;
      throw broken("Header extension too large", why, offset, left);
    }
    const type = u32be(cluster, offset);
    const length = u32be(cluster, offset + 4);
    if (length > left - 8) {
      const why = `${extensionName(type)} has ${length} bytes, and extensions end at ${frame.extensionsEnd}`;
      throw broken("Header extension too large", why, offset + 4, 4);
    }
    if (type === extensionTypes.end) break;
    list.push({ type, offset, data: cluster.subarray(offset + 8, offset + 8 + length) });
    offset += 8 + Math.ceil(length / 8) * 8;
  }
  return list;
}

/** The image's own name of an incompatible feature bit, which is to be shown with care. */
export function featureName(list: readonly HeaderExtension[], bit: number): string | undefined {
  const table = list.find(({ type }) => type === extensionTypes.featureNames)?.data ?? new Uint8Array();
  // The last one may be cut off: it is as if zeroes followed.
  for (let at = 0; at < table.length; at += featureNameLength) {
    const name = text(table.subarray(at + 2, at + featureNameLength)).split("\0", 1)[0] ?? "";
    if (name === "") return undefined;
    if (table[at] === 0 && table[at + 1] === bit) return name;
  }
  return undefined;
}

/** Throws ECORRUPT. `bitmapsAreValid`: the autoclear bit is set. */
export function readExtensions(
  list: readonly HeaderExtension[],
  { crypt, clusterSize, hasDataFile }: Qcow2Header,
  bitmapsAreValid: boolean,
): Extensions {
  const last = (type: number) => list.findLast((one) => one.type === type);
  const format = last(extensionTypes.backingFormat);
  if (format !== undefined && format.data.length > maxFormatLength) {
    const words = `ERROR: ext_backing_format: len=${format.data.length} too large (>=16)`;
    throw broken(words, "the name of a format has at most 15 bytes", format.offset + 4, 4);
  }
  const bitmaps = last(extensionTypes.bitmaps);
  const crypto = last(extensionTypes.crypto);
  const cryptoPlace = crypto && crypt === "luks" ? cryptoOf(crypto, clusterSize) : undefined;
  if (crypt === "luks" && cryptoPlace === undefined) {
    throw broken(
      "Missing CRYPTO header for crypt method 2",
      "a LUKS image says where that header lies",
      32,
      4,
    );
  }
  const dataFile = last(extensionTypes.dataFile);
  return {
    list,
    backingFormat: format && cString(format.data),
    dataFile: dataFile && hasDataFile ? cString(dataFile.data) : undefined,
    bitmaps: bitmaps && bitmapsAreValid ? bitmapsOf(bitmaps, clusterSize) : undefined,
    crypto: cryptoPlace,
  };
}

function cryptoOf({ data, offset }: HeaderExtension, clusterSize: number): CryptoExtension {
  if (data.length !== 16) {
    const words = `CRYPTO header extension size ${data.length}, but expected size 16`;
    throw broken(words, "it is an offset and a length", offset + 4, 4);
  }
  const at = u64be(data, 0);
  const length = u64be(data, 8);
  if (at === undefined || at % clusterSize !== 0 || length === undefined) {
    const words = `Encryption header offset '${big64be(data, 0)}' is not a multiple of cluster size '${clusterSize}'`;
    throw broken(words, "a file cannot have it there", offset + 8, 16);
  }
  return { offset: at, length };
}

function bitmapsOf({ data, offset }: HeaderExtension, clusterSize: number): BitmapsExtension {
  const bad = (message: string, why: string, at: number, length: number) =>
    broken(`bitmaps_ext: ${message}`, why, offset + at, length);
  if (data.length !== 24) throw bad("Invalid extension length", `it is ${data.length}, not 24`, 4, 4);
  const count = u32be(data, 0);
  if (u32be(data, 4) !== 0) throw bad("Reserved field is not zero", `it is ${u32be(data, 4)}`, 12, 4);
  if (count > maxBitmaps) {
    throw bad(`image has ${count} bitmaps, exceeding the supported limit of 65535`, "too many", 8, 4);
  }
  if (count === 0) throw bad("found bitmaps extension with zero bitmaps", "there must be one", 8, 4);
  const directorySize = u64be(data, 8) ?? Number.POSITIVE_INFINITY;
  const directoryOffset = u64be(data, 16);
  if (directoryOffset === undefined || directoryOffset % clusterSize !== 0) {
    throw bad("invalid bitmap directory offset", `it is ${hex(big64be(data, 16))}`, 24, 8);
  }
  if (directorySize > maxBitmaps * 1024) {
    const limit = `exceeds the maximum supported size (${maxBitmaps * 1024})`;
    throw bad(`bitmap directory size (${big64be(data, 8)}) ${limit}`, "it is too large", 16, 8);
  }
  return { count, directoryOffset, directorySize };
}

/** Up to a NUL byte, as the peer reads it. */
function cString(bytes: Uint8Array): string {
  return text(bytes).split("\0", 1)[0] ?? "";
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
