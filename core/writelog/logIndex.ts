// The index of a write log in memory: one row for each entry, in columns of typed arrays that grow by chunks (25 bytes an
// entry, nothing is ever copied), and the entry numbers of its flushes, FUA writes and marks. Rows are added by the reader
// (index.ts) and never change once the superblock counts them; everything else reads a log through this.
import { BlockError } from "../base/errors.ts";
import { type EntryList, GrowingList, type SharedList } from "./entryList.ts";
import { entryFlags, entryLength, knownFlags } from "./layout.ts";

/** Rows in a chunk. */
const chunkLength = 64 * 1024;

/** What the first sector says, believed or not; where the magic is not there, nothing. */
export interface LogSuperblock {
  readonly magicOk: boolean;
  /** undefined: beyond 2^53 - 1, or the log is too short to say. */
  readonly version: number | undefined;
  /** Entries it counts. Written now and then only: a lower bound of a sound log, no truth of a damaged one. */
  readonly entries: number | undefined;
  readonly sectorSize: number | undefined;
}

/**
 * Why the walk ended where it did.
 * complete: after the last entry; torn: the log ends within an entry; bad-entry: a header that can't be one; foreign: this
 * is no log, or one of a version or sector size that nobody writes; growing: as torn or short, but the log is being
 * written and may go on; limit: more entries than an index takes; gap: after as many as the superblock counts, found behind
 * damage in which others were lost.
 */
export type IndexEndKind =
  | "complete"
  | "torn"
  | "bad-entry"
  | "foreign"
  | "growing"
  | "unreadable"
  | "limit"
  | "gap";

export interface IndexEnd {
  readonly kind: IndexEndKind;
  /** The number of the entry that could not be read or would come next. */
  readonly entry: number;
  /** Byte of the log at which that entry's header is or would be. */
  readonly offset: number;
  /** A sentence for people. */
  readonly message: string;
}

/** write: data (with or without FLUSH, FUA, METADATA); empty: a write of nothing, which QEMU logs. */
export type EntryKind = "write" | "discard" | "flush" | "mark" | "empty";

/** A stretch of entries found behind damage: its entries are likely, not sure, and some may be missing before them. */
export interface RecoveredRun {
  /** Its first entry's number in the index, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Byte of the log at which it begins, and the bytes before it that were skipped. */
  readonly offset: number;
  readonly skipped: number;
}

/** Sums over all entries of the index. */
export interface LogTotals {
  readonly writes: number;
  readonly writeBytes: number;
  readonly discards: number;
  readonly discardBytes: number;
  /** Entries that have the flag, data or not. */
  readonly flushes: number;
  readonly fua: number;
  readonly metadata: number;
  readonly marks: number;
  readonly empty: number;
  /** Entries with flags that are not defined; they are read as if those were not set. */
  readonly unknownFlags: number;
}

/** Rows in the memory of the index: for loops over millions of entries. Flags may have undefined bits. Never written to. */
export interface LogColumns {
  readonly offset: Float64Array;
  readonly length: Float64Array;
  readonly flags: Uint8Array;
  /** Where the row asked for is in them, and behind the last row that is there. */
  readonly row: number;
  readonly end: number;
}

/** What a reader counts while it fills rows. */
export interface RowSums {
  writes: number;
  writeBytes: number;
  discards: number;
  discardBytes: number;
  diskEnd: number;
}

/** Rows for the reader to fill, from `row` on and before `end`. */
export interface RowRoom {
  readonly sums: RowSums;
  readonly offset: Float64Array;
  readonly length: Float64Array;
  readonly header: Float64Array;
  readonly flags: Uint8Array;
  readonly row: number;
  readonly end: number;
}

/** An index as plain data for threads. */
export interface SharedIndex {
  readonly superblock: LogSuperblock;
  readonly sectorSize: number;
  readonly end: IndexEnd;
  readonly chunks: readonly Chunk[];
  readonly count: number;
  readonly flushes: SharedList;
  readonly fuas: SharedList;
  readonly marks: SharedList;
  readonly textLengths: SharedList;
  readonly recovered: readonly RecoveredRun[];
  readonly sums: Omit<LogTotals, "flushes" | "fua" | "marks"> & { readonly diskEnd: number };
}

interface Chunk {
  readonly offset: Float64Array;
  readonly length: Float64Array;
  readonly header: Float64Array;
  readonly flags: Uint8Array;
}

export class LogIndex {
  #superblock: LogSuperblock;
  #sectorSize: number;
  readonly #chunks: Chunk[] = [];
  #count = 0;
  #flushes = new GrowingList();
  #fuas = new GrowingList();
  #marks = new GrowingList();
  /** Bytes of the marks' texts, in the order of #marks. */
  #textLengths = new GrowingList();
  readonly #recovered: RecoveredRun[] = [];
  #sums = {
    writes: 0,
    writeBytes: 0,
    discards: 0,
    discardBytes: 0,
    metadata: 0,
    empty: 0,
    unknownFlags: 0,
    diskEnd: 0,
  };
  #end: IndexEnd;

  constructor(superblock: LogSuperblock, sectorSize: number, end: IndexEnd) {
    this.#superblock = superblock;
    this.#sectorSize = sectorSize;
    this.#end = end;
  }

  /** As it is now, for other threads: without copies, and rows that are changed or forgotten here stay there. */
  share(): SharedIndex {
    return {
      superblock: this.#superblock,
      sectorSize: this.#sectorSize,
      end: this.#end,
      chunks: [...this.#chunks],
      count: this.#count,
      flushes: this.#flushes.share(),
      fuas: this.#fuas.share(),
      marks: this.#marks.share(),
      textLengths: this.#textLengths.share(),
      recovered: [...this.#recovered],
      sums: { ...this.#sums },
    };
  }

  /** What was shared; no row may be added to it. */
  static from(shared: SharedIndex): LogIndex {
    const index = new LogIndex(shared.superblock, shared.sectorSize, shared.end);
    index.#chunks.push(...shared.chunks);
    index.#count = shared.count;
    index.#flushes = GrowingList.from(shared.flushes);
    index.#fuas = GrowingList.from(shared.fuas);
    index.#marks = GrowingList.from(shared.marks);
    index.#textLengths = GrowingList.from(shared.textLengths);
    index.#recovered.push(...shared.recovered);
    index.#sums = { ...shared.sums };
    return index;
  }

  get superblock(): LogSuperblock {
    return this.#superblock;
  }

  /** The log's unit, bytes; 512 where the superblock states none that can be. */
  get sectorSize(): number {
    return this.#sectorSize;
  }

  /** Entries that can be read, also those the superblock does not count and those recovered. */
  get count(): number {
    return this.#count;
  }

  /** Of these, entries the superblock vouches for: those behind may be left over from an earlier log in the same file. */
  get counted(): number {
    const firstRecovered = this.#recovered[0]?.first ?? this.#count;
    const { entries, magicOk } = this.superblock;
    return Math.min(entries ?? (magicOk ? this.#count : 0), firstRecovered, this.#count);
  }

  get end(): IndexEnd {
    return this.#end;
  }

  /** Ascending by entry number; empty unless recovery was asked for. */
  get recovered(): readonly RecoveredRun[] {
    return this.#recovered;
  }

  /** Entries that the superblock counts and that are surely lost: one at least in all damage before its count is reached. */
  get lostAtLeast(): number {
    const stated = this.#superblock.entries ?? Number.POSITIVE_INFINITY;
    let lost = 0;
    for (const { first, skipped } of this.#recovered) if (skipped > 0 && first + lost < stated) lost++;
    return lost;
  }

  get totals(): LogTotals {
    const { diskEnd: _, ...sums } = this.#sums;
    return {
      ...sums,
      flushes: this.#flushes.length,
      fua: this.#fuas.length,
      marks: this.#marks.length,
    };
  }

  /** End of the furthest write or discard on the disk, bytes: the least size the disk can have had. */
  get diskEnd(): number {
    return this.#sums.diskEnd;
  }

  /** Numbers of the entries with the flag FLUSH, data or not. */
  get flushes(): EntryList {
    return this.#flushes;
  }

  get fuas(): EntryList {
    return this.#fuas;
  }

  get marks(): EntryList {
    return this.#marks;
  }

  /** Byte of the disk. This and the following throw EINVAL for an entry the index does not have. */
  offsetOf(entry: number): number {
    return this.#chunkOf(entry).offset[entry % chunkLength] ?? 0;
  }

  /** Bytes of the disk. */
  lengthOf(entry: number): number {
    return this.#chunkOf(entry).length[entry % chunkLength] ?? 0;
  }

  /** As on disk (`entryFlags`), without undefined ones. */
  flagsOf(entry: number): number {
    return (this.#chunkOf(entry).flags[entry % chunkLength] ?? 0) & knownFlags;
  }

  /** Byte of the log at which the entry's header is. */
  headerOf(entry: number): number {
    return this.#chunkOf(entry).header[entry % chunkLength] ?? 0;
  }

  /** The rows from `entry` on, as far as they lie side by side. */
  columnsAt(entry: number): LogColumns {
    const { offset, length, flags } = this.#chunkOf(entry);
    const row = entry % chunkLength;
    return { offset, length, flags, row, end: Math.min(chunkLength, row + this.#count - entry) };
  }

  kindOf(entry: number): EntryKind {
    return kindOf(this.flagsOf(entry), this.lengthOf(entry));
  }

  /** Byte of the log at which the entry's data are, a mark's text. */
  payloadOf(entry: number): number {
    const isMark = has(this.flagsOf(entry), entryFlags.mark);
    return this.headerOf(entry) + (isMark ? entryLength : this.sectorSize);
  }

  /** Bytes of data in the log, or of a mark's text; 0 for discards, flushes and writes of nothing. */
  payloadLength(entry: number): number {
    const flags = this.flagsOf(entry);
    if (has(flags, entryFlags.mark)) return this.#textLengths.at(this.#marks.positionOf(entry)) ?? 0;
    return has(flags, entryFlags.discard) ? 0 : this.lengthOf(entry);
  }

  /**
   * The last entry among the first `count` before which some may be missing: the first of a run that was found behind
   * damage. 0 where there is none.
   */
  gapBefore(count: number): number {
    return this.#recovered.findLast(({ first }) => first < count)?.first ?? 0;
  }

  /** Whether it was found behind damage. */
  isRecovered(entry: number): boolean {
    return this.#recovered.some(({ first, count }) => entry >= first && entry < first + count);
  }

  /**
   * For the reader: adds a row. Numbers are safe integers; `flags` may have undefined bits; `textLength` is a mark's.
   * The caller has checked them.
   */
  push(offset: number, length: number, flags: number, header: number, textLength: number): void {
    const row = this.#count % chunkLength;
    const chunk = this.#chunkWithRoom();
    chunk.offset[row] = offset;
    chunk.length[row] = length;
    chunk.header[row] = header;
    chunk.flags[row] = flags;
    const entry = this.#count++;
    if (has(flags, entryFlags.flush)) this.#flushes.push(entry);
    if (has(flags, entryFlags.fua)) this.#fuas.push(entry);
    if (has(flags, entryFlags.mark)) {
      this.#marks.push(entry);
      this.#textLengths.push(textLength);
    }
    this.#tally(flags, length, 1);
    if (isChange(flags, length)) this.#sums.diskEnd = Math.max(this.#sums.diskEnd, offset + length);
  }

  /** For the reader: where the next rows go, one at least. They are not there before they are told of. */
  room(): RowRoom {
    const { offset, length, header, flags } = this.#chunkWithRoom();
    return {
      offset,
      length,
      header,
      flags,
      row: this.#count % chunkLength,
      end: chunkLength,
      sums: this.#sums,
    };
  }

  /** For the reader: the first `rows` of the room are filled, and its sums have them. */
  filled(rows: number): void {
    this.#count += rows;
  }

  #chunkWithRoom(): Chunk {
    const last = this.#count % chunkLength === 0 ? undefined : this.#chunks.at(-1);
    if (last !== undefined) return last;
    // One that was made and never filled is the last already.
    const next = this.#chunks[this.#count / chunkLength] ?? emptyChunk();
    this.#chunks[this.#count / chunkLength] = next;
    return next;
  }

  /** Adds a row to the sums, or takes it out of them. */
  #tally(flags: number, length: number, rows: 1 | -1): void {
    if (has(flags, entryFlags.metadata)) this.#sums.metadata += rows;
    if (flags > knownFlags) this.#sums.unknownFlags += rows;
    switch (kindOf(flags, length)) {
      case "write":
        this.#sums.writes += rows;
        this.#sums.writeBytes += rows * length;
        break;
      case "discard":
        this.#sums.discards += rows;
        this.#sums.discardBytes += rows * length;
        break;
      case "empty":
        this.#sums.empty += rows;
        break;
      case "mark":
      case "flush":
        break;
    }
  }

  /**
   * For the reader, which goes on from there: forgets the rows from `first` on and what was recovered among them. The
   * sector size can change where no row is left.
   */
  restart(first: number, superblock: LogSuperblock, sectorSize = this.#sectorSize): void {
    if (sectorSize !== this.#sectorSize && first > 0) throw new BlockError("EINVAL", "The index has rows");
    this.#superblock = superblock;
    this.#sectorSize = sectorSize;
    if (first < this.#count) this.#drop(first);
  }

  #drop(first: number): void {
    for (let entry = first; entry < this.#count; entry++) {
      this.#tally(this.#chunkOf(entry).flags[entry % chunkLength] ?? 0, this.lengthOf(entry), -1);
    }
    this.#textLengths.truncate(this.#marks.positionOf(first));
    for (const list of [this.#marks, this.#fuas, this.#flushes]) list.truncate(list.positionOf(first));
    while ((this.#recovered.at(-1)?.first ?? -1) >= first) this.#recovered.pop();
    this.#count = first;
    this.#chunks.length = Math.ceil(first / chunkLength);
    // Whoever shares the index keeps the rows that come to be written over here.
    const last = this.#chunks.pop();
    if (last !== undefined) this.#chunks.push(copyOf(last));
    this.#sums.diskEnd = 0;
    for (let entry = 0; entry < first; entry++) {
      const [offset, length] = [this.offsetOf(entry), this.lengthOf(entry)];
      if (isChange(this.flagsOf(entry), length))
        this.#sums.diskEnd = Math.max(this.#sums.diskEnd, offset + length);
    }
  }

  /** For the reader: where the walk stands. */
  endAt(end: IndexEnd): void {
    this.#end = end;
  }

  /** For the reader: the rows from `first` on were found behind damage, `skipped` bytes after what was read before. */
  markRecovered(first: number, offset: number, skipped: number): RecoveredRun {
    const run = { first, count: this.#count - first, offset, skipped };
    this.#recovered.push(run);
    return run;
  }

  #chunkOf(entry: number): Chunk {
    const isThere = entry >= 0 && entry < this.#count && Number.isInteger(entry);
    const chunk = isThere ? this.#chunks[Math.floor(entry / chunkLength)] : undefined;
    if (chunk) return chunk;
    throw new BlockError("EINVAL", `The log has no entry ${entry}; it has ${this.#count}`);
  }
}

/** Whether the entry gives a range of the disk new contents. */
export function coversDisk(index: LogIndex, entry: number): boolean {
  return coversBytes(index.flagsOf(entry), index.lengthOf(entry));
}

/** The same of a row of the columns. */
export function coversBytes(flags: number, length: number): boolean {
  return length > 0 && !has(flags, entryFlags.mark);
}

/** Whether it changes bytes of the disk. */
function isChange(flags: number, length: number): boolean {
  const kind = kindOf(flags, length);
  return kind === "write" || kind === "discard";
}

export function kindOf(flags: number, length: number): EntryKind {
  if (has(flags, entryFlags.mark)) return "mark";
  if (has(flags, entryFlags.discard)) return "discard";
  if (length > 0) return "write";
  return has(flags, entryFlags.flush) ? "flush" : "empty";
}

/** Bit operators are safe on flags, which the reader knows to be below 2^8. */
export function has(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

/** In memory that threads can share. */
function emptyChunk(): Chunk {
  const column = () => new Float64Array(new SharedArrayBuffer(chunkLength * Float64Array.BYTES_PER_ELEMENT));
  const flags = new Uint8Array(new SharedArrayBuffer(chunkLength));
  return { offset: column(), length: column(), header: column(), flags };
}

function copyOf({ offset, length, header, flags }: Chunk): Chunk {
  const copy = emptyChunk();
  copy.offset.set(offset);
  copy.length.set(length);
  copy.header.set(header);
  copy.flags.set(flags);
  return copy;
}
