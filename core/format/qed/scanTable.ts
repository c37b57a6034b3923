// One pass over the entries of an L2 table: what they point to is marked, and what breaks a rule is told. The loop itself
// is scanCode.ts; it works in a memory of its own, into which tables are read and in which the bits of clusters lie.
import { wasmFunction, wasmMemory } from "../../base/wasm.ts";
import type { Bounds } from "./layout.ts";
import { nextOfNone, type ScanEntries, scanModule, stateAt, stateBytes } from "./scanCode.ts";
import { bitmapBytes, ClusterUsage } from "./usage.ts";

export interface TableCounts {
  allocated: number;
  fragmented: number;
  /** Entries that point to a cluster which was in use already. */
  again: number;
}

export class TableScanner {
  /** Clusters that entries point to. */
  readonly usage: ClusterUsage;
  /** The piece of a table to be scanned: entries as they are in the file. */
  readonly piece: Uint8Array<ArrayBuffer>;
  /** Of all pieces scanned. */
  readonly counts: TableCounts = { allocated: 0, fragmented: 0, again: 0 };
  readonly #limits: [number, bigint, bigint, bigint, bigint, bigint];
  readonly #view: DataView;
  readonly #run: ScanEntries;
  readonly #bitsAt: number;
  #isFirst = true;
  #bad: (index: number) => void = () => undefined;

  /** Throws RangeError when there is no room for two bits a cluster. */
  constructor(bounds: Bounds, pieceBytes: number) {
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
    this.usage = new ClusterUsage(clusters, new DataView(memory.buffer, this.#bitsAt, bitmapBytes(clusters)));
    this.#run = wasmFunction<ScanEntries>(scanModule(), memory, {
      bad: (at) => this.#bad((at - stateBytes) / 8),
      again: (index, count) => {
        this.counts.again += this.usage.markRun(index, count);
      },
    });
  }

  /** What follows is another table: its first entry goes on nowhere, which makes no fragment. */
  begin(): void {
    this.#view.setBigInt64(stateAt.next, nextOfNone, true);
    this.#isFirst = true;
  }

  /**
   * Scans the first `length` bytes of the piece, which goes on where the one before ended. `bad` hears the index in the
   * piece of an entry that points nowhere it may.
   */
  scan(length: number, bad: (index: number) => void): void {
    this.#bad = bad;
    this.#run(stateBytes, stateBytes + length, this.#bitsAt, ...this.#limits);
    const allocated = length / 8 - this.#view.getInt32(stateAt.skipped, true);
    if (allocated === 0) return;
    this.counts.allocated += allocated;
    this.counts.fragmented += this.#view.getInt32(stateAt.fragmented, true) - (this.#isFirst ? 1 : 0);
    this.#isFirst = false;
  }

  /** Both halves of an entry of the piece, unsigned. */
  entry(index: number): [low: number, high: number] {
    const at = stateBytes + index * 8;
    return [this.#view.getUint32(at, true), this.#view.getUint32(at + 4, true)];
  }
}
