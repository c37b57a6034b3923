// QED on disk: constants and the header. Specification: QED image format, "Header" and "Tables".
//
//   cluster 0 .. header_size-1   header (64 bytes), backing file name, free space
//   any cluster                  L1 table, L2 tables, data: table_size clusters a table, 1 a data cluster
//
// All integers are little-endian, all offsets bytes in the file.
import { big64le, bitNumbers, hex, isPowerOfTwo, startsWith, u32le, u64le } from "../../base/bytes.ts";
import { BlockError, type PeerWords } from "../../base/errors.ts";

export const magic = Uint8Array.of(0x51, 0x45, 0x44, 0x00);
export const headerLength = 64;

/** Incompatible feature bits, "features". */
export const featureBits = { backingFile: 1n, needCheck: 2n, backingFormatNoProbe: 4n } as const;
const knownFeatures = 7n;

export const minClusterSize = 2 ** 12;
export const maxClusterSize = 2 ** 26;
export const maxTableSize = 16;
/** Of the backing file's name, bytes: a path that no system can open is refused. */
export const maxNameLength = 4095;

export interface QedHeader {
  readonly clusterSize: number;
  /** Clusters of the L1 table and of every L2 table. */
  readonly tableSize: number;
  /** Clusters of the header area. */
  readonly headerSize: number;
  readonly features: bigint;
  readonly compatFeatures: bigint;
  readonly autoclearFeatures: bigint;
  readonly l1Offset: number;
  /** Guest size, bytes. */
  readonly imageSize: number;
  /** Where the backing file's name lies; undefined without a backing file. */
  readonly backingName: { readonly offset: number; readonly length: number } | undefined;
}

const notQed = { message: "Image not in QED format" };

/** Entries of one L1 or L2 table. */
export function tableEntries(header: QedHeader): number {
  return (header.tableSize * header.clusterSize) / 8;
}

/** 100 for a buffer with a whole header that has the magic: nothing else is looked at. */
export function probeQed(head: Uint8Array): number {
  return head.length >= headerLength && startsWith(head, magic) ? 100 : 0;
}

/**
 * Decodes and validates a header against the length of its file, in the order of the specification's rules.
 * Throws EINVAL (not QED), ENOTSUP (feature bits it does not know), EFBIG, or ECORRUPT (breaks a rule).
 */
export function parseHeader(head: Uint8Array, fileSize: number): QedHeader {
  if (head.length < headerLength) throw tooShort(head, fileSize);
  if (!startsWith(head, magic))
    throw new BlockError("EINVAL", "The image is not in QED format: no QED magic", { peer: notQed });
  const features = big64le(head, 16);
  checkFeatures(features);
  const clusterSize = u32le(head, 4);
  const tableSize = u32le(head, 8);
  const headerSize = u32le(head, 12);
  if (!isPowerOfTwo(clusterSize, minClusterSize, maxClusterSize)) {
    throw corrupt(
      `cluster_size is ${clusterSize}; QED allows powers of two from 4096 to 67108864`,
      4,
      4,
      "QED cluster size is invalid",
    );
  }
  if (!isPowerOfTwo(tableSize, 1, maxTableSize)) {
    throw corrupt(
      `table_size is ${tableSize}; QED allows 1, 2, 4, 8 and 16 clusters`,
      8,
      4,
      "QED table size is invalid",
    );
  }
  const imageSize = checkImageSize(head, clusterSize, tableSize);
  const l1Offset = u64le(head, 40);
  const bounds = boundsOf({ clusterSize, tableSize, headerSize }, fileSize);
  if (l1Offset === undefined || !isTableOffset(l1Offset, bounds)) {
    const wanted = `aligned to ${clusterSize}, behind the header, and wholly inside the file of ${fileSize} bytes`;
    throw corrupt(
      `l1_table_offset is ${hex(big64le(head, 40))}; the L1 table must be ${wanted}`,
      40,
      8,
      "QED table offset is invalid",
    );
  }
  if (headerSize > Math.floor(0xffffffff / clusterSize)) {
    throw corrupt(
      `header_size is ${headerSize} clusters; that is more than 4 GiB`,
      12,
      4,
      "QED header size is too large",
    );
  }
  return {
    clusterSize,
    tableSize,
    headerSize,
    features,
    compatFeatures: big64le(head, 24),
    autoclearFeatures: big64le(head, 32),
    l1Offset,
    imageSize,
    backingName: backingName(head, features, headerSize * clusterSize),
  };
}

/** For the peer a file goes on with zeroes behind its end, so what it says is what is wrong with those. */
function tooShort(head: Uint8Array, fileSize: number): BlockError {
  const longer = new Uint8Array(headerLength);
  longer.set(head);
  let peer: PeerWords = notQed;
  try {
    parseHeader(longer, fileSize);
  } catch (error) {
    if (error instanceof BlockError && error.context.peer) peer = error.context.peer;
  }
  return new BlockError("EINVAL", `The file has ${head.length} bytes; a QED header has ${headerLength}`, {
    hint: "The file is cut short or is not a QED image; open it as raw to see its bytes.",
    peer,
  });
}

function checkFeatures(features: bigint): void {
  const unknown = features & ~knownFeatures;
  if (unknown === 0n) return;
  const bits = bitNumbers(unknown).join(", ");
  throw new BlockError("ENOTSUP", `The image needs QED feature bits that are not known here: ${bits}`, {
    offset: 16,
    length: 8,
    hint: "A newer program wrote it. Open it as raw to see its bytes.",
    peer: { message: `Unsupported QED features: ${unknown.toString(16)}` },
  });
}

function checkImageSize(head: Uint8Array, clusterSize: number, tableSize: number): number {
  const exact = big64le(head, 48);
  const entries = BigInt((tableSize * clusterSize) / 8);
  const most = entries * entries * BigInt(clusterSize);
  if (exact % 512n !== 0n)
    throw corrupt(`image_size is ${exact}; it must be a multiple of 512`, 48, 8, "QED image size is invalid");
  if (exact > most) {
    throw corrupt(
      `image_size is ${exact}; with these tables QED allows at most ${most} bytes`,
      48,
      8,
      "QED image size is invalid",
    );
  }
  const size = u64le(head, 48);
  if (size === undefined) {
    throw new BlockError(
      "EFBIG",
      `image_size is ${exact}; more than 2^53 - 1 bytes can't be addressed here`,
      {
        offset: 48,
        length: 8,
      },
    );
  }
  return size;
}

function backingName(head: Uint8Array, features: bigint, headerBytes: number): QedHeader["backingName"] {
  if ((features & featureBits.backingFile) === 0n) return undefined;
  const offset = u32le(head, 56);
  const length = u32le(head, 60);
  if (offset + length > headerBytes) {
    const end = offset + length;
    throw corrupt(
      `The backing file name ends at ${end}, outside the header area of ${headerBytes} bytes`,
      56,
      8,
      "QED backing filename offset is invalid",
    );
  }
  if (length > maxNameLength) {
    throw corrupt(
      `The backing file name has ${length} bytes; at most ${maxNameLength} make a path`,
      60,
      4,
      "Failed to read backing filename",
    );
  }
  return { offset, length };
}

/** What the offset tests need; `fileEnd` is the file's length rounded down to a whole cluster. */
export interface Bounds {
  readonly clusterSize: number;
  readonly tableSize: number;
  readonly dataStart: number;
  readonly fileEnd: number;
}

export function boundsOf(
  header: Pick<QedHeader, "clusterSize" | "tableSize" | "headerSize">,
  fileSize: number,
): Bounds {
  const { clusterSize, tableSize, headerSize } = header;
  const fileEnd = Math.floor(fileSize / clusterSize) * clusterSize;
  return { clusterSize, tableSize, dataStart: headerSize * clusterSize, fileEnd };
}

/** A whole cluster behind the header and inside the file. */
export function isClusterOffset(offset: number, bounds: Bounds): boolean {
  return offset % bounds.clusterSize === 0 && offset >= bounds.dataStart && offset < bounds.fileEnd;
}

/** First and last cluster of the table both pass; a table of one cluster is legal. */
export function isTableOffset(offset: number, bounds: Bounds): boolean {
  const last = offset + (bounds.tableSize - 1) * bounds.clusterSize;
  return isClusterOffset(offset, bounds) && isClusterOffset(last, bounds);
}

/** `peer` is what the peer says of it. */
function corrupt(message: string, offset: number, length: number, peer: string): BlockError {
  const hint = "The header is damaged or this is not a QED image; open it as raw to see its bytes.";
  return new BlockError("ECORRUPT", message, { offset, length, hint, peer: { message: peer } });
}

/** The 64 bytes of a header. */
export function encodeHeader(header: QedHeader): Uint8Array {
  const bytes = new Uint8Array(headerLength);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(4, header.clusterSize, true);
  view.setUint32(8, header.tableSize, true);
  view.setUint32(12, header.headerSize, true);
  view.setBigUint64(16, header.features, true);
  view.setBigUint64(24, header.compatFeatures, true);
  view.setBigUint64(32, header.autoclearFeatures, true);
  view.setBigUint64(40, BigInt(header.l1Offset), true);
  view.setBigUint64(48, BigInt(header.imageSize), true);
  view.setUint32(56, header.backingName?.offset ?? 0, true);
  view.setUint32(60, header.backingName?.length ?? 0, true);
  return bytes;
}

/** Largest guest size with these tables, bytes: what they map, and what a number holds exactly. */
export function maxImageSize({
  clusterSize,
  tableSize,
}: Pick<QedHeader, "clusterSize" | "tableSize">): number {
  const entries = (tableSize * clusterSize) / 8;
  return Math.min(entries * entries * clusterSize, Math.floor(Number.MAX_SAFE_INTEGER / 512) * 512);
}

/** The guest range of clusters as far as it lies in the image; nothing behind its end. */
export function guestRange(
  { clusterSize, imageSize }: QedHeader,
  firstCluster: number,
  count: number,
): { guest?: { offset: number; length: number } } {
  const offset = firstCluster * clusterSize;
  const length = Math.min(count * clusterSize, imageSize - offset);
  return length > 0 ? { guest: { offset, length } } : {};
}
