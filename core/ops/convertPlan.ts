// What a conversion copies: the sources one after the other as a run of pieces, each data, zeroes, or the same as the
// target's backing file. Block status over the chain decides, so that nothing is read that need not be.
import { asBlockError, BlockError } from "../base/errors.ts";
import { strerror } from "../base/strerror.ts";
import { chainExtentAt, childOf } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { sizeInSectors } from "./map.ts";

export type PieceKind =
  | "data"
  | "zero"
  /** The target's backing file holds it already. */
  | "backing";

export interface Piece {
  readonly kind: PieceKind;
  readonly source: BlockNode;
  /** Byte of the source and of the target. */
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

export interface PlanOptions {
  /**
   * Bytes the target's backing file has, when it has one: then only what the source itself holds is copied, and its
   * backing file is taken for the target's. What reads as zeroes because the source has none, or a shorter one, is zeroes.
   */
  readonly backingSize: number | undefined;
  /** Behind the end of that backing file the target holds zeroes, as a new one does. Default false: it may hold anything. */
  readonly isZeroBehind?: boolean | undefined;
  /** Told of ranges whose place can't be found; they are tried as data then. Without it they are an error. */
  readonly salvage: ((offset: number, reason: string) => void) | undefined;
}

const sector = 512;
/** After a failure a range this many times shorter is asked for, down to one sector. */
const shrink = 4;

/** Bytes of all sources, each in whole sectors. */
export function totalSize(sources: readonly BlockNode[]): number {
  return sources.reduce((sum, source) => sum + sizeInSectors(source), 0);
}

/** Yields adjoining pieces in order, from the first source's beginning to the last one's end. */
export async function* planPieces(
  sources: readonly BlockNode[],
  options: PlanOptions,
): AsyncGenerator<Piece> {
  let to = 0;
  for (const source of sources) {
    const size = sizeInSectors(source);
    const reach: Reach = { bytes: Number.MAX_SAFE_INTEGER };
    for (let from = 0; from < size; ) {
      const wanted = Math.min(size - from, limitOf(to, options));
      const piece = await pieceAt({ source, from, to }, wanted, reach, options);
      yield piece;
      from += piece.length;
      to += piece.length;
    }
  }
}

/** A piece does not reach across the end of the target's backing file. */
function limitOf(to: number, { backingSize }: PlanOptions): number {
  return backingSize !== undefined && to < backingSize ? backingSize - to : Number.MAX_SAFE_INTEGER;
}

/**
 * How much is asked for at once: behind a failure little, then more and more. To begin with all of the rest each time takes
 * ten failures for every sector of a long range whose place can't be found.
 */
interface Reach {
  bytes: number;
}

async function pieceAt(
  place: Pick<Piece, "source" | "from" | "to">,
  wanted: number,
  reach: Reach,
  options: PlanOptions,
): Promise<Piece> {
  const { source, from, to } = place;
  if (from >= source.size) return { ...place, kind: "zero", length: wanted };
  const ask = (length: number) =>
    options.backingSize === undefined ? chainExtentAt(source, from, length) : ownExtent(source, from, length);
  for (let asked = Math.min(wanted, source.size - from, reach.bytes); ; ) {
    try {
      const { state, length } = await ask(asked);
      if (reach.bytes < Number.MAX_SAFE_INTEGER) reach.bytes *= shrink;
      return { ...place, kind: kindOf(state, to, options), length: wholeSectors(length, wanted) };
    } catch (thrown) {
      const error = asBlockError(thrown);
      if (options.salvage === undefined) throw statusError(to, error);
      if (asked <= sector) {
        options.salvage(to, strerror(error));
        return { ...place, kind: "data", length: Math.min(sector, wanted) };
      }
      asked = Math.ceil(asked / shrink / sector) * sector;
      reach.bytes = asked;
    }
  }
}

/** What the source itself says: unallocated is only what its own backing file answers for, which may be shorter or missing. */
async function ownExtent(source: BlockNode, from: number, asked: number) {
  const { state, length } = await source.extentAt(from, asked);
  if (state !== "unallocated") return { state, length };
  const left = (childOf(source, "backing")?.size ?? 0) - from;
  return left > 0 ? { state, length: Math.min(length, left) } : { state: "zero" as const, length };
}

function kindOf(
  state: "data" | "zero" | "unallocated",
  to: number,
  { backingSize, isZeroBehind }: PlanOptions,
): PieceKind {
  if (state === "data") return "data";
  if (backingSize === undefined) return "zero";
  // Behind its end the backing file is as if it held zeroes.
  return state === "unallocated" || (isZeroBehind && to >= backingSize) ? "backing" : "zero";
}

/** Extents of files end at any byte; a sector of two kinds counts as the first. */
function wholeSectors(length: number, wanted: number): number {
  return Math.min(wanted, Math.ceil(length / sector) * sector);
}

function statusError(offset: number, error: BlockError): BlockError {
  return new BlockError(
    error.code,
    `Could not find where the bytes at offset ${offset} lie: ${error.message}`,
    {
      ...error.context,
      peer: { message: `error while reading block status at offset ${offset}: ${strerror(error)}` },
    },
    { cause: error },
  );
}

/** Adjoining pieces that are copied in one way. */
export interface Stretch {
  readonly kind: PieceKind;
  /** Byte of the target. */
  readonly to: number;
  readonly length: number;
  /** One behind the other: what the stretch is made of. */
  readonly parts: readonly Piece[];
}

export function stretchOf(piece: Piece): Stretch {
  return { kind: piece.kind, to: piece.to, length: piece.length, parts: [piece] };
}

/**
 * The same pieces as stretches that begin and end between clusters of the target, but for the last one's end: clusters
 * that are data in any part of them, or of several kinds, are data.
 */
export async function* wholeClusters(
  pieces: AsyncIterable<Piece>,
  clusterSize: number,
): AsyncGenerator<Stretch> {
  /** Of a cluster that is not complete. */
  let open: Piece[] = [];
  for await (const piece of pieces) {
    let rest: Piece | undefined = piece;
    if (open.length > 0) {
      const missing = clusterSize - (piece.to % clusterSize);
      open.push(cut(piece, 0, Math.min(missing, piece.length)));
      if (piece.length < missing) continue;
      yield joined(open);
      open = [];
      rest = piece.length > missing ? cut(piece, missing, piece.length) : undefined;
    }
    if (rest === undefined) continue;
    const whole: number = Math.floor(rest.length / clusterSize) * clusterSize;
    if (whole > 0) yield stretchOf(cut(rest, 0, whole));
    if (whole < rest.length) open.push(cut(rest, whole, rest.length));
  }
  if (open.length > 0) yield joined(open);
}

function joined(parts: readonly Piece[]): Stretch {
  const [first, ...others] = parts as [Piece, ...Piece[]];
  const isSame = others.every(({ kind }) => kind === first.kind);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return { kind: isSame ? first.kind : "data", to: first.to, length, parts };
}

/** The bytes from `start` up to `end` of a stretch. */
export function within({ kind, to, parts }: Stretch, start: number, end: number): Stretch {
  const found: Piece[] = [];
  for (const part of parts) {
    const first = Math.max(0, to + start - part.to);
    const last = Math.min(part.length, to + end - part.to);
    if (first < last) found.push(cut(part, first, last));
  }
  return { kind, to: to + start, length: end - start, parts: found };
}

function cut(piece: Piece, start: number, end: number): Piece {
  return { ...piece, from: piece.from + start, to: piece.to + start, length: end - start };
}
