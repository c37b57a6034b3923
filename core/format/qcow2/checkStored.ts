// The refcounts that an image stores, for its check: read as they are, without the side effects that a lookup of an
// image in use has. Specification: qcow2, "Reference count table", "Reference count block".
import { hex } from "../../base/bytes.ts";
import { Lru } from "../../base/lru.ts";
import type { BlockNode } from "../../block/node.ts";
import type { Counts } from "./checkCounts.ts";
import { readPadded } from "./header.ts";
import type { Qcow2Header } from "./layout.ts";
import { PieceReader } from "./pieces.ts";
import { blockEntries, refcountIn } from "./refcounts.ts";

/** Bytes of a block that are kept after a single lookup. */
const pageBytes = 4096;
const cacheBytes = 4 * 1024 * 1024;

/** Where an entry of the refcount table points, without its reserved bits. 0: no block, all counts are 0. */
export interface StoredBlock {
  /** Not exact above 2^53; a multiple of the cluster size unless `isUnaligned`. */
  readonly offset: number;
  readonly isUnaligned: boolean;
  readonly hasReservedBits: boolean;
  /** The entry as it is, hexadecimal. */
  readonly value: string;
}

export class StoredRefcounts {
  /** Clusters that one block speaks of. */
  readonly perBlock: number;
  /** Entries of the table that the file has. */
  readonly entries: number;
  readonly #file: BlockNode;
  readonly #header: Qcow2Header;
  /** The table: at most 8 MiB. */
  readonly #halves: Int32Array;
  readonly #pages = new Lru<number, Uint8Array>(cacheBytes, (page) => page.length);

  private constructor(file: BlockNode, header: Qcow2Header, halves: Int32Array) {
    this.#file = file;
    this.#header = header;
    this.#halves = halves;
    this.entries = halves.length / 2;
    this.perBlock = blockEntries(header);
  }

  /** Throws EIO when the refcount table can't be read. */
  static async load(file: BlockNode, header: Qcow2Header): Promise<StoredRefcounts> {
    const { offset, clusters } = header.refcountTable;
    const entries = (clusters * header.clusterSize) / 8;
    const there = Math.max(0, Math.min(entries, Math.ceil((file.size - offset) / 8)));
    const all = new Int32Array(there * 2);
    for await (const { halves, first } of new PieceReader(file).words({ offset, entries })) {
      all.set(halves, first * 2);
    }
    return new StoredRefcounts(file, header, all);
  }

  /** undefined for an entry that is 0, and behind the table's end. */
  block(index: number): StoredBlock | undefined {
    const high = (this.#halves[index * 2] ?? 0) >>> 0;
    const low = (this.#halves[index * 2 + 1] ?? 0) >>> 0;
    if (high === 0 && low === 0) return undefined;
    const reserved = low % 512;
    return {
      offset: high * 0x100000000 + (low - reserved),
      isUnaligned: (low - reserved) % this.#header.clusterSize !== 0,
      hasReservedBits: reserved !== 0,
      value: hex((BigInt(high) << 32n) | BigInt(low)),
    };
  }

  /** Reads a block for `decodeBlock`: `bytes` is as long as a cluster. Throws EIO. */
  async read({ offset }: StoredBlock, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await readPadded(this.#file, offset, bytes);
  }

  /** The count of any cluster, also behind the end of the file; undefined where none can be found. */
  async at(cluster: number): Promise<bigint | undefined> {
    const block = this.block(Math.floor(cluster / this.perBlock));
    if (block === undefined || block.offset === 0) return 0n;
    if (block.isUnaligned) return undefined;
    const bits = (cluster % this.perBlock) * 2 ** this.#header.refcountOrder;
    const at = block.offset + Math.floor(bits / 8);
    if (at >= this.#file.size) return 0n;
    try {
      return this.#in(await this.#page(at), at % pageBytes, cluster);
    } catch {
      return undefined;
    }
  }

  async #page(at: number): Promise<Uint8Array> {
    const offset = at - (at % pageBytes);
    const known = this.#pages.get(offset);
    if (known !== undefined) return known;
    const page = new Uint8Array(pageBytes);
    await readPadded(this.#file, offset, page);
    this.#pages.set(offset, page);
    return page;
  }

  #in(page: Uint8Array, at: number, cluster: number): bigint {
    const order = this.#header.refcountOrder;
    if (order < 3) return BigInt(refcountIn(page.subarray(at, at + 1), cluster % (8 / 2 ** order), order));
    const bytes = 2 ** (order - 3);
    return exactly(page.subarray(at, at + bytes));
  }
}

/**
 * The refcounts of a whole block as an array as wide as that of `ClusterCounts`, perhaps in the same memory; those above
 * its range as its highest value.
 */
export function decodeBlock(bytes: Uint8Array<ArrayBuffer>, order: number): Counts {
  if (order < 3) return unpacked(bytes, order);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (order === 3) return bytes;
  if (order === 4) {
    buffer.swap16();
    return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  }
  if (order === 5) {
    buffer.swap32();
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }
  return capped(bytes);
}

/** Refcounts of less than a byte: the first one of a byte is its lowest bits. */
function unpacked(bytes: Uint8Array, order: number): Uint8Array<ArrayBuffer> {
  const bits = 2 ** order;
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const stored = new Uint8Array(bytes.length * perByte);
  for (let at = 0, to = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    for (let shift = 0; shift < 8; shift += bits) stored[to++] = (byte >>> shift) & mask;
  }
  return stored;
}

function capped(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const stored = new Uint32Array(bytes.length / 8);
  for (let i = 0; i < stored.length; i++) {
    stored[i] = view.getUint32(i * 8) !== 0 ? 0xffffffff : view.getUint32(i * 8 + 4);
  }
  return stored;
}

function exactly(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);
}
