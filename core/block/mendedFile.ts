// An image's file as a repair would leave it, without changing a byte: what lies below is read through the changes of a
// script. The bytes shown as "after" and the map of the mended image are made from it.
import { BlockError } from "../base/errors.ts";
import type { ByteRange, RepairScript } from "./finding.ts";
import type { BlockNode, Extent } from "./node.ts";

/** Bytes that a script puts at an offset. */
interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class MendedFile implements BlockNode {
  readonly name: string;
  readonly driver = "mended";
  readonly readOnly = true;
  readonly children = [];
  readonly info = {};
  readonly size: number;
  readonly #file: BlockNode;
  readonly #script: RepairScript;
  /** By offset; no two overlap, as a script writes every place once. */
  readonly #patches: readonly Patch[];

  constructor(file: BlockNode, script: RepairScript) {
    this.name = file.name;
    this.size = script.newSize;
    this.#file = file;
    this.#script = script;
    const writes = script.last ? [...script.writes, script.last] : script.writes;
    this.#patches = [...writes, ...script.patches]
      .map(({ offset, newBytes }) => ({ offset, bytes: newBytes }))
      .sort((a, b) => a.offset - b.offset);
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    const end = offset + target.length;
    const { cutSize, copies } = this.#script;
    const kept = Math.max(0, Math.min(end, cutSize) - offset);
    if (kept > 0) await this.#file.read(offset, target.subarray(0, kept));
    target.fill(0, kept);
    if (kept < target.length) {
      for (let i = indexBehind(copies, offset, ({ to, length }) => to + length); ; i++) {
        const copy = copies[i];
        if (copy === undefined || copy.to >= end) break;
        const part = overlapOf({ offset: copy.to, length: copy.length }, offset, end);
        const piece = target.subarray(part.offset - offset, part.offset - offset + part.length);
        await this.#file.read(copy.from + part.offset - copy.to, piece);
      }
    }
    const first = indexBehind(this.#patches, offset, (patch) => patch.offset + patch.bytes.length);
    for (let i = first; ; i++) {
      const patch = this.#patches[i];
      if (patch === undefined || patch.offset >= end) break;
      const part = overlapOf({ offset: patch.offset, length: patch.bytes.length }, offset, end);
      const from = part.offset - patch.offset;
      target.set(patch.bytes.subarray(from, from + part.length), part.offset - offset);
    }
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    const kept = this.#script.cutSize - offset;
    if (kept > 0) return this.#file.extentAt(offset, Math.min(length, kept));
    return { offset, length, state: "data", compressed: false, hostOffset: undefined };
  }

  write = refuse;
  writeZeroes = refuse;
  discard = refuse;
  resize = refuse;
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

async function refuse(): Promise<never> {
  throw new BlockError("EROFS", "A repair that is only looked at changes nothing");
}

/** Of a sorted list, the first that ends behind `offset`. */
export function indexBehind<T>(list: readonly T[], offset: number, endOf: (entry: T) => number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (endOf(list[middle] as T) > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The part of a range between two offsets; the caller knows that there is one. */
export function overlapOf(range: ByteRange, start: number, end: number): ByteRange {
  const offset = Math.max(range.offset, start);
  return { offset, length: Math.min(range.offset + range.length, end) - offset };
}
