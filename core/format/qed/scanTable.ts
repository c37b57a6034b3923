// One pass over the entries of an L2 table: what they point to is marked, and what breaks a rule is told. The loop itself
// is scanCode.ts; it works in a memory of its own, into which tables are read and in which the bits of clusters lie.
import { wasmFunction, wasmMemory } from "../../base/wasm.ts";
import type { Bounds } from "./layout.ts";
import {
  type FindEntry,
  findModule,
  nextOfNone,
  type ScanEntries,
  scanModule,
  stateAt,
  stateBytes,
} from "./scanCode.ts";
import { bitmapBytes } from "./usage.ts";

/** What marks clusters that are used more than once, and those of whole tables. */
export interface RunMarks {
  /** Marks neighbours; answers how many of them were marked already. */
  markRun(index: number, count: number): number;
}

export interface TableCounts {
  allocated: number;
  fragmented: number;
  /** Entries that point to a cluster which was in use already. */
  again: number;
  /** Zero clusters; counted only where spans are kept. */
  zero: number;
}

export class TableScanner<M extends RunMarks> {
  /** Clusters that entries point to. */
  readonly marks: M;
  /** The piece of a table to be scanned: entries as they are in the file. */
  readonly piece: Uint8Array<ArrayBuffer>;
  /** Of all pieces scanned. */
  readonly counts: TableCounts = { allocated: 0, fragmented: 0, again: 0, zero: 0 };
  readonly #limits: [number, bigint, bigint, bigint, bigint, bigint];
  readonly #view: DataView;
  readonly #run: ScanEntries;
  readonly #find: FindEntry;
  readonly #bitsAt: number;
  readonly #spans: boolean;
  #isFirst = true;
  #bad: (index: number) => void = () => undefined;

  /**
   * `marksOf` gets the bits of clusters, all zero, in which the scan sets one for each that an entry points to. `spans`:
   * whether `span` and zero clusters are asked for. Throws RangeError when there is no room for a bit a cluster.
   */
  constructor(
    bounds: Bounds,
    pieceBytes: number,
    marksOf: (bits: DataView<ArrayBuffer>) => M,
    spans = false,
  ) {
    const { clusterSize, dataStart, fileEnd } = bounds;
    const clusters = fileEnd / clusterSize;
    const first = dataStart / clusterSize;
    this.#limits = [
      first,
      BigInt(clusterSize),
      BigInt(Math.log2(clusterSize)),
      BigInt(dataStart),
      BigInt(Math.max(0, clusters - first)),
      BigInt(fileEnd),
    ];
    this.#bitsAt = stateBytes + pieceBytes;
    // The entry behind the last one of a piece is looked at, and not counted: there is memory, if there are no clusters.
    const memory = wasmMemory(this.#bitsAt + bitmapBytes(clusters) + 8);
    this.#view = new DataView(memory.buffer);
    this.piece = new Uint8Array(memory.buffer, stateBytes, pieceBytes);
    this.marks = marksOf(new DataView(memory.buffer, this.#bitsAt, bitmapBytes(clusters)));
    this.#spans = spans;
    this.#find = wasmFunction<FindEntry>(findModule(), memory, {});
    this.#run = wasmFunction<ScanEntries>(scanModule(spans), memory, {
      bad: (at) => this.#bad((at - stateBytes) / 8),
      again: (index, count) => {
        this.counts.again += this.marks.markRun(index, count);
      },
    });
  }

  /** What follows is another table: its first entry goes on nowhere, which makes no fragment. */
  begin(): void {
    this.#view.setBigInt64(stateAt.next, nextOfNone, true);
    this.#view.setUint32(stateAt.min, 0xffffffff, true);
    this.#view.setUint32(stateAt.max, 0, true);
    this.#isFirst = true;
  }

  /** The first and the last cluster that the table points to so far; undefined where it points to none. */
  get span(): { readonly min: number; readonly max: number } | undefined {
    const min = this.#view.getUint32(stateAt.min, true);
    const max = this.#view.getUint32(stateAt.max, true);
    return min <= max ? { min, max } : undefined;
  }

  /**
   * Scans the first `length` bytes of the piece, which goes on where the one before ended. `bad` hears the index in the
   * piece of an entry that points nowhere it may.
   */
  scan(length: number, bad: (index: number) => void): void {
    this.#bad = bad;
    this.#run(stateBytes, stateBytes + length, this.#bitsAt, ...this.#limits);
    if (this.#spans) this.counts.zero += this.#view.getUint32(stateAt.zero, true);
    const allocated = length / 8 - this.#view.getInt32(stateAt.skipped, true);
    if (allocated === 0) return;
    this.counts.allocated += allocated;
    this.counts.fragmented += this.#view.getInt32(stateAt.fragmented, true) - (this.#isFirst ? 1 : 0);
    this.#isFirst = false;
  }

  /** Index of the first entry that is `value` from index `from` on, in the first `length` bytes of the piece; -1 when none is. */
  find(from: number, length: number, value: bigint): number {
    const end = stateBytes + length;
    const found = this.#find(stateBytes + from * 8, end, value);
    return found < end ? (found - stateBytes) / 8 : -1;
  }

  /** Both halves of an entry of the piece, unsigned. */
  entry(index: number): [low: number, high: number] {
    const at = stateBytes + index * 8;
    return [this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true)];
  }
}
