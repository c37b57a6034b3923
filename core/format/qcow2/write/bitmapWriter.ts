// What is done to persistent bitmaps: they are added, removed, changed, and record what is written while the image is open.
// Those that record are marked in use on disk before the first write and stored when the image is closed: after a crash the
// mark says that they are not to be believed (qcow2, "Bitmap directory", flag in_use). Refusals are the peer's.
import { isPowerOfTwo } from "../../../base/bytes.ts";
import { BlockError, type BlockErrorCode } from "../../../base/errors.ts";
import type { BitmapSource, BlockNode } from "../../../block/node.ts";
import { BitmapBits, bitmapTableEntries } from "../bitmapBits.ts";
import type { Qcow2Bitmap } from "../bitmaps.ts";
import { type BitmapEntry, BitmapStore, bitmapEntryLength } from "./bitmapStore.ts";
import type { Metadata } from "./metadata.ts";

const minGranularity = 512;
const maxGranularity = 2 ** 31;
const maxNameLength = 1023;
const maxBitmaps = 65_535;
const maxDirectory = maxBitmaps * 1024;
const maxBytes = 512 * 1024 * 1024;
/** Clusters of bits in memory, from which on they are stored meanwhile. */
const mostHeld = 64 * 1024 * 1024;

export class BitmapWriter {
  readonly #metadata: Metadata;
  readonly #file: BlockNode;
  readonly #store: BitmapStore;
  /** Those that record, once something was written. */
  #recording: Promise<ReadonlyMap<string, BitmapBits>> | undefined;

  constructor(metadata: Metadata, file: BlockNode) {
    this.#metadata = metadata;
    this.#file = file;
    this.#store = new BitmapStore(metadata, file);
  }

  /** Before a guest range is changed. Throws EIO, ECORRUPT. */
  async record(offset: number, length: number): Promise<void> {
    for (;;) {
      this.#recording ??= this.#metadata.exclusively(() => this.#begin());
      const begun = this.#recording;
      const recording = await this.#begun(begun);
      if (recording.size === 0) return;
      // In turn with what stores them: no bit is set in what is stored already.
      const isSet = await this.#metadata.exclusively(async () => {
        if (this.#recording !== begun) return false;
        await this.#set(recording, offset, length);
        return true;
      });
      if (isSet) return;
    }
  }

  async #begun(recording: Promise<ReadonlyMap<string, BitmapBits>>) {
    try {
      return await recording;
    } catch (error) {
      this.#recording = undefined;
      throw error;
    }
  }

  async #set(recording: ReadonlyMap<string, BitmapBits>, offset: number, length: number): Promise<void> {
    let held = 0;
    for (const bits of recording.values()) {
      await bits.set(offset, length);
      held += bits.bytesHeld;
    }
    if (held > mostHeld) await this.#storeRecorded(recording, true);
  }

  /** What was recorded so far is stored; recording goes on with the next write. Throws EIO, ENOSPC. */
  async settle(): Promise<void> {
    const recording = await this.#recording;
    if (recording === undefined) return;
    await this.#metadata.exclusively(async () => {
      await this.#storeRecorded(recording, false);
      this.#recording = undefined;
    });
  }

  /** `node`: the image's name in messages. Throws EINVAL, ENOTSUP, EFBIG: what it can't be. */
  add(name: string, granularity: number | undefined, node: string): Promise<void> {
    return this.#changing(async (bitmaps) => {
      const grain = granularity ?? this.#usualGranularity();
      this.#expectPossible(name, grain, node);
      const { clusterSize, size } = this.#metadata.geometry;
      const entry = {
        name,
        granularity: grain,
        isAuto: true,
        isInUse: false,
        tableOffset: 0,
        tableEntries: 0,
      };
      const bits = BitmapBits.empty(this.#file, clusterSize, size, grain);
      await this.#store.replace([...bitmaps, entry], new Map([[name, bits]]));
    });
  }

  /** Also one that is not to be believed. Throws ENOENT. */
  remove(name: string): Promise<void> {
    return this.#changing(async (bitmaps) => {
      const bitmap = named(bitmaps, name);
      const kept = bitmaps.filter((one) => one !== bitmap);
      await this.#store.replace(kept, new Map(), await this.#clustersOf(bitmap));
    });
  }

  removeAll(): Promise<void> {
    return this.#changing(async (bitmaps) => {
      const gone = [];
      for (const bitmap of bitmaps) gone.push(...(await this.#clustersOf(bitmap)));
      if (bitmaps.length > 0) await this.#store.replace([], new Map(), gone);
    });
  }

  /** Throws ENOENT, EBUSY (not to be believed). */
  clear(name: string): Promise<void> {
    return this.#changing(async (bitmaps) => {
      const bits = await this.#read(usable(bitmaps, name));
      bits.clear();
      await this.#store.replace(bitmaps, new Map([[name, bits]]));
    });
  }

  setAuto(name: string, isAuto: boolean): Promise<void> {
    return this.#changing(async (bitmaps) => {
      const bitmap = usable(bitmaps, name);
      if (bitmap.isAuto === isAuto) return;
      await this.#store.replace(bitmaps.map((one) => (one === bitmap ? { ...one, isAuto } : one)));
    });
  }

  /** Sets all bits whose ranges `source` has set. Throws EINVAL (another disk size). */
  async merge(name: string, source: BitmapSource): Promise<void> {
    await this.#changing(async (bitmaps) => {
      const bits = await this.#read(usable(bitmaps, name));
      if (bits.size !== source.size) throw otherSize(bits.size, source.size);
      for await (const { offset, length } of source.ranges()) await bits.set(offset, length);
      await this.#store.replace(bitmaps, new Map([[name, bits]]));
    });
  }

  /** The disk gets another size, and all bitmaps with it. Throws EBUSY when one is not to be believed. */
  async resizing(size: number, body: () => Promise<void>): Promise<void> {
    await this.settle();
    const content = await this.#metadata.exclusively(async () => {
      const all = new Map<string, BitmapBits>();
      for (const { name } of this.#store.bitmaps) {
        all.set(name, await this.#read(usable(this.#store.bitmaps, name)));
      }
      await this.#store.markInUse(this.#store.bitmaps);
      return all;
    });
    await body();
    if (content.size === 0) return;
    await this.#metadata.exclusively(async () => {
      for (const bits of content.values()) await bits.resize(size);
      await this.#storeRecorded(content, false);
    });
  }

  async #begin(): Promise<ReadonlyMap<string, BitmapBits>> {
    const auto = this.#store.bitmaps.filter(({ isAuto, isInUse }) => isAuto && !isInUse);
    // Where nothing new may be written they could not be stored, and would be lost for nothing.
    if (auto.length > 0) await this.#metadata.beforeTables();
    const content = new Map<string, BitmapBits>();
    for (const bitmap of auto) content.set(bitmap.name, await this.#read(bitmap));
    await this.#store.markInUse(auto);
    return content;
  }

  async #storeRecorded(content: ReadonlyMap<string, BitmapBits>, isInUse: boolean): Promise<void> {
    if (content.size === 0) return;
    const entries: BitmapEntry[] = this.#store.bitmaps.map((one) =>
      content.has(one.name) ? { ...one, isInUse } : one,
    );
    await this.#store.replace(entries, content);
  }

  async #changing(body: (bitmaps: readonly Qcow2Bitmap[]) => Promise<void>): Promise<void> {
    await this.settle();
    await this.#metadata.exclusively(() => body(this.#store.bitmaps));
  }

  #read(bitmap: Qcow2Bitmap): Promise<BitmapBits> {
    return BitmapBits.read(this.#file, bitmap, this.#metadata.geometry);
  }

  /** Of one whose table can't be read, the table: the rest leaks. */
  async #clustersOf(bitmap: Qcow2Bitmap) {
    try {
      return this.#store.clustersOf(bitmap, await this.#read(bitmap));
    } catch (error) {
      if (!(error instanceof BlockError) || error.code !== "ECORRUPT") throw error;
      return this.#store.clustersOf(bitmap, undefined);
    }
  }

  #usualGranularity(): number {
    return Math.min(65_536, Math.max(4096, this.#metadata.geometry.clusterSize));
  }

  #expectPossible(name: string, granularity: number, node: string): void {
    const { version, clusterSize, size } = this.#metadata.geometry;
    if (name === "") throw refused("EINVAL", "Bitmap name cannot be empty");
    if (!isPowerOfTwo(granularity, minGranularity, maxGranularity)) {
      throw refused("EINVAL", "Granularity must be power of 2 and at least 512");
    }
    const bitmaps = this.#store.bitmaps;
    if (bitmaps.some((one) => one.name === name)) throw refused("EINVAL", `Bitmap already exists: ${name}`);
    const refuse = (code: BlockErrorCode, why: string, hint?: string) => {
      throw refused(code, `Can't make bitmap '${name}' persistent in '${node}': ${why}`, hint);
    };
    if (version < 3) {
      refuse("ENOTSUP", "Cannot store dirty bitmaps in qcow2 v2 files", "Upgrade it: amend -o compat=1.1.");
    }
    if (new TextEncoder().encode(name).length > maxNameLength) {
      refuse("EINVAL", `Name length exceeds maximum (${maxNameLength} characters)`);
    }
    // Its table would have no entries, and the format has no such tables.
    if (size === 0) refuse("EINVAL", "The disk is empty", "Make it larger first: blkscope resize.");
    if (bitmapTableEntries(size, granularity, clusterSize) * clusterSize > maxBytes) {
      refuse("EFBIG", "Too much space will be occupied by the bitmap. Use larger granularity");
    }
    if (bitmaps.length >= maxBitmaps)
      refuse("EFBIG", "Maximum number of persistent bitmaps is already reached");
    const directory = [...bitmaps, { name }].reduce((sum, one) => sum + bitmapEntryLength(one.name), 0);
    if (directory > maxDirectory) refuse("EFBIG", "Not enough space in the bitmap directory");
  }
}

/** Throws ENOENT. */
export function named(bitmaps: readonly Qcow2Bitmap[], name: string): Qcow2Bitmap {
  const found = bitmaps.find((one) => one.name === name);
  if (found === undefined) throw refused("ENOENT", `Dirty bitmap '${name}' not found`);
  return found;
}

/** Throws ENOENT, EBUSY: it was in use when the image was last written to. */
export function usable(bitmaps: readonly Qcow2Bitmap[], name: string): Qcow2Bitmap {
  const found = named(bitmaps, name);
  if (!found.isInUse) return found;
  const message = `Bitmap '${name}' is inconsistent and cannot be used`;
  throw new BlockError("EBUSY", message, {
    hint: "A program that recorded in it ended before it was stored. Remove it: blkscope bitmap --remove.",
    peer: { message, hint: "Try block-dirty-bitmap-remove to delete this bitmap from disk" },
  });
}

function otherSize(own: number, other: number): BlockError {
  const sizes = `(destination size is ${own}, source size is ${other})`;
  return refused("EINVAL", `Bitmaps are of different sizes ${sizes} and can't be merged`);
}

function refused(code: BlockErrorCode, message: string, hint?: string): BlockError {
  return new BlockError(code, message, { ...(hint !== undefined && { hint }), peer: { message } });
}
