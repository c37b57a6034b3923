// The rows of a comparison, kept until the scan is over because a second pass may still better their signatures.
// Columns as they came; the core limits the number of rows (about half a million).
import {
  type CompareItem,
  type MismatchRow,
  type RunBatch,
  rowOf,
  type Unreadable,
} from "../ops/mismatch.ts";

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

  *rows(): Generator<MismatchRow> {
    for (const { batch } of this.#batches) {
      for (let i = 0; i < batch.count; i++) yield rowOf(batch, i);
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
