// Rows of the mismatch list as columns of numbers: growing while they are found, cut to size when sent.
import type { RunBatch } from "./mismatch.ts";

const firstCapacity = 256;

export class Rows {
  count = 0;
  offset = new Float64Array(firstCapacity);
  length = new Float64Array(firstCapacity);
  sectors = new Float64Array(firstCapacity);
  bytes = new Float64Array(firstCapacity);
  signature = new Uint8Array(firstCapacity);
  detail = new Float64Array(firstCapacity);
  runs = new Uint32Array(firstCapacity);

  push(
    offset: number,
    length: number,
    sectors: number,
    bytes: number,
    signature: number,
    detail: number,
    runs: number,
  ): void {
    const row = this.count;
    if (row === this.offset.length) this.#grow();
    this.offset[row] = offset;
    this.length[row] = length;
    this.sectors[row] = sectors;
    this.bytes[row] = bytes;
    this.signature[row] = signature;
    this.detail[row] = detail;
    this.runs[row] = runs;
    this.count = row + 1;
  }

  /** The rows so far in arrays of their own, and empties this. */
  take(): RunBatch {
    const { count } = this;
    this.count = 0;
    return {
      count,
      offset: this.offset.slice(0, count),
      length: this.length.slice(0, count),
      sectors: this.sectors.slice(0, count),
      bytes: this.bytes.slice(0, count),
      signature: this.signature.slice(0, count),
      detail: this.detail.slice(0, count),
      runs: this.runs.slice(0, count),
    };
  }

  #grow(): void {
    const capacity = this.offset.length * 2;
    this.offset = grown(this.offset, new Float64Array(capacity));
    this.length = grown(this.length, new Float64Array(capacity));
    this.sectors = grown(this.sectors, new Float64Array(capacity));
    this.bytes = grown(this.bytes, new Float64Array(capacity));
    this.signature = grown(this.signature, new Uint8Array(capacity));
    this.detail = grown(this.detail, new Float64Array(capacity));
    this.runs = grown(this.runs, new Uint32Array(capacity));
  }
}

function grown<T extends Float64Array | Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/** The memory of a batch, to hand it over to another thread instead of copying. */
export function buffersOf(batch: RunBatch): ArrayBuffer[] {
  return [
    batch.offset,
    batch.length,
    batch.sectors,
    batch.bytes,
    batch.signature,
    batch.detail,
    batch.runs,
  ].map((column) => column.buffer as ArrayBuffer);
}
