// Zero writes and discards: entries that say so instead of data, and clusters that are given up (qcow2 specification, "L2
// table entry" bit 0; subclusters: "Extended L2 Entries"). What entries can't say is written as zero bytes.
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode, ZeroFlags } from "../../../block/node.ts";
import { entryKind, hasOffset, isCompressed } from "../entry.ts";
import { autoclear, subclustersPerCluster } from "../layout.ts";
import { emptyEntry, type L2Entry, type L2Tables, sameEntry } from "./l2.ts";
import type { Metadata } from "./metadata.ts";
import { bitsFrom } from "./subclusters.ts";
import type { GuestView, Writer } from "./writer.ts";

/** Entries changed at a time. */
const mostEntries = 32_768;
/** All subclusters. */
const every = -1;

export interface EraserParts {
  readonly metadata: Metadata;
  readonly l2: L2Tables;
  readonly writer: Writer;
  readonly guest: GuestView;
  readonly dataFile: BlockNode | undefined;
  readonly hasBacking: boolean;
}

/** What a cluster's entry becomes; the same one where nothing is to be changed. */
type Change = (entry: L2Entry) => L2Entry;

export class Eraser {
  readonly #parts: EraserParts;

  constructor(parts: EraserParts) {
    this.#parts = parts;
  }

  /** The range reads as zeroes afterwards. Throws ENOTSUP with `noFallback` where bytes would have to be written. */
  async writeZeroes(offset: number, length: number, flags: ZeroFlags): Promise<void> {
    const { guest } = this.#parts;
    const unit = this.#unit;
    const end = offset + length;
    const first = Math.min(end, Math.ceil(offset / unit) * unit);
    // The last unit of the disk counts as whole when its end is reached.
    const isToEnd = end === guest.size() && first < end;
    const last = isToEnd
      ? Math.max(first, Math.ceil(end / unit) * unit)
      : Math.max(first, Math.floor(end / unit) * unit);
    const hasNoEntries = this.#isOld && this.#parts.hasBacking;
    if (flags.noFallback && (hasNoEntries || first > offset || last < end)) throw noZeroEntries();
    if (hasNoEntries) return this.#writeBytes(offset, length);
    await this.#zeroRawData(offset, length, flags);
    if (first > offset) await this.#zeroPart(offset, first - offset, flags);
    if (last > first) await this.#zeroWhole(first, last - first, flags);
    if (end > last) await this.#zeroPart(last, end - last, flags);
  }

  /** Whole clusters only, and the last one of the disk; what can't be given up without showing other data stays. */
  async discard(offset: number, length: number): Promise<void> {
    const { guest } = this.#parts;
    const { clusterSize } = this.#parts.metadata.geometry;
    const first = Math.ceil(offset / clusterSize) * clusterSize;
    const end = offset + length;
    const last = end === guest.size() ? Math.ceil(end / clusterSize) : Math.floor(end / clusterSize);
    const size = last * clusterSize - first;
    if (size <= 0 || (this.#isOld && this.#parts.hasBacking)) return;
    if (this.#hasRawData)
      return this.#zeroRawData(first, Math.min(size, guest.size() - first), { mayUnmap: true });
    await this.#changeEntries(first, size, this.#parts.hasBacking, (entry) => this.#discarded(entry));
  }

  /** Empties whole clusters, whatever lies below them: what is behind the end of a disk that shrinks. */
  async drop(offset: number, length: number): Promise<void> {
    await this.#changeEntries(offset, length, false, () => emptyEntry);
  }

  /** Whole clusters, which may lie behind the end of the disk, read as zeroes: a backing file no longer shows there. */
  async coverBacking(offset: number, length: number): Promise<void> {
    if (this.#isOld) return this.#writeBytes(offset, length);
    await this.#zeroWhole(offset, length, {});
  }

  get #isOld(): boolean {
    return this.#parts.metadata.geometry.version === 2;
  }

  /** What one zero bit speaks of. */
  get #unit(): number {
    const { clusterSize, l2EntryLength } = this.#parts.metadata.geometry;
    return l2EntryLength === 16 ? clusterSize / subclustersPerCluster : clusterSize;
  }

  get #hasRawData(): boolean {
    const { autoclear: bits, hasDataFile } = this.#parts.metadata.geometry;
    return hasDataFile && (bits & autoclear.rawDataFile) !== 0n;
  }

  /** A data file that is a raw image for others has to hold what the tables say. */
  async #zeroRawData(offset: number, length: number, { mayUnmap }: ZeroFlags): Promise<void> {
    const { dataFile, metadata } = this.#parts;
    if (!this.#hasRawData || dataFile === undefined) return;
    const { clusterSize } = metadata.geometry;
    const start = offset - (offset % clusterSize);
    const span = Math.ceil((offset + length) / clusterSize) * clusterSize - start;
    await metadata.guest.run(start, span, "exclusive", async () => {
      await dataFile.writeZeroes(offset, length, { mayUnmap: mayUnmap ?? false });
      metadata.wrote();
    });
  }

  #writeBytes(offset: number, length: number): Promise<void> {
    return this.#parts.writer.write(offset, length, undefined);
  }

  /** A part of a unit: where the rest of it reads as zeroes and nothing is stored for it, all of it becomes zero. */
  async #zeroPart(offset: number, length: number, flags: ZeroFlags): Promise<void> {
    const { guest, metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const start = Math.floor(offset / this.#unit) * this.#unit;
    const end = Math.min(start + this.#unit, guest.size());
    const cluster = start - (start % clusterSize);
    const isDone = await metadata.guest.run(cluster, clusterSize, "exclusive", async () => {
      const isRestZero =
        (await guest.readsAsZero(start, offset - start)) &&
        (await guest.readsAsZero(offset + length, end - offset - length));
      return isRestZero && (await this.#zeroIfEmpty(cluster, start - cluster, flags));
    });
    if (!isDone) await this.#writeBytes(offset, length);
  }

  /** The unit at a place in a cluster, unless it has data. Answers whether it reads as zeroes now. */
  async #zeroIfEmpty(cluster: number, inCluster: number, flags: ZeroFlags): Promise<boolean> {
    const { metadata, l2 } = this.#parts;
    const first = inCluster / this.#unit;
    const bits = this.#hasSubclusters ? bitsFrom(first, first) : 0;
    let isEmpty = true;
    const change = (entry: L2Entry) => {
      const kind = l2.kind(entry);
      const isStored = this.#hasSubclusters ? (entry.allocated & bits) !== 0 : kind === entryKind.data;
      isEmpty = !isStored && kind !== entryKind.compressed;
      if (!isEmpty) return entry;
      if (this.#hasSubclusters) return { ...entry, zeroes: entry.zeroes | bits };
      return this.#isOld ? this.#discarded(entry) : this.#zeroed(entry, flags.mayUnmap ?? false);
    };
    await metadata.exclusively(() => this.#changeIn(cluster, 1, change));
    return isEmpty;
  }

  async #zeroWhole(offset: number, length: number, flags: ZeroFlags): Promise<void> {
    const { clusterSize } = this.#parts.metadata.geometry;
    const end = offset + length;
    const first = Math.min(end, Math.ceil(offset / clusterSize) * clusterSize);
    const last = Math.max(first, Math.floor(end / clusterSize) * clusterSize);
    if (first > offset) await this.#zeroSubclusters(offset, first - offset);
    const change = this.#isOld
      ? (entry: L2Entry) => this.#discarded(entry)
      : (entry: L2Entry) => this.#zeroed(entry, flags.mayUnmap ?? false);
    if (last > first) await this.#changeEntries(first, last - first, !this.#isOld, change);
    if (end > last) await this.#zeroSubclusters(last, end - last);
  }

  /** Whole subclusters of one cluster. */
  async #zeroSubclusters(offset: number, length: number): Promise<void> {
    const { clusterSize } = this.#parts.metadata.geometry;
    const inCluster = offset % clusterSize;
    const bits = bitsFrom(inCluster / this.#unit, (inCluster + length) / this.#unit - 1);
    let isCompressedHere = false;
    await this.#changeEntries(offset - inCluster, clusterSize, true, (entry) => {
      isCompressedHere = isCompressed(entry.high);
      if (isCompressedHere) return entry;
      return { ...entry, zeroes: entry.zeroes | bits, allocated: entry.allocated & ~bits };
    });
    if (isCompressedHere) await this.#writeBytes(offset, Math.min(length, this.#parts.guest.size() - offset));
  }

  /** Keeps its cluster unless it may be given up. */
  #zeroed(entry: L2Entry, mayUnmap: boolean): L2Entry {
    const { l2 } = this.#parts;
    const kind = l2.kind(entry);
    const isPlaced = kind === entryKind.data || kind === entryKind.zeroAllocated;
    const keeps = isPlaced && (!mayUnmap || this.#hasRawData);
    const { high, low } = keeps ? entry : emptyEntry;
    return this.#hasSubclusters
      ? { high, low, zeroes: every, allocated: 0 }
      : { ...emptyEntry, high, low: low | 1 };
  }

  /** A backing file must not show through, and neither what the cluster held. */
  #discarded(entry: L2Entry): L2Entry {
    const { l2, hasBacking } = this.#parts;
    const kind = l2.kind(entry);
    const isEmpty = kind === entryKind.unallocated || kind === entryKind.zeroPlain;
    if (isEmpty && !hasBacking) return entry;
    if (this.#hasSubclusters) return { ...emptyEntry, zeroes: every };
    return this.#isOld ? emptyEntry : { ...emptyEntry, low: 1 };
  }

  get #hasSubclusters(): boolean {
    return this.#parts.metadata.geometry.l2EntryLength === 16;
  }

  /** Of whole clusters. `makesTables`: where there is no L2 table an entry is to be changed as well. */
  async #changeEntries(offset: number, length: number, makesTables: boolean, change: Change): Promise<void> {
    const { l2, metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const next = Math.min(end, at - (at % l2.span) + l2.span, at + mostEntries * clusterSize);
      const from = at;
      await metadata.guest.run(from, next - from, "exclusive", () =>
        metadata.exclusively(async () => {
          if (!makesTables && !(await l2.hasTable(from))) return;
          await this.#changeIn(from, (next - from) / clusterSize, change);
        }),
      );
      at = next;
    }
  }

  async #changeIn(offset: number, count: number, change: Change): Promise<void> {
    const { l2, metadata } = this.#parts;
    await metadata.beforeTables();
    const place = await l2.table(offset);
    const old = await l2.entries(place, count);
    await l2.check(place, old, offset);
    const entries = old.map(change);
    const first = old.findIndex((entry, i) => !sameEntry(entry, entries[i] as L2Entry));
    if (first < 0) return;
    await l2.put({ ...place, index: place.index + first }, entries.slice(first));
    for (const [i, entry] of old.entries()) {
      const now = entries[i] as L2Entry;
      if (now.high !== entry.high || !hasSamePlace(entry, now)) await l2.free(entry, "request");
    }
    await metadata.commitIfMany();
  }
}

/** Both point to the same cluster, if to any. */
function hasSamePlace(a: L2Entry, b: L2Entry): boolean {
  return hasOffset(a.high, a.low) === hasOffset(b.high, b.low) && (a.low & ~1) === (b.low & ~1);
}

function noZeroEntries(): BlockError {
  return new BlockError("ENOTSUP", "The range can't be made zero without writing zero bytes", {
    hint: "qcow2 has zero clusters from version 3 on, and only whole ones.",
    peer: { message: "Operation not supported" },
  });
}
