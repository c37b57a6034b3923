// Compressed writes: clusters are compressed side by side, and stored in the order in which they were asked for, each stream
// behind the one before it. What does not get smaller is stored as it is. Specification: qcow2, "Compressed Clusters
// Descriptor"; what is allocated already is not overwritten, as the stock programs have it, unless the caller says so.
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode, CompressedFlags } from "../../../block/node.ts";
import { type Compressor, compressorOf, mostCompressed } from "../compressor.ts";
import { compressedEntry, entryKind } from "../entry.ts";
import { emptyEntry, type L2Place, type L2Tables } from "./l2.ts";
import type { Metadata } from "./metadata.ts";
import type { GuestView } from "./writer.ts";

/** Bytes of one request that are compressed and then stored at a time, at least one cluster for each thread. */
const groupLength = 1024 * 1024;

export interface CompressedWriterParts {
  readonly metadata: Metadata;
  readonly l2: L2Tables;
  readonly file: BlockNode;
  readonly guest: Pick<GuestView, "size">;
  /** Before the guest's data change. */
  beforeChange(offset: number, length: number): Promise<void>;
  /** A write that is not compressed. */
  writePlain(offset: number, source: Uint8Array): Promise<void>;
}

/** A cluster's stream and where it is going to lie. */
interface Placed {
  readonly offset: number;
  readonly stream: Uint8Array;
}

export class CompressedWriter {
  readonly #parts: CompressedWriterParts;
  #compressor: Compressor | undefined;
  /** What is written next, used again: new memory for each MiB costs more than to fill it. */
  #buffer = Buffer.alloc(0);
  /** Resolves when everything that was asked for before is stored. */
  #last: Promise<void> = Promise.resolve();

  constructor(parts: CompressedWriterParts) {
    this.#parts = parts;
  }

  /**
   * Whole clusters; the last may be cut off by the end of the disk. Throws EINVAL, EIO (also where something is allocated
   * already, unless it may be overwritten), ENOTSUP (not this image), ENOSPC, EFBIG.
   */
  async write(offset: number, source: Uint8Array, flags: CompressedFlags): Promise<void> {
    const before = this.#last;
    let stored = () => {};
    const own = new Promise<void>((resolve) => {
      stored = resolve;
    });
    this.#last = before.then(() => own);
    try {
      this.#expectPossible(offset, source.length);
      await this.#parts.beforeChange(offset, source.length);
      const { clusterSize } = this.#parts.metadata.geometry;
      const clusters = Math.max(Math.floor(groupLength / clusterSize), mostCompressed);
      for (let at = 0; at < source.length; at += clusters * clusterSize) {
        const group = source.subarray(at, at + clusters * clusterSize);
        const streams = await this.#compress(group);
        await before;
        await this.#store(offset + at, group, streams, flags);
      }
    } finally {
      stored();
    }
  }

  /** Ends its threads, gives up its memory. */
  async close(): Promise<void> {
    await this.#compressor?.close();
    this.#buffer = Buffer.alloc(0);
  }

  #expectPossible(offset: number, length: number): void {
    const { clusterSize, hasDataFile, crypt } = this.#parts.metadata.geometry;
    const place = { offset, length };
    if (hasDataFile || crypt !== "none") {
      const why = hasDataFile ? "with an external data file" : "whose data are encrypted";
      throw new BlockError("ENOTSUP", `An image ${why} can't hold compressed clusters`, place);
    }
    const end = offset + length;
    if (offset % clusterSize === 0 && (end % clusterSize === 0 || end === this.#parts.guest.size())) return;
    throw new BlockError("EINVAL", `Only whole clusters of ${clusterSize} bytes can be compressed`, place);
  }

  async #compress(group: Uint8Array): Promise<(Uint8Array | undefined)[]> {
    const { clusterSize, compression } = this.#parts.metadata.geometry;
    this.#compressor ??= compressorOf(compression);
    const asked: Promise<Uint8Array | undefined>[] = [];
    for (let at = 0; at < group.length; at += clusterSize) {
      const part = group.subarray(at, at + clusterSize);
      asked.push(this.#compressor.compress(part.length === clusterSize ? part : padded(part, clusterSize)));
    }
    // All of them: until then the bytes are theirs.
    const outcomes = await Promise.allSettled(asked);
    return outcomes.map((outcome) => {
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    });
  }

  /** Runs of clusters that have streams, and runs of those that have none. */
  async #store(
    offset: number,
    group: Uint8Array,
    streams: readonly (Uint8Array | undefined)[],
    flags: CompressedFlags,
  ): Promise<void> {
    const { clusterSize } = this.#parts.metadata.geometry;
    for (let first = 0; first < streams.length; ) {
      const run: Uint8Array[] = [];
      const isPlain = streams[first] === undefined;
      let end = first;
      for (; end < streams.length && (streams[end] === undefined) === isPlain; end++) {
        run.push(streams[end] ?? new Uint8Array(0));
      }
      const bytes = group.subarray(first * clusterSize, end * clusterSize);
      const at = offset + first * clusterSize;
      if (isPlain) await this.#parts.writePlain(at, bytes);
      else await this.#storeStreams(at, run, bytes, flags);
      first = end;
    }
  }

  /** `bytes` is what the streams are of. */
  async #storeStreams(
    offset: number,
    streams: readonly Uint8Array[],
    bytes: Uint8Array,
    { overwrite = false }: CompressedFlags,
  ): Promise<void> {
    const { clusterSize } = this.#parts.metadata.geometry;
    for (let done = 0; done < streams.length; ) {
      const at = offset + done * clusterSize;
      const entered = await this.#enterAll(at, streams.slice(done), overwrite);
      done += entered;
      if (done === streams.length) return;
      const start = done * clusterSize;
      await this.#parts.writePlain(offset + start, bytes.subarray(start, start + clusterSize));
      done++;
    }
  }

  /** How many could be stored: all, or those before the first cluster that has something and may be overwritten. */
  async #enterAll(offset: number, streams: readonly Uint8Array[], overwrite: boolean): Promise<number> {
    const { metadata, l2 } = this.#parts;
    const { clusterSize } = metadata.geometry;
    return metadata.guest.run(offset, streams.length * clusterSize, "exclusive", async () => {
      for (let done = 0; done < streams.length; ) {
        const at = offset + done * clusterSize;
        const toEnd = (l2.span - (at % l2.span)) / clusterSize;
        const part = streams.slice(done, done + toEnd);
        const entered = await metadata.exclusively(() => this.#enter(at, part, overwrite));
        done += entered;
        if (entered < part.length) return done;
      }
      return streams.length;
    });
  }

  /**
   * Clusters of one L2 table, as many as #enterAll says: room for all of them, their streams, then their entries. Within
   * `exclusively`.
   */
  async #enter(offset: number, streams: readonly Uint8Array[], overwrite: boolean): Promise<number> {
    const { metadata, l2 } = this.#parts;
    const { clusterSize } = metadata.geometry;
    await metadata.beforeTables();
    const place = await l2.table(offset);
    const entries = await l2.entries(place, streams.length);
    await l2.check(place, entries, offset);
    const taken = entries.findIndex((entry) => {
      const kind = l2.kind(entry);
      return kind !== entryKind.unallocated && kind !== entryKind.zeroPlain;
    });
    if (taken >= 0 && !overwrite) {
      throw new BlockError(
        "EIO",
        "The cluster is allocated already and can't be overwritten by a compressed one",
        {
          offset: offset + taken * clusterSize,
          length: clusterSize,
          hint: "Write it without compression.",
        },
      );
    }
    const free = taken < 0 ? streams.length : taken;
    if (free > 0) await this.#fill(place, streams.slice(0, free));
    return free;
  }

  async #fill(place: L2Place, streams: readonly Uint8Array[]): Promise<void> {
    const { metadata, l2, file } = this.#parts;
    const { clusterBits } = metadata.geometry;
    const placed: Placed[] = [];
    try {
      for (const stream of streams) {
        placed.push({ offset: await metadata.allocateBytes(stream.length), stream });
        if (file.raise) await file.raise("l2_update_compressed");
      }
      for (const run of adjoining(placed)) {
        const [{ offset: start }] = run;
        const bytes = this.#together(run);
        await metadata.overlaps.check(start, bytes.length);
        if (file.raise) for (const _ of run) await file.raise("write_compressed");
        await file.write(start, bytes);
        metadata.wrote();
      }
    } catch (error) {
      for (const { offset: at, stream } of placed) await metadata.release(at, stream.length);
      throw error;
    }
    await l2.put(
      place,
      placed.map(({ offset: at, stream }) => {
        const [high, low] = compressedEntry({ offset: at, length: stream.length }, clusterBits);
        return { ...emptyEntry, high, low };
      }),
    );
    await metadata.commitIfMany();
  }

  /** The streams of `run`, until the next call: within `exclusively` nobody else asks. */
  #together(run: readonly Placed[]): Uint8Array {
    const length = run.reduce((sum, { stream }) => sum + stream.length, 0);
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafeSlow(length);
    let end = 0;
    for (const { stream } of run) {
      this.#buffer.set(stream, end);
      end += stream.length;
    }
    return this.#buffer.subarray(0, length);
  }
}

function padded(part: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(part);
  return whole;
}

/** Runs of streams that lie one behind the other. */
function adjoining(placed: readonly Placed[]): [Placed, ...Placed[]][] {
  const runs: [Placed, ...Placed[]][] = [];
  let end: number | undefined;
  for (const one of placed) {
    if (one.offset === end) runs.at(-1)?.push(one);
    else runs.push([one]);
    end = one.offset + one.stream.length;
  }
  return runs;
}
