// L2 tables as a check comes by them. Snapshots share most of them: to read a table each time something refers to it can
// take hours. It is gone over when it is met first; later visits are gathered, and it is gone over once more for all of
// them. Only tables with faults are looked at again at once, a bounded number of times, since the peer tells those so.

import type { Finding } from "../../block/finding.ts";
import { guestRange, type Qcow2Header } from "./layout.ts";

/** From which entry a table was come by. */
export interface TableVisit {
  /** Of the L2 table, bytes. */
  readonly offset: number;
  readonly l1Index: number;
  /** Before names of entries: "" or "snapshot 1, ". */
  readonly prefix: string;
  /** Bytes of the disk that the table belongs to; undefined for those of snapshots. */
  readonly size: number | undefined;
  /** How many visits this stands for, and how many of them are those of the disk as it is. */
  readonly times: number;
  readonly activeTimes: number;
}

/** Where the table lies, and the guest's range that it speaks of. */
export function rangeOfTable(
  { offset, l1Index, size }: TableVisit,
  header: Qcow2Header,
): Pick<Finding, "offset" | "length" | "table" | "guest"> {
  const { clusterSize, l2Entries } = header;
  return {
    offset,
    length: clusterSize,
    table: { level: "L2", index: l1Index, offset },
    ...(size !== undefined && guestRange({ clusterSize, size }, l1Index * l2Entries, l2Entries)),
  };
}

/** Bytes of tables with faults that are looked at again at once, and how many such tables are known. */
const mostAgain = 8 * 1024 * 1024;
const mostFaulty = 1000;
/** Bytes of tables that are not where tables can be: real ones are few, and they may lie on each other. */
const mostUnaligned = 64 * 1024 * 1024;

export class TableVisits {
  readonly #clusterSize: number;
  readonly #seen: Uint8Array;
  /** A bit of each table that is in order by itself: nothing more is to be looked at where all refcounts are 1. */
  readonly #simple: Uint8Array;
  readonly #faulty = new Set<number>();
  /** A bit of each table that could not be read, once there is one; those that are not where tables can be, apart. */
  #unread: Uint8Array | undefined;
  readonly #unreadUnaligned = new Set<number>();
  #again = new Map<number, TableVisit>();
  #againLeft = mostAgain;
  #unalignedLeft = mostUnaligned;

  constructor(clusterSize: number, clusters: number) {
    this.#clusterSize = clusterSize;
    this.#seen = new Uint8Array(Math.ceil(clusters / 8));
    this.#simple = new Uint8Array(this.#seen.length);
  }

  /** now: go over the table; later: it is in `gathered`; never: too many tables lie where none can be. */
  arrive(visit: TableVisit): "now" | "later" | "never" {
    const cluster = visit.offset / this.#clusterSize;
    if (!Number.isInteger(cluster)) {
      this.#unalignedLeft -= this.#clusterSize;
      return this.#unalignedLeft >= 0 ? "now" : "never";
    }
    if (setBit(this.#seen, cluster)) return "now";
    if (this.#faulty.has(visit.offset) && this.#againLeft >= this.#clusterSize) {
      this.#againLeft -= this.#clusterSize;
      return "now";
    }
    const before = this.#again.get(visit.offset);
    this.#again.set(visit.offset, before === undefined ? visit : together(before, visit));
    return "later";
  }

  /** Whether `arrive` would say "now" to a table where tables can be. */
  isNew(offset: number): boolean {
    return offset % this.#clusterSize === 0 && !hasBit(this.#seen, offset / this.#clusterSize);
  }

  /** All clusters of the table are ordinary ones whose COPIED flag is set. */
  simple({ offset }: TableVisit): void {
    if (offset % this.#clusterSize === 0) setBit(this.#simple, offset / this.#clusterSize);
  }

  isSimple(offset: number): boolean {
    return offset % this.#clusterSize === 0 && hasBit(this.#simple, offset / this.#clusterSize);
  }

  /** A fault was found in the table. */
  fault({ offset }: TableVisit): void {
    if (this.#faulty.size < mostFaulty) this.#faulty.add(offset);
  }

  /** The table could not be read, which was told. */
  unreadable(offset: number): void {
    if (offset % this.#clusterSize !== 0) {
      this.#unreadUnaligned.add(offset);
      return;
    }
    this.#unread ??= new Uint8Array(this.#seen.length);
    setBit(this.#unread, offset / this.#clusterSize);
  }

  wasUnreadable(offset: number): boolean {
    if (offset % this.#clusterSize !== 0) return this.#unreadUnaligned.has(offset);
    return this.#unread !== undefined && hasBit(this.#unread, offset / this.#clusterSize);
  }

  /** The visits left for later, one for each table; they are handed out once. */
  gathered(): Iterable<TableVisit> {
    const list = this.#again.values();
    this.#again = new Map();
    return list;
  }
}

export const hasBit = (bits: Uint8Array, index: number) =>
  (((bits[Math.floor(index / 8)] ?? 0) >>> (index % 8)) & 1) === 1;

/** Answers whether it was not set before. */
export function setBit(bits: Uint8Array, index: number): boolean {
  const isNew = !hasBit(bits, index);
  const at = Math.floor(index / 8);
  bits[at] = (bits[at] ?? 0) | (1 << (index % 8));
  return isNew;
}

function together(first: TableVisit, more: TableVisit): TableVisit {
  return {
    ...first,
    times: first.times + more.times,
    activeTimes: first.activeTimes + more.activeTimes,
  };
}
