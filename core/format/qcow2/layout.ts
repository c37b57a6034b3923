// qcow2 on disk: constants, the fields of the header and the rules an image must keep to be opened. Specification: qcow2
// image format, "Header". All integers are big-endian, all offsets bytes in the file.
//
//   cluster 0      header, header extensions, backing file name
//   any cluster    L1 table (8 bytes a guest range), L2 tables, data, refcount table, refcount blocks, snapshots, bitmaps
import { big64be, bitNumbers, hex, startsWith, u32be, u64be } from "../../base/bytes.ts";
import { BlockError, type BlockErrorCode } from "../../base/errors.ts";
import type { OpenPurpose } from "../../block/driver.ts";

export const magic = Uint8Array.of(0x51, 0x46, 0x49, 0xfb);
/** Fixed fields of versions 2 and 3; the first has none behind them, the second says in header_length how many. */
export const headerLengths = { 2: 72, 3: 104 } as const;
/** Up to the last field that is known here: compression_type and its padding. */
export const longestHeader = 112;

export const incompatible = {
  dirty: 1n,
  corrupt: 2n,
  dataFile: 4n,
  compressionType: 8n,
  extendedL2: 16n,
} as const;
export const compatible = { lazyRefcounts: 1n } as const;
export const autoclear = { bitmaps: 1n, rawDataFile: 2n } as const;
/** What the bits of each group stand for, by number. */
export const featureNames = {
  incompatible: ["dirty", "corrupt", "external data file", "compression type", "extended L2 entries"],
  compatible: ["lazy refcounts"],
  autoclear: ["bitmaps", "raw external data"],
} as const;
export const knownIncompatible = 31n;

export const minClusterBits = 9;
export const maxClusterBits = 21;
export const subclustersPerCluster = 32;
const minSubcluster = 512;
export const maxNameLength = 1023;
const mebibyte = 1024 * 1024;
export const limits = {
  refcountTable: 8 * mebibyte,
  l1Table: 32 * mebibyte,
  snapshots: 65_536,
  snapshotTable: 64 * mebibyte,
  snapshotExtra: 1024,
} as const;
/** Bytes of a snapshot's entry without what may follow. */
export const snapshotEntryLength = 40;
const maxL1Entries = 0x7fffffff;

/** A table: where it begins, and how many entries of 8 bytes it has. */
export interface TablePlace {
  readonly offset: number;
  readonly entries: number;
}

/** Where the snapshot table is, and how many entries it has. */
export interface SnapshotPlace {
  readonly offset: number;
  readonly count: number;
  /** Why that is not what the header says: it can't be. Of images that are inspected; others are refused. */
  readonly fault?: SnapshotPlaceFault;
}

export interface SnapshotPlaceFault {
  /** misplaced: no offset of a table, so no entry can be read. too-many: more entries than any program makes. */
  readonly kind: "misplaced" | "too-many";
  readonly error: BlockError;
  /** Entries, as the header says it. */
  readonly stored: number;
}

export interface RefcountTablePlace {
  readonly offset: number;
  /** 0: there is none, and nothing is counted as used. */
  readonly clusters: number;
  /** What the header says can be no place of a table: it is taken for none. */
  readonly fault?: {
    /** The header's 12 bytes from byte 48 on. */
    readonly stored: Uint8Array;
    readonly error: BlockError;
  };
}

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterSize: number;
  /** Guest bytes, whole sectors of 512. */
  readonly size: number;
  readonly crypt: "none" | "aes" | "luks";
  readonly l1: TablePlace;
  readonly refcountTable: RefcountTablePlace;
  readonly snapshots: SnapshotPlace;
  readonly incompatible: bigint;
  readonly compatible: bigint;
  readonly autoclear: bigint;
  /** A refcount has 2^order bits. */
  readonly refcountOrder: number;
  readonly headerLength: number;
  readonly compression: "zlib" | "zstd";
  /** Entries of an L2 table, and the bytes of each: 16 with subclusters. */
  readonly l2Entries: number;
  readonly l2EntryLength: 8 | 16;
  /** Guest clusters lie in another file, at their guest offset. */
  readonly hasDataFile: boolean;
  /** Where the backing file's name lies; undefined without one. */
  readonly backingName: { readonly offset: number; readonly length: number } | undefined;
}

/** 100 for the magic and a version there is. */
export function probeQcow2(head: Uint8Array): number {
  const version = u32be(head, 4);
  return head.length >= 8 && startsWith(head, magic) && version >= 2 ? 100 : 0;
}

/** What has to be known before anything behind the fixed fields can be found. */
export interface HeaderFrame {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly clusterSize: number;
  readonly headerLength: number;
  /** Where header extensions end at the latest: at the backing file's name, or with the cluster. */
  readonly extensionsEnd: number;
  readonly incompatible: bigint;
}

/** Throws EINVAL (not qcow2), ENOTSUP, ECORRUPT. `head` has `longestHeader` bytes, zeroes behind the file's end. */
export function parseFrame(head: Uint8Array): HeaderFrame {
  if (!startsWith(head, magic)) {
    const message = "Image is not in qcow2 format";
    throw new BlockError("EINVAL", `${message}: no qcow2 magic`, { peer: { message } });
  }
  const version = u32be(head, 4);
  if (version !== 2 && version !== 3) {
    throw refused("ENOTSUP", `Unsupported qcow2 version ${version}`, "versions 2 and 3 are known here", 4, 4);
  }
  const clusterBits = u32be(head, 20);
  if (clusterBits < minClusterBits || clusterBits > maxClusterBits) {
    const why = "qcow2 allows 2^9 (512 bytes) to 2^21 (2 MiB)";
    throw broken(`Unsupported cluster size: 2^${clusterBits}`, why, 20, 4);
  }
  const clusterSize = 2 ** clusterBits;
  const headerLength = version === 2 ? headerLengths[2] : u32be(head, 100);
  if (version === 3 && headerLength < headerLengths[3]) {
    throw broken(
      "qcow2 header too short",
      `header_length is ${headerLength}, at least 104 is needed`,
      100,
      4,
    );
  }
  if (headerLength > clusterSize) {
    const why = `header_length is ${headerLength}, the cluster size ${clusterSize}`;
    throw broken("qcow2 header exceeds cluster size", why, 100, 4);
  }
  const nameOffset = u64be(head, 8) ?? Number.POSITIVE_INFINITY;
  if (nameOffset > clusterSize) {
    const why = `it is ${hex(big64be(head, 8))}, and the name lies in the first cluster of ${clusterSize} bytes`;
    throw broken("Invalid backing file offset", why, 8, 8);
  }
  return {
    version,
    clusterBits,
    clusterSize,
    headerLength,
    extensionsEnd: nameOffset === 0 ? clusterSize : nameOffset,
    incompatible: version === 2 ? 0n : big64be(head, 72),
  };
}

/** The names of bits that are not known here, as the image itself has them; numbers for those without a name. */
export function checkFeatures(features: bigint, nameOf: (bit: number) => string | undefined): void {
  const unknown = features & ~knownIncompatible;
  if (unknown === 0n) return;
  const bits = bitNumbers(unknown);
  const named = bits.flatMap((bit) => nameOf(bit) ?? []);
  const rest = bits
    .filter((bit) => nameOf(bit) === undefined)
    .reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  const words = [...named, ...(rest === 0n ? [] : [`Unknown incompatible feature: ${rest.toString(16)}`])];
  const peer = `Unsupported qcow2 feature(s): ${words.join(", ")}`;
  const list = bits.map((bit) => [bit, ...(nameOf(bit) === undefined ? [] : [`(${nameOf(bit)})`])].join(" "));
  throw new BlockError(
    "ENOTSUP",
    `The image needs qcow2 feature bits that are not known here: ${list.join(", ")}`,
    {
      offset: 72,
      length: 8,
      hint: "A newer program wrote it. Open it as raw to see its bytes.",
      peer: { message: peer },
    },
  );
}

/** Decodes and validates the rest, in the order of the peer's rules. Throws ENOTSUP, EFBIG, ECORRUPT. */
export function parseHeader(head: Uint8Array, frame: HeaderFrame, purpose: OpenPurpose): Qcow2Header {
  const { version, clusterSize, clusterBits, headerLength } = frame;
  const features = frame.incompatible;
  const has = (bit: bigint) => (features & bit) !== 0n;
  const compression = compressionOf(
    headerLength > 104 ? (head[104] ?? 0) : 0,
    has(incompatible.compressionType),
  );
  const isExtended = has(incompatible.extendedL2);
  const subcluster = clusterSize / subclustersPerCluster;
  if (isExtended && subcluster < minSubcluster) {
    const why = `extended L2 entries need clusters of at least 16 KiB, these have ${clusterSize} bytes`;
    throw broken(`Unsupported subcluster size: ${subcluster}`, why, 20, 4);
  }
  const refcountOrder = version === 2 ? 4 : u32be(head, 96);
  if (refcountOrder > 6) {
    const words = "Reference count entry width too large; may not exceed 64 bits";
    throw broken(words, `refcount_order is ${refcountOrder}, at most 6 is allowed`, 96, 4);
  }
  const cryptMethod = u32be(head, 32);
  const crypt = (["none", "aes", "luks"] as const)[cryptMethod];
  if (crypt === undefined) {
    throw refused(
      "ENOTSUP",
      `Unsupported encryption method ${cryptMethod}`,
      "0, 1 and 2 are known here",
      32,
      4,
    );
  }
  const l2EntryLength = isExtended ? 16 : 8;
  const l2Entries = clusterSize / l2EntryLength;
  const tables = tablesOf(head, frame, purpose);
  return {
    version,
    clusterBits,
    clusterSize,
    size: sizeOf(head, clusterSize * l2Entries, tables.l1.entries),
    crypt,
    ...tables,
    incompatible: features,
    compatible: version === 2 ? 0n : big64be(head, 80),
    autoclear: version === 2 ? 0n : big64be(head, 88),
    refcountOrder,
    headerLength,
    compression,
    l2Entries,
    l2EntryLength,
    hasDataFile: has(incompatible.dataFile),
    backingName: backingName(head, clusterSize),
  };
}

function compressionOf(type: number, isFlagged: boolean): Qcow2Header["compression"] {
  if (isFlagged !== (type !== 0)) {
    const words = `qcow2: Compression type incompatible feature bit must ${type === 0 ? "not " : ""}be set`;
    throw broken(words, `compression_type is ${type}`, 104, 1);
  }
  const name = (["zlib", "zstd"] as const)[type];
  if (name !== undefined) return name;
  throw refused("ENOTSUP", `qcow2: unknown compression type: ${type}`, "0 and 1 are known here", 104, 1);
}

function tablesOf(head: Uint8Array, { clusterSize }: HeaderFrame, purpose: OpenPurpose) {
  const refcountTable = refcountTablePlace(head, clusterSize, purpose);
  const snapshots = snapshotPlace(head, clusterSize, purpose);
  const entries = u32be(head, 36);
  const l1 = { name: "Active L1 table", offset: big64be(head, 40), bytes: entries * 8, most: limits.l1Table };
  return { refcountTable, snapshots, l1: { offset: checkedTable({ ...l1, clusterSize, at: 40 }), entries } };
}

function refcountTablePlace(head: Uint8Array, clusterSize: number, purpose: OpenPurpose): RefcountTablePlace {
  const clusters = u32be(head, 56);
  if (clusters === 0 && purpose === "use") {
    const words = "Image does not contain a reference count table";
    throw mendable(broken(words, "refcount_table_clusters is 0", 56, 4));
  }
  const field = { name: "Reference count table", offset: big64be(head, 48), clusterSize, at: 48 };
  try {
    const bytes = clusters * clusterSize;
    return { offset: checkedTable({ ...field, bytes, most: limits.refcountTable }), clusters };
  } catch (thrown) {
    if (!(thrown instanceof BlockError)) throw thrown;
    const error = mendable(thrown);
    if (purpose !== "inspect") throw error;
    return { offset: 0, clusters: 0, fault: { stored: head.slice(48, 60), error } };
  }
}

function snapshotPlace(head: Uint8Array, clusterSize: number, purpose: OpenPurpose): SnapshotPlace {
  const stored = u32be(head, 60);
  const field = {
    ...{ name: "Snapshot table", offset: big64be(head, 64), clusterSize, at: 64 },
    most: limits.snapshots * snapshotEntryLength,
  };
  const placed = (count: number) => checkedTable({ ...field, bytes: count * snapshotEntryLength });
  try {
    return { offset: placed(stored), count: stored };
  } catch (thrown) {
    if (!(thrown instanceof BlockError)) throw thrown;
    const error = mendable(thrown);
    if (purpose === "use") throw error;
    try {
      const offset = placed(Math.min(stored, limits.snapshots));
      return { offset, count: limits.snapshots, fault: { kind: "too-many", error, stored } };
    } catch {
      return { offset: 0, count: 0, fault: { kind: "misplaced", error, stored } };
    }
  }
}

interface TableField {
  readonly name: string;
  readonly offset: bigint;
  readonly clusterSize: number;
  readonly bytes: number;
  readonly most: number;
  /** Where in the file the offset stands. */
  readonly at: number;
}

/** An offset that a file can have, aligned to clusters; the file's length is not looked at. Throws EFBIG, ECORRUPT. */
export function checkedTable({ name, offset, clusterSize, bytes, most, at }: TableField): number {
  if (bytes > most) {
    throw refused("EFBIG", `${name} too large`, `it has ${bytes} bytes, at most ${most} are allowed`, at, 8);
  }
  const place = Number(offset);
  if (!Number.isSafeInteger(place + bytes) || place % clusterSize !== 0) {
    const why = `it is ${hex(offset)}, and must be aligned to ${clusterSize} and inside a file`;
    throw broken(`${name} offset invalid`, why, at, 8);
  }
  return place;
}

/** `l2Span`: guest bytes of one L2 table. */
function sizeOf(head: Uint8Array, l2Span: number, l1Entries: number): number {
  const exact = big64be(head, 24);
  const size = u64be(head, 24);
  if (size === undefined || Math.ceil(size / l2Span) > maxL1Entries) {
    throw refused("EFBIG", "Image is too big", `its size is ${exact} bytes`, 24, 8);
  }
  const needed = Math.ceil(size / l2Span);
  if (l1Entries < needed) {
    const why = `it has ${l1Entries} entries, and ${needed} are needed for ${size} bytes`;
    throw broken("L1 table is too small", why, 36, 4);
  }
  // As the peer: what is left of a sector does not count.
  return Math.floor(size / 512) * 512;
}

function backingName(head: Uint8Array, clusterSize: number): Qcow2Header["backingName"] {
  const offset = u64be(head, 8) ?? 0;
  if (offset === 0) return undefined;
  const length = u32be(head, 16);
  const most = Math.min(maxNameLength, clusterSize - offset);
  if (length > most) {
    throw broken("Backing file name too long", `it has ${length} bytes, at most ${most} fit there`, 16, 4);
  }
  return length === 0 ? undefined : { offset, length };
}

/** `words` are also the peer's. */
function refused(
  code: BlockErrorCode,
  words: string,
  why: string,
  offset: number,
  length: number,
): BlockError {
  const hint = "Open it as raw to see its bytes.";
  return new BlockError(code, `${words}: ${why}`, { offset, length, hint, peer: { message: words } });
}

/** A rule of the format does not hold. */
export function broken(words: string, why: string, offset: number, length: number): BlockError {
  const hint = "The header is damaged or this is not a qcow2 image; open it as raw to see its bytes.";
  return new BlockError("ECORRUPT", `${words}: ${why}`, { offset, length, hint, peer: { message: words } });
}

/** The same fault of a table that the disk can be read without. */
function mendable(error: BlockError): BlockError {
  const hint =
    "The disk itself does not depend on it: 'blkscope repair --plan' shows how it can be mended, 'blkscope map --kinds' what is in the file.";
  return new BlockError(error.code, error.message, { ...error.context, hint }, { cause: error });
}

/** The guest range of clusters as far as it lies in the image; nothing behind its end. */
export function guestRange(
  { clusterSize, size }: Pick<Qcow2Header, "clusterSize" | "size">,
  firstCluster: number,
  count: number,
): { guest?: { offset: number; length: number } } {
  const offset = firstCluster * clusterSize;
  const length = Math.min(count * clusterSize, size - offset);
  return length > 0 ? { guest: { offset, length } } : {};
}
