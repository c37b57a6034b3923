// Order and selection of the mismatch list: from the columns to the row indices to show. Pure; runs in
// runSort.worker.ts, because sorting 466,000 rows takes longer than a frame.
import { type RunBatch, rowOf } from "../../../core/ops/mismatch.ts";
import { type ClusterSizes, matches, type Term } from "./filter.ts";
import type { Run } from "./runTable.ts";

/** Columns a person can sort by; "row" is the natural order, by guest offset. */
export const sortKeys = ["row", "offset", "length", "bytes", "signature"] as const;
export type SortKey = (typeof sortKeys)[number];

export interface Order {
  readonly key: SortKey;
  readonly descending: boolean;
}
export const naturalOrder: Order = { key: "row", descending: false };

export interface SortRequest {
  /** Answers carry it back: only the latest counts. */
  readonly id: number;
  readonly columns: RunBatch;
  readonly order: Order;
  readonly terms: readonly Term[];
  readonly clusters: ClusterSizes;
}
export interface SortReply {
  readonly id: number;
  readonly rows: Uint32Array;
}

/** Whether the list can be shown without any work: every row, by offset. */
export function isNatural(order: Order, terms: readonly Term[]): boolean {
  return terms.length === 0 && !order.descending && (order.key === "row" || order.key === "offset");
}

/** The rows that pass the filter, in order; equal keys stay in the order of their offsets. */
export function orderRows({ columns, order, terms, clusters }: Omit<SortRequest, "id">): Uint32Array {
  const rows = filterRows(columns, terms, clusters);
  const key = keyColumn(columns, order.key);
  if (!key) return order.descending ? rows.reverse() : rows;
  const sign = order.descending ? -1 : 1;
  return rows.sort((left, right) => sign * ((key[left] ?? 0) - (key[right] ?? 0)) || left - right);
}

function filterRows(columns: RunBatch, terms: readonly Term[], clusters: ClusterSizes): Uint32Array {
  const rows = new Uint32Array(columns.count);
  let kept = 0;
  for (let row = 0; row < columns.count; row++) {
    if (terms.length === 0 || matches(terms, runOf(columns, row), clusters)) rows[kept++] = row;
  }
  return rows.slice(0, kept);
}

function keyColumn(columns: RunBatch, key: SortKey): ArrayLike<number> | undefined {
  switch (key) {
    case "length":
      return columns.length;
    case "bytes":
      return columns.bytes;
    case "signature":
      return columns.signature;
    default:
      return undefined;
  }
}

const runOf = (columns: RunBatch, row: number): Run => ({ row, ...rowOf(columns, row) });
