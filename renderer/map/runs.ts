// Cells as text: runs of neighbours of one kind, and cells asked for in pieces of bounded size.
import type { ClusterKind } from "../../core/block/structure.ts";
import type { MapSource } from "./contract.ts";
import { kindOf } from "./kinds.ts";
import type { CellSpan } from "./tiles.ts";

/** Runs of cells [starts[i], starts[i + 1]), the last one up to `end`. */
export interface KindRuns {
  readonly starts: readonly number[];
  /** Numbers of kinds. */
  readonly kinds: readonly number[];
  /** First cell that belongs to no run: the end of the cells, or where there were too many runs. */
  readonly end: number;
  /** Left out behind `end`, for there were more than `limit` runs. */
  readonly cut: boolean;
}

/** `cells` are those from `first` on; at most `limit` runs are listed. */
export function kindRuns(cells: Uint8Array, first: number, limit: number): KindRuns {
  const starts: number[] = [];
  const kinds: number[] = [];
  let last = -1;
  for (let at = 0; at < cells.length; at++) {
    const kind = cells[at] as number;
    if (kind === last) continue;
    if (starts.length === limit) return { starts, kinds, end: first + at, cut: true };
    starts.push(first + at);
    kinds.push(kind);
    last = kind;
  }
  return { starts, kinds, end: first + cells.length, cut: false };
}

/** Positions in `runs` of those of the kinds; of all, if there are none. */
export function runsOf(runs: KindRuns, kinds: ReadonlySet<ClusterKind>): readonly number[] {
  const wanted = (number: number) => {
    const kind = kindOf(number);
    return kinds.size === 0 || (kind !== undefined && kinds.has(kind));
  };
  return runs.kinds.flatMap((number, index) => (wanted(number) ? [index] : []));
}

/** Cells of one request. */
const piece = 2 ** 20;

/** All cells of a span. Rejects when some can't be had, or `signal` aborts. */
export async function readCells(
  source: MapSource,
  { level, first, end }: CellSpan,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const cells = new Uint8Array(Math.max(0, end - first));
  for (let at = first; at < end; at += piece) {
    const count = Math.min(piece, end - at);
    const part = await source.tile(level, at, count);
    signal?.throwIfAborted();
    cells.set(part.subarray(0, count), at - first);
  }
  return cells;
}
