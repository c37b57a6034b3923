// Guest writes: in place where a cluster is the image's own, else to new clusters, with what was there before copied around
// the data (qcow2, "Cluster mapping"). A new cluster is counted, filled, and only then entered into its L2 table, in memory;
// metadata.ts sees to it that all that reaches the disk in this order.
import type { BlockNode } from "../../../block/node.ts";
import { entryKind, isCompressed, offsetOf } from "../entry.ts";
import { emptyEntry, type L2Entry, type L2Place, type L2Tables, ownEntry } from "./l2.ts";
import type { Metadata } from "./metadata.ts";
import { bitsFrom, type ClusterWrite, plainWrite, subclusterWrite } from "./subclusters.ts";

/** Bytes of a request that are entered at a time. */
const longestStep = 16 * 1024 * 1024;
/** Data and what is copied around them are written in one request up to this length. */
const longestJoined = 1024 * 1024;
const pieceLength = 1024 * 1024;

/** What a writer needs of the node that it writes for. */
export interface GuestView {
  size(): number;
  /** The guest's bytes as they are now. */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** Whether the tables alone say that the range reads as zeroes. */
  readsAsZero(offset: number, length: number): Promise<boolean>;
}

export interface WriterParts {
  readonly metadata: Metadata;
  readonly l2: L2Tables;
  readonly file: BlockNode;
  /** Where guest data lie: the file, or another. */
  readonly storage: BlockNode;
  readonly guest: GuestView;
}

/** New places for the clusters of a guest range. */
interface Step {
  /** Guest bytes. */
  readonly offset: number;
  readonly length: number;
  /** Where the first cluster of the range lies from now on. */
  readonly host: number;
  /** Bytes of the first cluster that the range does not begin with. */
  readonly inCluster: number;
  /** Guest bytes to be filled: around the range. */
  readonly from: number;
  readonly end: number;
  readonly place: L2Place;
  readonly entries: readonly L2Entry[];
  /** What is given up, where clusters are new. */
  readonly old: readonly L2Entry[];
  readonly isNew: boolean;
}

export class Writer {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** Writes bytes, or zeroes where `source` is undefined, wherever they have to go. Throws EIO, ENOSPC, EFBIG. */
  async write(offset: number, length: number, source: Uint8Array | undefined): Promise<void> {
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const toEnd = this.#parts.l2.span - (at % this.#parts.l2.span);
      const most = Math.min(length - done, toEnd, longestStep);
      done += await this.#writeSome(at, most, source?.subarray(done, done + most));
    }
  }

  /**
   * Allocates what is not, without writing data: clusters lie behind the end of the file, where nothing was before, and
   * those that are zero whatever the backing file has stay so. Whole clusters. `setAside` makes the file end at least
   * there; it is called before a table names what lies before that end, and what it refuses is given up again.
   */
  async preallocate(offset: number, length: number, setAside: (end: number) => Promise<void>): Promise<void> {
    const { metadata, l2 } = this.#parts;
    const { clusterSize } = metadata.geometry;
    let behind = this.#parts.file.size;
    for (let at = offset; at < offset + length; ) {
      const most = Math.min(offset + length - at, l2.span - (at % l2.span), longestStep);
      at += await metadata.exclusively(async () => {
        const place = await l2.table(at);
        const entries = await this.#entries(place, at, Math.ceil(most / clusterSize));
        const isEmpty = (entry: L2Entry) => {
          const kind = l2.kind(entry);
          return kind === entryKind.unallocated || kind === entryKind.zeroPlain;
        };
        const run = entries.findIndex((entry) => !isEmpty(entry));
        if (run === 0) return Math.min(most, clusterSize);
        const wanted = run < 0 ? entries.length : run;
        const { host, clusters } = await this.#newBehind(behind, at, wanted);
        behind = host + clusters * clusterSize;
        if (!metadata.geometry.hasDataFile) {
          try {
            await setAside(behind);
          } catch (error) {
            await metadata.release(host, clusters * clusterSize);
            throw error;
          }
        }
        const allocated = metadata.geometry.l2EntryLength === 16 ? -1 : 0;
        const fresh = entries.slice(0, clusters).map((entry, i) => {
          const own = ownEntry(host + i * clusterSize, 0, allocated);
          return { ...own, low: own.low | (entry.low & 1) };
        });
        await l2.put(place, fresh);
        await metadata.commitIfMany();
        return Math.min(most, clusters * clusterSize);
      });
    }
  }

  /** Answers how many bytes were written. */
  async #writeSome(offset: number, length: number, source: Uint8Array | undefined): Promise<number> {
    const { metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const start = offset - (offset % clusterSize);
    const span = Math.ceil((offset + length) / clusterSize) * clusterSize - start;
    // As a read: tables that are given up meanwhile stay what they are until this has looked at them.
    const inPlace = await metadata.guest.run(start, span, "shared", () =>
      metadata.reading(async () => {
        const run = await this.#ownRun(offset, length);
        if (run !== undefined) await this.#writeData(run.host, run.length, source);
        return run?.length ?? 0;
      }),
    );
    if (inPlace > 0) return inPlace;
    return metadata.guest.run(start, span, "exclusive", () => this.#writeNew(offset, length, source));
  }

  /** Bytes from `offset` on whose places are the image's own, one behind the other; undefined when there are none. */
  async #ownRun(offset: number, length: number): Promise<{ host: number; length: number } | undefined> {
    const { l2, metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    metadata.corruption.expectUsable();
    const place = await l2.ownTable(offset);
    if (place === undefined) return undefined;
    const inCluster = offset % clusterSize;
    const entries = await this.#entries(place, offset, Math.ceil((inCluster + length) / clusterSize));
    const first = entries[0] ?? emptyEntry;
    const host = offsetOf(first.high, first.low);
    let end = offset;
    for (const [i, entry] of entries.entries()) {
      const at = offset - inCluster + i * clusterSize;
      const isNext = offsetOf(entry.high, entry.low) === host + i * clusterSize;
      const last = Math.min(at + clusterSize, offset + length);
      if (!isNext || !this.#isThere(entry, end - at, last - at)) break;
      end = last;
    }
    return end === offset ? undefined : { host: host + inCluster, length: end - offset };
  }

  /** Whether bytes [from, end) of a cluster can be written where they are, and its entry stays as it is. */
  #isThere(entry: L2Entry, from: number, end: number): boolean {
    const { l2, metadata } = this.#parts;
    const { clusterSize, l2EntryLength } = metadata.geometry;
    if (l2.kind(entry) !== entryKind.data || !l2.isOwn(entry)) return false;
    if (l2EntryLength === 8) return true;
    const size = clusterSize / 32;
    const wanted = bitsFrom(Math.floor(from / size), Math.ceil(end / size) - 1);
    return (entry.allocated & wanted) === wanted;
  }

  /** Within the range's exclusive lock. */
  async #writeNew(offset: number, length: number, source: Uint8Array | undefined): Promise<number> {
    const { metadata } = this.#parts;
    const step = await metadata.exclusively(() => this.#plan(offset, length));
    let isEntered = false;
    try {
      await metadata.reading(() => this.#fill(step, source?.subarray(0, step.length)));
      await metadata.exclusively(async () => {
        // What can fail does so before anything points to the new clusters.
        await this.#parts.l2.entries(step.place, step.entries.length);
        isEntered = true;
        await this.#enter(step);
      });
    } catch (error) {
      if (!isEntered && step.isNew && !metadata.geometry.hasDataFile) await this.#giveBack(step);
      throw error;
    }
    return step.length;
  }

  async #plan(offset: number, length: number): Promise<Step> {
    const { l2, metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const inCluster = offset % clusterSize;
    await metadata.beforeTables();
    const place = await l2.table(offset);
    const entries = await this.#entries(place, offset, Math.ceil((inCluster + length) / clusterSize));
    const isNew = !l2.isOwn(entries[0] ?? emptyEntry);
    const wanted = this.#alike(entries, isNew);
    const { host, clusters } = isNew
      ? await this.#newClusters(offset - inCluster, wanted)
      : { host: offsetOf(entries[0]?.high ?? 0, entries[0]?.low ?? 0), clusters: wanted };
    const size = Math.min(length, clusters * clusterSize - inCluster);
    const old = entries.slice(0, clusters);
    const writes = old.map((entry, i) => {
      const from = i === 0 ? inCluster : 0;
      return this.#clusterWrite(
        entry,
        from,
        Math.min(clusterSize, inCluster + size - i * clusterSize),
        isNew,
      );
    });
    const start = offset - inCluster;
    const last = writes.length - 1;
    return {
      offset,
      length: size,
      host,
      inCluster,
      from: start + (writes[0]?.from ?? 0),
      end: start + last * clusterSize + (writes[last]?.end ?? 0),
      place,
      entries: writes.map(({ zeroes, allocated }, i) => ownEntry(host + i * clusterSize, zeroes, allocated)),
      old,
      isNew,
    };
  }

  /** Entries from the first on that need new clusters as it does, or whose own clusters follow on its. */
  #alike(entries: readonly L2Entry[], isNew: boolean): number {
    const { l2, metadata } = this.#parts;
    const { clusterSize } = metadata.geometry;
    const host = offsetOf(entries[0]?.high ?? 0, entries[0]?.low ?? 0);
    const end = entries.findIndex((entry, i) => {
      if (isNew) return l2.isOwn(entry);
      return !l2.isOwn(entry) || offsetOf(entry.high, entry.low) !== host + i * clusterSize;
    });
    return end < 0 ? entries.length : end;
  }

  #clusterWrite(entry: L2Entry, from: number, end: number, isNew: boolean): ClusterWrite {
    const { clusterSize, l2EntryLength } = this.#parts.metadata.geometry;
    if (l2EntryLength === 8) {
      const isThere = !isNew && this.#parts.l2.kind(entry) === entryKind.data;
      return plainWrite(clusterSize, from, end, isThere);
    }
    const { zeroes } = entry;
    const allocated = isCompressed(entry.high) ? -1 : entry.allocated;
    return subclusterWrite(clusterSize, from, end, { zeroes, allocated, moves: isNew });
  }

  async #newClusters(guest: number, wanted: number): Promise<{ host: number; clusters: number }> {
    const { metadata } = this.#parts;
    if (metadata.geometry.hasDataFile) return { host: guest, clusters: wanted };
    const { offset, clusters } = await metadata.allocateUpTo(wanted);
    return { host: offset, clusters };
  }

  /** From `hostOffset` on: behind the end of the file all reads as zeroes. */
  async #newBehind(
    hostOffset: number,
    guest: number,
    wanted: number,
  ): Promise<{ host: number; clusters: number }> {
    const { metadata } = this.#parts;
    if (metadata.geometry.hasDataFile) return { host: guest, clusters: wanted };
    for (;;) {
      const host = await metadata.findFree(wanted, hostOffset);
      const clusters = await metadata.allocateAt(host, wanted);
      if (clusters > 0) return { host, clusters };
    }
  }

  async #entries(place: L2Place, offset: number, count: number): Promise<L2Entry[]> {
    const { l2, metadata } = this.#parts;
    const { clusterSize, l2Entries } = metadata.geometry;
    const entries = await l2.entries(place, Math.min(count, l2Entries - place.index));
    await l2.check(place, entries, offset - (offset % clusterSize));
    return entries;
  }

  /** Writes the data and what was there before around them. */
  async #fill(step: Step, source: Uint8Array | undefined): Promise<void> {
    const { offset, length, from, end } = step;
    const hostAt = (guest: number) => step.host + step.inCluster + (guest - offset);
    if (from === offset && end === offset + length) return this.#writeData(hostAt(offset), length, source);
    if (end - from > longestJoined) {
      await this.#copy(hostAt(from), from, offset);
      await this.#writeData(hostAt(offset), length, source);
      return this.#copy(hostAt(offset + length), offset + length, end);
    }
    const whole = new Uint8Array(end - from);
    await this.#readOld(from, whole.subarray(0, offset - from));
    await this.#readOld(offset + length, whole.subarray(offset + length - from));
    if (source) whole.set(source, offset - from);
    const { file } = this.#parts;
    if (file.raise) await file.raise("cow_write");
    await this.#writeData(hostAt(from), whole.length, whole);
  }

  async #copy(host: number, from: number, end: number): Promise<void> {
    if (from === end) return;
    const { file, guest } = this.#parts;
    if (file.raise) await file.raise("cow_write");
    if (await guest.readsAsZero(from, end - from)) return this.#store(host, end - from, undefined);
    const buffer = new Uint8Array(Math.min(pieceLength, end - from));
    for (let at = from; at < end; at += buffer.length) {
      const piece = buffer.subarray(0, Math.min(buffer.length, end - at));
      await this.#readOld(at, piece);
      await this.#store(host + (at - from), piece.length, piece);
    }
  }

  async #readOld(offset: number, target: Uint8Array): Promise<void> {
    const { file, guest } = this.#parts;
    if (target.length === 0) return;
    if (await guest.readsAsZero(offset, target.length)) {
      target.fill(0);
      return;
    }
    if (file.raise) await file.raise("cow_read");
    await guest.read(offset, target);
  }

  async #writeData(host: number, length: number, source: Uint8Array | undefined): Promise<void> {
    const { storage } = this.#parts;
    if (storage.raise) await storage.raise("write_aio");
    await this.#store(host, length, source);
  }

  async #store(host: number, length: number, source: Uint8Array | undefined): Promise<void> {
    const { metadata, storage, file } = this.#parts;
    if (storage === file) await metadata.overlaps.check(host, length);
    metadata.corruption.expectUsable();
    if (source) await storage.write(host, source.subarray(0, length));
    else await storage.writeZeroes(host, length);
    metadata.wrote();
  }

  /** The clusters are filled: from now on they are the guest's. */
  async #enter({ place, entries, old, isNew }: Step): Promise<void> {
    const { l2, metadata } = this.#parts;
    await l2.put(place, entries);
    if (isNew) for (const entry of old) await l2.free(entry, "other");
    await metadata.commitIfMany();
  }

  /** Nothing points to the new clusters. That they can't be given back makes them leaks. */
  async #giveBack({ host, entries }: Step): Promise<void> {
    const { metadata } = this.#parts;
    const length = entries.length * metadata.geometry.clusterSize;
    await metadata.exclusively(() => metadata.release(host, length)).catch(() => undefined);
  }
}
