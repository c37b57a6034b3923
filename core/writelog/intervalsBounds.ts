// Where writes begin and end on the disk: all such bytes of a log once each, ascending. Sorted in pieces that are merged
// like a counter's digits, so that a turn can be given in between and bytes that come again cost no memory.
import { coversDisk, type LogIndex } from "./logIndex.ts";

/** Bytes collected before they are sorted. */
const pieceLength = 128 * 1024;
/** Entries between two calls of `turn`. */
const sliceLength = 4096;

/** Bounds between which the disk changed as one: a leaf begins at each but the last. */
export class Bounds {
  /** Stretches between neighbouring bounds. */
  readonly leaves: number;
  readonly #values: Float64Array;
  /** The disk in equal parts, about one for each leaf, and the index of the first bound in each part. */
  readonly #parts: Uint32Array;
  readonly #origin: number;
  readonly #width: number;

  /** `values` ascend, each once. */
  constructor(values: Float64Array) {
    this.leaves = Math.max(0, values.length - 1);
    this.#values = values;
    this.#origin = values[0] ?? 0;
    const span = (values.at(-1) ?? 0) - this.#origin;
    const parts = Math.max(1, this.leaves);
    this.#width = Math.max(1, span / parts);
    this.#parts = new Uint32Array(parts + 2);
    let part = 0;
    for (let i = 0; i < values.length; i++) {
      const last = this.#partOf(values[i] as number);
      while (part <= last) this.#parts[part++] = i;
    }
    this.#parts.fill(values.length, part);
  }

  /** Bytes of memory. */
  get memory(): number {
    return this.#values.byteLength + this.#parts.byteLength;
  }

  /** Byte at which the leaf begins; undefined where there is none. */
  start(leaf: number): number | undefined {
    return this.#values[leaf];
  }

  /** The last bound of at most `offset`: the leaf it is in; -1 before all. */
  leafAt(offset: number): number {
    if (!(offset >= this.#origin) || this.#values.length === 0) return -1;
    const values = this.#values;
    const part = Math.min(this.#partOf(offset), this.#parts.length - 2);
    let low = this.#parts[part] as number;
    let high = this.#parts[part + 1] as number;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((values[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #partOf(offset: number): number {
    return Math.floor((offset - this.#origin) / this.#width);
  }
}

/** Bounds of the writes and discards among the first `entries`. `turn` is called now and then; it throws to stop. */
export async function sortedBounds(
  index: LogIndex,
  entries: number,
  turn: (entry: number) => Promise<void>,
): Promise<Float64Array> {
  const piece = new Float64Array(pieceLength);
  const merged: Float64Array[] = [];
  let length = 0;
  for (let entry = 0; entry < entries; entry++) {
    if (entry % sliceLength === 0) await turn(entry);
    if (!coversDisk(index, entry)) continue;
    const offset = index.offsetOf(entry);
    piece[length] = offset;
    piece[length + 1] = offset + index.lengthOf(entry);
    length += 2;
    if (length < pieceLength) continue;
    add(merged, sortedOnce(piece, length), false);
    length = 0;
  }
  add(merged, sortedOnce(piece, length), true);
  return merged[0] ?? new Float64Array(0);
}

/** Merges with the pieces added before while these are no longer; `all`: whatever their lengths. */
function add(merged: Float64Array[], piece: Float64Array, all: boolean): void {
  let last = piece;
  for (
    let before = merged.at(-1);
    before && (all || before.length < 2 * last.length);
    before = merged.at(-1)
  ) {
    merged.pop();
    last = mergedOnce(before, last);
  }
  merged.push(last);
}

/** A copy of the first `length` values in order, each once. */
function sortedOnce(values: Float64Array, length: number): Float64Array {
  const sorted = values.subarray(0, length).sort();
  let kept = 0;
  for (let i = 0; i < length; i++) {
    const value = sorted[i] as number;
    if (kept === 0 || value !== sorted[kept - 1]) sorted[kept++] = value;
  }
  return sorted.slice(0, kept);
}

function mergedOnce(a: Float64Array, b: Float64Array): Float64Array {
  const result = new Float64Array(a.length + b.length);
  let length = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const x = a[i] as number;
    const y = b[j] as number;
    if (x <= y) i++;
    if (y <= x) j++;
    result[length++] = x <= y ? x : y;
  }
  const rest = i < a.length ? a.subarray(i) : b.subarray(j);
  result.set(rest, length);
  return result.slice(0, length + rest.length);
}
