// The kinds of a QED image's guest clusters, in their order: one pass over the tables, after the map of the file is made.
import { join64 } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import { kindNumber } from "../../block/structure.ts";
import { type Bounds, boundsOf, isTableOffset, type QedHeader, tableEntries } from "./layout.ts";
import { PieceReader } from "./tablePieces.ts";

const turnMs = 20;
const kind = {
  hole: kindNumber("hole"),
  zero: kindNumber("zero"),
  data: kindNumber("data"),
  unreadable: kindNumber("unreadable"),
  badEntry: kindNumber("bad-entry"),
  overlap: kindNumber("overlap"),
};

export interface GuestMarks {
  readonly kinds: Uint8Array;
  /** Guest clusters of one byte, a power of two. */
  readonly clusters: number;
}

/** `fileKinds`: of the clusters of the file. Throws ECANCELED. */
export async function guestKinds(
  file: BlockNode,
  header: QedHeader,
  fileKinds: Uint8Array,
  marks: GuestMarks,
  signal: AbortSignal,
): Promise<void> {
  marks.kinds.fill(kind.hole);
  await new GuestPass(file, header, fileKinds, marks, signal).run();
}

class GuestPass {
  readonly #file: BlockNode;
  readonly #header: QedHeader;
  readonly #bounds: Bounds;
  /** Undefined when no cluster is used more than once: to look them up is most of the work where they are in no order. */
  readonly #fileKinds: Uint8Array | undefined;
  readonly #kinds: Uint8Array;
  readonly #clusters: number;
  readonly #signal: AbortSignal;
  readonly #entries: number;
  readonly #l2: PieceReader;
  #turnedAt = performance.now();

  constructor(
    file: BlockNode,
    header: QedHeader,
    fileKinds: Uint8Array,
    { kinds, clusters }: GuestMarks,
    signal: AbortSignal,
  ) {
    this.#file = file;
    this.#header = header;
    this.#bounds = boundsOf(header, file.size);
    this.#fileKinds = fileKinds.includes(kind.overlap) ? fileKinds : undefined;
    this.#kinds = kinds;
    this.#clusters = clusters;
    this.#signal = signal;
    this.#entries = tableEntries(header);
    this.#l2 = new PieceReader(file, this.#entries, "l2_load");
  }

  /** What can't be read makes the guest clusters behind it unreadable, and only those. */
  async run(): Promise<void> {
    const needed = Math.ceil((this.#kinds.length * this.#clusters) / this.#entries);
    let next = 0;
    try {
      for await (const { halves, first } of new PieceReader(this.#file, this.#entries).entries(
        this.#header.l1Offset,
      )) {
        const count = Math.min(halves.length / 2, needed - first);
        for (let at = 0; at < count; at++) {
          await this.#markTable(first + at, halves[at * 2] as number, halves[at * 2 + 1] as number);
        }
        next = first + count;
        if (next >= needed) return;
      }
    } catch (error) {
      if (isCancel(error)) throw error;
      this.#worsen(next * this.#entries, (needed - next) * this.#entries, kind.unreadable);
    }
  }

  async #markTable(l1Index: number, low: number, high: number): Promise<void> {
    if (low === 0 && high === 0) return;
    const firstGuest = l1Index * this.#entries;
    const offset = join64(low, high);
    if (offset === undefined || !isTableOffset(offset, this.#bounds)) {
      return this.#worsen(firstGuest, this.#entries, kind.badEntry);
    }
    let next = 0;
    try {
      for await (const { signed, first } of this.#l2.entries(offset)) {
        this.#markEntries(signed, offset + first * 8, firstGuest + first);
        next = first + signed.length / 2;
        await this.#turn();
      }
    } catch (error) {
      if (isCancel(error)) throw error;
      this.#worsen(firstGuest + next, this.#entries - next, kind.unreadable);
    }
  }

  /** `tableOffset` is where the entries are in the file, `guest` the cluster that the first one speaks of. */
  #markEntries(halves: Int32Array, tableOffset: number, guest: number): void {
    const { clusterSize } = this.#bounds;
    const inCluster = (clusterSize / 8) * 2;
    for (let from = 0; from < halves.length; from += inCluster) {
      const cluster = Math.floor((tableOffset + from * 4) / clusterSize);
      // Whoever else has this part of the table may change what its entries say.
      const isShared = this.#fileKinds?.[cluster] === kind.overlap;
      const part = halves.subarray(from, from + inCluster);
      this.#markPart(part, guest + from / 2, isShared ? kind.overlap : kind.data);
    }
  }

  /** `stored` is the kind of what is stored and has a cluster of its own. */
  #markPart(halves: Int32Array, guest: number, stored: number): void {
    const kinds = this.#kinds;
    const fileKinds = this.#fileKinds;
    const { clusterSize, dataStart, fileEnd } = this.#bounds;
    const bits = Math.log2(clusterSize);
    const inCluster = clusterSize - 1;
    const first = dataStart / clusterSize;
    const end = fileEnd / clusterSize;
    const mostHigh = Math.floor(fileEnd / 2 ** 32);
    const perCell = this.#clusters;
    for (let at = 0; at < halves.length; at += 2) {
      const low = halves[at] as number;
      const high = halves[at + 1] as number;
      if (low === 0 && high === 0) continue;
      let to = kind.badEntry;
      if (low === 1 && high === 0) to = kind.zero;
      else if (high >= 0 && high <= mostHigh && (low & inCluster) === 0) {
        // Below 2^29 clusters, and `high` was looked at: no bit is lost.
        const index = (high << (32 - bits)) | (low >>> bits);
        if (index >= first && index < end) to = fileKinds?.[index] === kind.overlap ? kind.overlap : stored;
      }
      const cell = perCell === 1 ? guest + at / 2 : Math.floor((guest + at / 2) / perCell);
      if (cell < kinds.length && (kinds[cell] as number) < to) kinds[cell] = to;
    }
  }

  #worsen(first: number, count: number, to: number): void {
    const end = Math.min(this.#kinds.length, Math.ceil((first + count) / this.#clusters));
    for (let at = Math.floor(first / this.#clusters); at < end; at++) {
      if ((this.#kinds[at] as number) < to) this.#kinds[at] = to;
    }
  }

  /** Lets a cancel arrive, after some work. */
  async #turn(): Promise<void> {
    if (performance.now() - this.#turnedAt < turnMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#turnedAt = performance.now();
    if (this.#signal.aborted) throw new BlockError("ECANCELED", "The map was cancelled");
  }
}

function isCancel(error: unknown): boolean {
  return error instanceof BlockError && error.code === "ECANCELED";
}
