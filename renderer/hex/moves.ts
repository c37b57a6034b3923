// Where the caret goes: by byte, row, page, sector and cluster, over rows that may be folded. Pure.
import type { RowMap } from "./model.ts";

export type Move = "left" | "right" | "up" | "down" | "pageUp" | "pageDown" | "rowStart" | "rowEnd";

export interface MoveInput {
  readonly rows: RowMap;
  readonly caret: number;
  /** Offsets that exist: 0 to extent - 1. */
  readonly extent: number;
  /** Rows of a page. */
  readonly page: number;
}

export function moved(move: Move, input: MoveInput): number {
  const { rows, caret, page } = input;
  const index = rows.rowOf(caret);
  switch (move) {
    case "left":
    case "right":
      return clamp(sideways(move === "left" ? -1 : 1, input), input.extent);
    case "up":
      return inRow(index - 1, input);
    case "down":
      return inRow(index + 1, input);
    case "pageUp":
      return inRow(index - page, input);
    case "pageDown":
      return inRow(index + page, input);
    case "rowStart":
      return rows.row(index).offset;
    case "rowEnd": {
      const row = rows.row(index);
      return clamp(row.offset + (row.kind === "fold" ? 0 : rows.bytesPerRow - 1), input.extent);
    }
  }
}

/** A fold is one step wide; the caret stands at its first byte. */
function sideways(step: 1 | -1, { rows, caret }: MoveInput): number {
  const row = rows.row(rows.rowOf(caret));
  const target = row.kind === "fold" ? (step > 0 ? row.offset + row.length : row.offset - 1) : caret + step;
  if (target < 0) return 0;
  const there = rows.row(Math.min(rows.rowCount - 1, rows.rowOf(target)));
  return there.kind === "fold" ? there.offset : target;
}

/** The same column in another row. */
function inRow(index: number, { rows, caret, extent }: MoveInput): number {
  const row = rows.row(Math.min(rows.rowCount - 1, Math.max(0, index)));
  if (row.kind === "fold") return row.offset;
  return clamp(row.offset + (caret % rows.bytesPerRow), extent);
}

const clamp = (offset: number, extent: number) => Math.max(0, Math.min(offset, extent - 1));

/** The start of the next unit (sector, cluster), or of the one before; the unit's own start comes first going back. */
export function toUnit(caret: number, unit: number, step: 1 | -1, extent: number): number {
  const start = Math.floor(caret / unit) * unit;
  const target = step > 0 ? start + unit : caret > start ? start : start - unit;
  if (target >= extent) return caret;
  return Math.max(0, target);
}

export interface ByteRange {
  readonly first: number;
  /** The last byte, included. */
  readonly last: number;
}

/** The whole unit (sector, cluster) around an offset. */
export function unitAround(offset: number, unit: number, extent: number): ByteRange {
  const first = Math.floor(offset / unit) * unit;
  return { first, last: clamp(first + unit - 1, extent) };
}

/** What Ctrl+A selects next: the cluster around the caret, then, when that is selected, everything. */
export function widerSelection(
  selected: ByteRange,
  caret: number,
  clusterSize: number | undefined,
  extent: number,
): ByteRange {
  const all = { first: 0, last: Math.max(0, extent - 1) };
  if (clusterSize === undefined) return all;
  const cluster = unitAround(caret, clusterSize, extent);
  const known = selected.first === cluster.first && selected.last === cluster.last;
  return known || (selected.first === all.first && selected.last === all.last) ? all : cluster;
}
