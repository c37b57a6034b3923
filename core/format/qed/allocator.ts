// Writes that need new clusters, one at a time (QED specification, "Writing"; the order is what makes a crash harmless):
//
//   need-check bit, durable -> data with copy-on-write around it -> [flush] -> L2 entries
//   without an L2 table:       data -> whole new L2 table -> flush -> L1 entry
//
// Clusters are always new ones at the end of the file; what a crash leaves behind is leaked, never shared.
import type { BlockNode } from "../../block/node.ts";
import type { HeaderFile } from "./header.ts";
import { tableEntries } from "./layout.ts";
import type { QedMap } from "./map.ts";
import type { Tables } from "./tables.ts";

/** Bytes copied or zeroed at a time. */
const pieceLength = 1024 * 1024;
/** Milliseconds without a new cluster after which the need-check bit is cleared. */
const idleMs = 5000;

export interface AllocatorParts {
  readonly file: BlockNode;
  readonly header: HeaderFile;
  readonly map: QedMap;
  readonly tables: Tables;
  /** What a guest reads where the image has nothing. */
  readBacking(offset: number, target: Uint8Array): Promise<void>;
  readonly hasBacking: boolean;
}

export class Allocator {
  readonly #parts: AllocatorParts;
  #queue: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #lastChange = 0;
  /**
   * The next cluster holds old bytes, of a write that failed or of a part of a cluster that a crash left at the end
   * of the file: they must not show after a crash.
   */
  #hasReused: boolean;

  constructor(parts: AllocatorParts) {
    this.#parts = parts;
    this.#hasReused = parts.file.size > parts.map.fileEnd;
  }

  /** One after the other: allocations, changes of the header, closing. */
  exclusively<T>(body: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(body);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** Writes bytes, or zeroes where `source` is undefined, wherever they have to go. */
  async write(offset: number, length: number, source: Uint8Array | undefined): Promise<void> {
    const { map } = this.#parts;
    for (let done = 0; done < length; ) {
      const run = await map.map(offset + done, length - done);
      const part = source?.subarray(done, done + run.length);
      if (run.hostOffset !== undefined) {
        await this.#writeInPlace(run.hostOffset, run.length, part);
        done += run.length;
      } else {
        done += await this.exclusively(() => this.#allocate(offset + done, run.length, part));
      }
    }
  }

  /** Makes whole clusters zero clusters where the image has nothing yet. */
  async zeroClusters(offset: number, length: number): Promise<void> {
    await this.exclusively(async () => {
      const { map, header } = this.#parts;
      const { clusterSize } = header.header;
      for (let done = 0; done < length; ) {
        // The last cluster of an image may reach past its end.
        const run = await map.map(offset + done, length - done);
        const size = Math.min(run.length, await this.#leftInTable(offset + done));
        const entries = new Array<number>(Math.ceil(size / clusterSize)).fill(1);
        // Data that came while this waited may cover a part of the cluster only.
        if (run.hostOffset !== undefined) await this.#writeInPlace(run.hostOffset, size, undefined);
        else if (run.state === "unallocated") await this.#enter(offset + done, entries, false);
        done += size;
      }
    });
  }

  /** Waits for what is queued, then makes everything durable and the need-check bit what it should be. */
  async settle(): Promise<void> {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    await this.exclusively(() => this.#parts.header.settle());
  }

  async #writeInPlace(hostOffset: number, length: number, source: Uint8Array | undefined): Promise<void> {
    const { file } = this.#parts;
    if (file.raise) await file.raise("write_aio");
    if (source) await file.write(hostOffset, source);
    else await file.writeZeroes(hostOffset, length);
  }

  /** Answers how many bytes were written. The tables are looked at again: they may have changed while this waited. */
  async #allocate(offset: number, length: number, source: Uint8Array | undefined): Promise<number> {
    const { map, header } = this.#parts;
    const { clusterSize } = header.header;
    const run = await map.map(offset, length);
    const part = source?.subarray(0, run.length);
    if (run.hostOffset !== undefined) {
      await this.#writeInPlace(run.hostOffset, run.length, part);
      return run.length;
    }
    const size = Math.min(run.length, await this.#leftInTable(offset), longestFill(clusterSize));
    const inCluster = offset % clusterSize;
    const count = Math.ceil((inCluster + size) / clusterSize);
    await this.#prepare();
    const host = map.fileEnd;
    map.fileEnd = host + count * clusterSize;
    try {
      await this.#fill(host, offset, size, part?.subarray(0, size), count, run.state === "zero");
    } catch (error) {
      map.fileEnd = host;
      this.#hasReused = true;
      throw error;
    }
    const entries = Array.from({ length: count }, (_, i) => host + i * clusterSize);
    await this.#enter(offset, entries, this.#parts.hasBacking || this.#hasReused);
    this.#hasReused = false;
    return size;
  }

  /** Bytes from a guest offset to the end of what its L2 table maps: a run without tables may be longer. */
  async #leftInTable(offset: number): Promise<number> {
    const { header } = this.#parts.header;
    const { l2Index } = await this.#parts.map.place(offset);
    return (tableEntries(header) - l2Index) * header.clusterSize - (offset % header.clusterSize);
  }

  /** The need-check bit before anything that a crash could leave half done; and no rest while writes go on. */
  async #prepare(): Promise<void> {
    this.#lastChange = performance.now();
    await this.#parts.header.beforeTables();
    this.#idle ??= this.#wake(idleMs);
  }

  /** One timer for many changes: it goes on waiting when there was one meanwhile. */
  #wake(delay: number): NodeJS.Timeout {
    const woken = () => {
      const rest = this.#lastChange + idleMs - performance.now();
      if (rest > 0) this.#idle = this.#wake(rest);
      else void this.settle().catch(() => undefined);
    };
    return setTimeout(woken, delay).unref();
  }

  /** Fills new clusters: what lies around the data comes from the backing file, or is zero. */
  async #fill(
    host: number,
    offset: number,
    length: number,
    source: Uint8Array | undefined,
    count: number,
    isZero: boolean,
  ): Promise<void> {
    const { clusterSize } = this.#parts.header.header;
    const start = offset - (offset % clusterSize);
    const end = start + count * clusterSize;
    await this.#copy(host, start, offset, isZero);
    const at = host + (offset - start);
    await this.#writeInPlace(at, length, source);
    await this.#copy(at + length, offset + length, end, isZero);
  }

  /** Copies the guest range [from, to) of the backing file to `host`. */
  async #copy(host: number, from: number, to: number, isZero: boolean): Promise<void> {
    const { file, hasBacking } = this.#parts;
    if (to <= from) return;
    if (file.raise) await file.raise("cow_write");
    if (isZero || !hasBacking) return file.writeZeroes(host, to - from);
    const buffer = new Uint8Array(Math.min(pieceLength, to - from));
    for (let done = 0; done < to - from; done += buffer.length) {
      const piece = buffer.subarray(0, Math.min(buffer.length, to - from - done));
      await this.#parts.readBacking(from + done, piece);
      await file.write(host + done, piece);
    }
  }

  /** Puts entries of consecutive clusters into the L2 table of a guest offset, making the table where there is none. */
  async #enter(offset: number, entries: readonly number[], dataFirst: boolean): Promise<void> {
    const { file, header, map, tables } = this.#parts;
    const { l1Index, l2Offset, l2Index } = await map.place(offset);
    await this.#prepare();
    try {
      if (dataFirst) await file.flush();
      if (file.raise) await file.raise("l2_update");
      if (l2Offset !== 0) return await tables.write(l2Offset, l2Index, entries);
      const table = await this.#newTable();
      await tables.write(table, l2Index, entries);
      await file.flush();
      if (file.raise) await file.raise("l1_update");
      await tables.write(header.header.l1Offset, l1Index, [table]);
    } catch (error) {
      header.failed();
      throw error;
    }
  }

  /** A zeroed table at the end of the file. */
  async #newTable(): Promise<number> {
    const { file, header, map } = this.#parts;
    const { clusterSize, tableSize } = header.header;
    const host = map.fileEnd;
    map.fileEnd = host + tableSize * clusterSize;
    await file.writeZeroes(host, tableSize * clusterSize);
    return host;
  }
}

/** Bytes that one step allocates: whole clusters, of bounded number so that entries are a short list. */
function longestFill(clusterSize: number): number {
  return Math.max(clusterSize, 64 * 1024 * 1024);
}
