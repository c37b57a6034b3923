// The rows of a comparison, kept until the scan is over because a second pass may still better their signatures.
// Columns as they came; the core limits the number of rows (about half a million).
import {
  type CompareItem,
  type RunBatch,
  type Signature,
  signatures,
  type Unreadable,
} from "../ops/mismatch.ts";

export interface Row {
  /** Guest offset and length, bytes. */
  readonly offset: number;
  readonly length: number;
  readonly sectors: number;
  readonly bytes: number;
  readonly signature: Signature;
  readonly detail: number;
  readonly runs: number;
}

export class RowList {
  readonly #batches: { readonly start: number; readonly batch: RunBatch }[] = [];
  #count = 0;
  readonly unreadable: Unreadable[] = [];

  take(item: CompareItem): void {
    switch (item.kind) {
      case "runs":
        this.#batches.push({ start: this.#count, batch: item.batch });
        this.#count += item.batch.count;
        break;
      case "signatures":
        item.row.forEach((row, i) => {
          this.#better(row, item.signature[i] ?? 0, item.detail[i] ?? 0);
        });
        break;
      case "unreadable":
        this.unreadable.push(item.range);
        break;
    }
  }

  get count(): number {
    return this.#count;
  }

  *rows(): Generator<Row> {
    for (const { batch } of this.#batches) {
      for (let i = 0; i < batch.count; i++) {
        yield {
          offset: batch.offset[i] ?? 0,
          length: batch.length[i] ?? 0,
          sectors: batch.sectors[i] ?? 0,
          bytes: batch.bytes[i] ?? 0,
          signature: signatures[batch.signature[i] ?? 0] ?? "plain",
          detail: batch.detail[i] ?? 0,
          runs: batch.runs[i] ?? 1,
        };
      }
    }
  }

  #better(row: number, signature: number, detail: number): void {
    let low = 0;
    let high = this.#batches.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#batches[middle]?.start ?? 0) <= row) low = middle;
      else high = middle - 1;
    }
    const found = this.#batches[low];
    if (found === undefined || row - found.start >= found.batch.count) return;
    found.batch.signature[row - found.start] = signature;
    found.batch.detail[row - found.start] = detail;
  }
}
