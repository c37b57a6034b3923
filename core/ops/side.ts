// One of the two images as a comparison sees it: in the comparison's own address space (shifted if asked),
// zeroes outside the image, and extents rounded to whole sectors. Addresses here are multiples of 512.

import { asBlockError, type BlockErrorContext } from "../base/errors.ts";
import { chainExtentAt } from "../block/extents.ts";
import { behind, type FilePlace, filesOf, type LayerFiles, placeOf } from "../block/filePlace.ts";
import type { BlockNode } from "../block/node.ts";
import { noFile } from "./filePieces.ts";
import { sectorSize } from "./mismatch.ts";

/** How a sector is stored, over the whole backing chain. `absent`: wholly or partly outside the image. */
export type Storage = "data" | "zero" | "unallocated" | "absent";

export interface Piece {
  readonly offset: number;
  readonly end: number;
  readonly storage: Storage;
  /** Known to read as zeroes, so that nothing need be read: also data that lies in a hole of its file. */
  readonly zero: boolean;
  /** The allocation could not be told: the range cannot be compared, for this reason. */
  readonly failed: string | undefined;
  /** Where its bytes lie in a file, for data that do. */
  readonly place?: FilePlace | undefined;
}

/** Step by which an unknown allocation is skipped where the format has no clusters, bytes. */
const defaultStep = 64 * 1024;

export class Side {
  readonly name: "a" | "b";
  readonly #node: BlockNode;
  readonly #shift: number;
  readonly #nodeSize: number;
  readonly #files: LayerFiles;
  #piece: Piece | undefined;

  /** Offset x of the comparison is byte x + `shift` of the node. The size is taken once, here. */
  constructor(name: "a" | "b", node: BlockNode, shift: number) {
    this.name = name;
    this.#node = node;
    this.#shift = shift;
    this.#nodeSize = node.size;
    this.#files = filesOf(node);
  }

  /** End of the image in the comparison's address space, bytes; not rounded, never negative. */
  get size(): number {
    return Math.max(0, this.#nodeSize - this.#shift);
  }

  /** Fills all of `target`; what lies outside the image is zero. Throws what the node throws. */
  read(offset: number, target: Uint8Array): Promise<void> {
    const from = offset + this.#shift;
    const to = from + target.length;
    if (from >= 0 && to <= this.#nodeSize) return this.#node.read(from, target);
    const low = Math.min(Math.max(from, 0), this.#nodeSize);
    const high = Math.max(low, Math.min(to, this.#nodeSize));
    target.fill(0, 0, Math.min(Math.max(low - from, 0), target.length));
    target.fill(0, Math.max(high - from, 0));
    return high > low ? this.#node.read(low, target.subarray(low - from, high - from)) : Promise.resolve();
  }

  /** The piece of uniform storage at `offset`, ending at `limit` at the latest. Calls with ascending offsets are cheap. */
  async pieceAt(offset: number, limit: number): Promise<Piece> {
    const known = this.#piece;
    if (known !== undefined && offset >= known.offset && offset < known.end) return known;
    const piece = await this.#look(offset, limit);
    this.#piece = piece;
    return piece;
  }

  /** Where the bytes from `offset` on lie, which is in `piece`; undefined where they have to be read from the node. */
  placeOf({ offset, zero, place }: Piece, at: number): FilePlace | undefined {
    if (zero) return { fd: noFile, offset: 0 };
    return behind(place, at - offset);
  }

  async #look(offset: number, limit: number): Promise<Piece> {
    const from = offset + this.#shift;
    if (from >= this.#nodeSize) return piece(offset, limit, "absent", true);
    if (from + sectorSize <= 0) {
      return piece(offset, Math.min(limit, roundDown(-this.#shift, sectorSize)), "absent", true);
    }
    if (from < 0 || from + sectorSize > this.#nodeSize) return partial(offset);
    const length = Math.min(limit - offset, this.#nodeSize - from);
    try {
      const extent = await chainExtentAt(this.#node, from, length);
      const whole = roundDown(Math.min(extent.length, length), sectorSize);
      // An extent that ends inside this sector: the sector is of two kinds and has to be read.
      if (whole === 0) return piece(offset, offset + sectorSize, "data", false);
      const zero = extent.state !== "data";
      const place = zero ? undefined : placeOf(this.#files, extent);
      return { offset, end: offset + whole, storage: extent.stored, zero, failed: undefined, place };
    } catch (error) {
      const { message, context } = asBlockError(error);
      const next = roundDown(this.#endOfFailure(from, length, context) - this.#shift, sectorSize);
      const end = Math.min(limit, Math.max(offset + sectorSize, next));
      return { offset, end, storage: "data", zero: false, failed: message };
    }
  }

  /**
   * Byte of the node up to which an unknown allocation is not asked for again: the end of the range that the node
   * itself blames (a bad L1 entry loses thousands of clusters at once), else of the cluster. An error that blames
   * what was asked for, all `asked` bytes from `from` on, knows no better.
   */
  #endOfFailure(from: number, asked: number, { node, offset, length = 0 }: BlockErrorContext): number {
    const step = this.#node.info.clusterSize ?? defaultStep;
    const cluster = roundDown(from, step) + step;
    if (node !== this.#node.name || offset === undefined || offset > from) return cluster;
    return offset === from && length === asked ? cluster : Math.max(cluster, offset + length);
  }
}

function piece(offset: number, end: number, storage: Storage, zero: boolean): Piece {
  return { offset, end, storage, zero, failed: undefined };
}

/** A sector that only partly belongs to the image: stored unlike a whole one, and it has to be read. */
function partial(offset: number): Piece {
  return { offset, end: offset + sectorSize, storage: "absent", zero: false, failed: undefined };
}

export function roundDown(value: number, step: number): number {
  return Math.floor(value / step) * step;
}

export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
