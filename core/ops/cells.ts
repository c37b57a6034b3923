// Kinds of cells in the order of a file or of the guest's disk, with their levels of detail: tiles of them, and the
// search for the next cell of a kind.
import { BlockError } from "../base/errors.ts";
import { type ClusterKind, kindNumber } from "../block/structure.ts";
import type { TileRequest } from "./mapRun.ts";
import { cellsAtOnce } from "./pyramid.ts";

/** Most cells of one tile: a million are a screen full of single pixels. */
export const longestTile = 4 * 1024 * 1024;
/** The level of detail by which searches pass over what can't hold what they look for. */
const skipLevel = 5;
const skipCells = cellsAtOnce ** skipLevel;

export class Cells {
  /** Level 0 is the cells themselves. */
  readonly #levels: readonly Uint8Array[];

  constructor(levels: readonly Uint8Array[]) {
    this.#levels = levels;
  }

  /** Cells of a level of detail, in memory of their own. Throws EINVAL. */
  tile(request: TileRequest): Uint8Array<ArrayBuffer> {
    const { level, first, count } = checkTile(request, this.#levels.length);
    const cells = this.#levels[level] as Uint8Array;
    return Uint8Array.from(cells.subarray(Math.min(first, cells.length), first + count));
  }

  /** The next cell of one of the kinds, from `from` on in either direction, around the end; undefined without any. */
  next(from: number, kinds: readonly ClusterKind[], backwards = false): number | undefined {
    const all = this.#levels[0]?.length ?? 0;
    if (!Number.isSafeInteger(from) || from < 0 || from >= all) throw invalid(`The map has ${all} clusters`);
    const wanted = new Uint8Array(256);
    for (const kind of kinds) wanted[kindNumber(kind)] = 1;
    return this.#find(from, wanted, backwards) ?? this.#find(backwards ? all - 1 : 0, wanted, backwards);
  }

  /** Stretches in which even the worst kind is better than those wanted are passed over by their cell. */
  #find(from: number, wanted: Uint8Array, backwards: boolean): number | undefined {
    const kinds = this.#levels[0] ?? new Uint8Array(0);
    const lowest = wanted.indexOf(1);
    if (lowest < 0) return undefined;
    const worst = this.#levels[skipLevel];
    const step = backwards ? -1 : 1;
    for (let at = from; at >= 0 && at < kinds.length; at += step) {
      const cell = Math.floor(at / skipCells);
      if (worst !== undefined && (worst[cell] as number) < lowest) {
        at = backwards ? cell * skipCells : (cell + 1) * skipCells - 1;
      } else if (wanted[kinds[at] as number] === 1) return at;
    }
    return undefined;
  }
}

/** The request itself. Throws EINVAL for a level that is not there, and for cells that are no range. */
export function checkTile(request: TileRequest, levels: number): TileRequest {
  const { level, first, count } = request;
  if (!Number.isInteger(level) || level < 0 || level >= levels) {
    throw invalid(`The map has the levels 0 to ${levels - 1}`);
  }
  const isRange = [first, count].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (!isRange || count > longestTile) {
    throw invalid(`A tile has up to ${longestTile} cells from a whole number on`);
  }
  return request;
}

function invalid(message: string): BlockError {
  return new BlockError("EINVAL", message);
}
