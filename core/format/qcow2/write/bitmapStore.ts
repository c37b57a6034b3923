// Persistent bitmaps as they are written (qcow2, "Bitmaps extension", "Bitmap directory"). What changes goes to new
// clusters: data, table, directory; one write to the header switches to them, and then the old ones are given up. A crash
// leaves the bitmaps before or after, and leaked clusters. All within `exclusively`.
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import type { BitmapBits } from "../bitmapBits.ts";
import type { Qcow2Bitmap } from "../bitmaps.ts";
import { extensionTypes } from "../extensions.ts";
import { autoclear } from "../layout.ts";
import type { ExtensionRecord } from "./headerFile.ts";
import type { Metadata } from "./metadata.ts";

const entryLength = 24;
const flags = { inUse: 1, auto: 2 } as const;
const flagsAt = 12;

/** An entry of the directory, wherever that will lie. */
export type BitmapEntry = Omit<Qcow2Bitmap, "offset" | "length">;

/** Bytes of an entry with its padding. */
export function bitmapEntryLength(name: string): number {
  return Math.ceil((entryLength + new TextEncoder().encode(name).length) / 8) * 8;
}

interface Piece {
  readonly offset: number;
  readonly length: number;
}

export class BitmapStore {
  readonly #metadata: Metadata;
  readonly #file: BlockNode;

  constructor(metadata: Metadata, file: BlockNode) {
    this.#metadata = metadata;
    this.#file = file;
  }

  get bitmaps(): readonly Qcow2Bitmap[] {
    return this.#metadata.facts.bitmaps;
  }

  /**
   * The directory as it is to be: entries in their order, `content` for those whose bits are new or changed. Clusters of
   * bitmaps that are no longer in it are given up: `gone`. Throws EIO, ENOSPC; the bitmaps are as before then.
   */
  async replace(
    entries: readonly BitmapEntry[],
    content: ReadonlyMap<string, BitmapBits> = new Map(),
    gone: readonly Piece[] = [],
  ): Promise<void> {
    const metadata = this.#metadata;
    await metadata.beforeTables();
    const taken: Piece[] = [];
    const freed: Piece[] = [...gone];
    const tables = new Map<string, number[]>();
    try {
      const list: BitmapEntry[] = [];
      for (const entry of entries) {
        const bits = content.get(entry.name);
        if (bits === undefined) {
          list.push(entry);
          continue;
        }
        if (entry.tableOffset !== 0) freed.push(this.#tableOf(entry));
        const table = await this.#writeClusters(bits, taken);
        tables.set(entry.name, table);
        const kept = new Set(table);
        for (const offset of bits.clusters) if (!kept.has(offset)) freed.push(this.#cluster(offset));
        const tableOffset = await this.#write(tableBytes(table), taken);
        list.push({ ...entry, tableOffset, tableEntries: table.length });
      }
      await this.#switch(list, taken, freed);
    } catch (error) {
      await this.#giveBack(taken);
      throw error;
    }
    for (const [name, table] of tables) content.get(name)?.stored(table);
    for (const { offset, length } of freed) await metadata.changeRefcounts(offset, length, -1);
    await metadata.commit();
  }

  /** What is on disk of a bitmap: its table and the clusters that it points to. */
  clustersOf(entry: BitmapEntry, bits: BitmapBits | undefined): Piece[] {
    return [this.#tableOf(entry), ...(bits?.clusters ?? []).map((offset) => this.#cluster(offset))];
  }

  /** Sets their in-use flag where they are, durably: should this end here, nobody believes them. Throws EIO. */
  async markInUse(marked: readonly Qcow2Bitmap[]): Promise<void> {
    if (marked.length === 0) return;
    for (const { offset } of marked) {
      await this.#metadata.overlaps.check(offset, entryLength, "bitmap-directory");
      const bytes = new Uint8Array(4);
      await this.#file.read(offset + flagsAt, bytes);
      bytes[3] = (bytes[3] ?? 0) | flags.inUse;
      await this.#file.write(offset + flagsAt, bytes);
    }
    await this.#file.flush();
    const { facts } = this.#metadata;
    const bitmaps = facts.bitmaps.map((one) => (marked.includes(one) ? { ...one, isInUse: true } : one));
    this.#metadata.facts = { ...facts, bitmaps };
  }

  async #switch(list: readonly BitmapEntry[], taken: Piece[], freed: Piece[]): Promise<void> {
    const metadata = this.#metadata;
    const { extensions } = metadata.image;
    const bits = metadata.geometry.autoclear;
    const others = extensions.list.filter(({ type }) => type !== extensionTypes.bitmaps);
    const old = extensions.bitmaps;
    const bytes = directoryBytes(list);
    const offset = list.length === 0 ? 0 : await this.#write(bytes, taken);
    await metadata.commit();
    if (list.length === 0) {
      await metadata.header.rewrite({ extensions: others, change: { autoclear: bits & ~autoclear.bitmaps } });
    } else {
      const record = extensionOf(list.length, offset, bytes.length);
      await metadata.header.rewrite({
        extensions: placed(extensions.list, record),
        change: { autoclear: bits | autoclear.bitmaps },
      });
    }
    // From here on they are the image's.
    taken.length = 0;
    if (old !== undefined) freed.push({ offset: old.directoryOffset, length: old.directorySize });
    let at = offset;
    const bitmaps = list.map((entry) => {
      const length = bitmapEntryLength(entry.name);
      at += length;
      return { ...entry, offset: at - length, length };
    });
    metadata.facts = { ...metadata.facts, bitmaps };
  }

  /** The clusters that were changed, and the table as it is then. */
  async #writeClusters(bits: BitmapBits, taken: Piece[]): Promise<number[]> {
    const table = [...bits.table];
    for await (const { index, bytes } of bits.changes()) {
      table[index] = bytes === undefined ? 0 : await this.#write(bytes, taken);
    }
    return table;
  }

  /** To new clusters. */
  async #write(bytes: Uint8Array, taken: Piece[]): Promise<number> {
    const { clusterSize } = this.#metadata.geometry;
    const clusters = Math.ceil(bytes.length / clusterSize);
    const offset = await this.#metadata.allocate(clusters);
    const length = clusters * clusterSize;
    taken.push({ offset, length });
    await this.#metadata.overlaps.expectFree(offset, length);
    const whole = new Uint8Array(length);
    whole.set(bytes);
    await this.#file.write(offset, whole);
    this.#metadata.wrote();
    return offset;
  }

  /** What can't be given back leaks; the error before it is the one to be told. */
  async #giveBack(taken: readonly Piece[]): Promise<void> {
    if (this.#metadata.corruption.isFatal) return;
    try {
      for (const { offset, length } of taken) await this.#metadata.release(offset, length);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
    }
  }

  #tableOf({ tableOffset, tableEntries }: BitmapEntry): Piece {
    return { offset: tableOffset, length: tableEntries * 8 };
  }

  #cluster(offset: number): Piece {
    return { offset, length: this.#metadata.geometry.clusterSize };
  }
}

/** In the place of the old one, else at the end, where the peer has it. */
function placed(list: readonly ExtensionRecord[], record: ExtensionRecord): ExtensionRecord[] {
  const at = list.findIndex(({ type }) => type === extensionTypes.bitmaps);
  if (at < 0) return [...list, record];
  return list.flatMap((one, i) => (one.type !== extensionTypes.bitmaps ? [one] : i === at ? [record] : []));
}

function extensionOf(count: number, offset: number, length: number): ExtensionRecord {
  const data = new Uint8Array(24);
  const view = new DataView(data.buffer);
  view.setUint32(0, count);
  view.setBigUint64(8, BigInt(length));
  view.setBigUint64(16, BigInt(offset));
  return { type: extensionTypes.bitmaps, data };
}

function directoryBytes(list: readonly BitmapEntry[]): Uint8Array {
  const bytes = new Uint8Array(list.reduce((sum, { name }) => sum + bitmapEntryLength(name), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { name, tableOffset, tableEntries, granularity, isAuto, isInUse } of list) {
    const text = new TextEncoder().encode(name);
    view.setBigUint64(at, BigInt(tableOffset));
    view.setUint32(at + 8, tableEntries);
    view.setUint32(at + flagsAt, (isInUse ? flags.inUse : 0) + (isAuto ? flags.auto : 0));
    view.setUint8(at + 16, 1);
    view.setUint8(at + 17, Math.log2(granularity));
    view.setUint16(at + 18, text.length);
    bytes.set(text, at + entryLength);
    at += bitmapEntryLength(name);
  }
  return bytes;
}

function tableBytes(table: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(table.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, entry] of table.entries()) view.setBigUint64(i * 8, BigInt(entry));
  return bytes;
}
