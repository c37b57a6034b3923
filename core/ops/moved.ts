// The second pass of a comparison: looks for mismatched sectors that are found elsewhere in the other image,
// as happens when a cluster is written to, or read from, the wrong place. Candidates are the first sectors of
// runs that are plain or torn by the other tests (at most `Limits.candidates`); sectors of one repeated byte or
// word are no candidates, for they equal too much. A filter on a 32-bit key keeps nearly all sectors from being
// looked up; a hit is verified byte by byte. The place found first in ascending order is reported.

import type { Pace } from "../base/pace.ts";
import { type Block, createBlock } from "./diff.ts";
import { type CompareItem, sectorSize, signatures } from "./mismatch.ts";
import { readNarrowing } from "./narrow.ts";
import type { Planner } from "./plan.ts";
import type { Candidate } from "./rowWriter.ts";
import type { Side } from "./side.ts";

const blockSize = 128 * 1024;
const wordsInSector = sectorSize / 4;
const filterBits = 20;
/** Failed verifications for one sector, and in all: a hostile image could have any number of sectors with one key. */
const mostInChain = 64;
const mostFailures = 1_000_000;
const moved = signatures.indexOf("moved");
/** Better signatures in one item. */
const batchSize = 4096;

export interface MovedProgress {
  done(position: number, bytesRead: number): void;
}

/** Reads what the planner plans; emits items of kind "signatures". Stops early with the pace. */
export async function findMoved(
  sides: { readonly a: Side; readonly b: Side },
  candidates: readonly Candidate[],
  planner: Planner,
  pace: Pace,
  emit: (item: CompareItem) => void,
  progress: MovedProgress,
): Promise<void> {
  const search = new Search(sides, candidates, emit);
  await search.prepare(pace);
  while (search.unsolved && !pace.stopped) {
    const item = await planner.next(pace);
    if (item === undefined) break;
    for (const range of item.ranges) {
      if (range.readA) await search.look("a", range.offset, range.length, pace);
      if (range.readB) await search.look("b", range.offset, range.length, pace);
    }
    progress.done(item.end, search.bytesRead);
  }
  search.flush();
}

class Search {
  bytesRead = 0;
  readonly #sides: { readonly a: Side; readonly b: Side };
  readonly #candidates: readonly Candidate[];
  readonly #emit: (item: CompareItem) => void;
  /** Sectors of A are looked for in B, and the other way round: indexed by the image searched. */
  readonly #wanted = { a: new SectorTable(), b: new SectorTable() };
  readonly #solved: Uint8Array;
  readonly #block = createBlock(blockSize);
  readonly #sector = createBlock(sectorSize);
  #left = 0;
  #failures = 0;
  #found: { row: number; detail: number }[] = [];

  constructor(
    sides: { readonly a: Side; readonly b: Side },
    candidates: readonly Candidate[],
    emit: (item: CompareItem) => void,
  ) {
    this.#sides = sides;
    this.#candidates = candidates;
    this.#emit = emit;
    this.#solved = new Uint8Array(candidates.length);
  }

  get unsolved(): boolean {
    return this.#left > 0 && this.#failures < mostFailures;
  }

  /** Reads the candidates' sectors and enters them under their keys. */
  async prepare(pace: Pace): Promise<void> {
    for (let i = 0; i < this.#candidates.length && !pace.stopped; i++) {
      const { offset } = this.#candidates[i] as Candidate;
      const inA = await this.#enter(i, offset, "a", "b");
      const inB = await this.#enter(i, offset, "b", "a");
      if (inA || inB) this.#left++;
      if (pace.due) await pace.turn();
    }
  }

  async #enter(candidate: number, offset: number, from: "a" | "b", searched: "a" | "b"): Promise<boolean> {
    if (!(await this.#readSector(from, offset))) return false;
    if (isOneWord(this.#sector.words)) return false;
    this.#wanted[searched].add(keyAt(this.#sector.words, 0), candidate);
    return true;
  }

  /** Looks in one image's range for the other image's mismatched sectors. */
  async look(image: "a" | "b", offset: number, length: number, pace: Pace): Promise<void> {
    const side = this.#sides[image];
    for (let at = offset; at < offset + length && this.unsolved && !pace.stopped; ) {
      const size = Math.min(offset + length - at, blockSize - (at % blockSize));
      // What cannot be read is zero here, and no candidate is.
      await readNarrowing((from, into) => side.read(from, into), at, this.#block.bytes.subarray(0, size));
      this.bytesRead += size;
      await this.#lookInBlock(image, at, size);
      at += size;
      if (pace.due) await pace.turn();
    }
  }

  async #lookInBlock(image: "a" | "b", base: number, size: number): Promise<void> {
    const table = this.#wanted[image];
    const { words } = this.#block;
    for (let word = 0; word < size / 4; word += wordsInSector) {
      const key = keyAt(words, word);
      if (table.mayHave(key)) await this.#verify(image, key, this.#block, word * 4, base + word * 4);
    }
  }

  async #verify(image: "a" | "b", key: number, block: Block, at: number, place: number): Promise<void> {
    const from = image === "a" ? "b" : "a";
    let failures = 0;
    for (const candidate of this.#wanted[image].under(key)) {
      const { offset, row } = this.#candidates[candidate] as Candidate;
      if (this.#solved[candidate] === 1 || offset === place) continue;
      const read = await this.#readSector(from, offset);
      if (!read || this.#sector.bytes.compare(block.bytes, at, at + sectorSize) !== 0) {
        this.#failures++;
        if (++failures >= mostInChain) break;
        continue;
      }
      this.#solved[candidate] = 1;
      this.#left--;
      this.#found.push({ row, detail: place });
      if (this.#found.length >= batchSize) this.flush();
    }
    this.#wanted[image].keep(key, (candidate) => this.#solved[candidate] === 0);
  }

  async #readSector(image: "a" | "b", offset: number): Promise<boolean> {
    try {
      await this.#sides[image].read(offset, this.#sector.bytes);
      return true;
    } catch {
      return false;
    }
  }

  flush(): void {
    const found = this.#found;
    if (found.length === 0) return;
    this.#found = [];
    this.#emit({
      kind: "signatures",
      row: Uint32Array.from(found, ({ row }) => row),
      signature: new Uint8Array(found.length).fill(moved),
      detail: Float64Array.from(found, ({ detail }) => detail),
    });
  }
}

/** Candidates by key: a bitmap that fits a core's cache answers nearly always, a map does the rest. */
class SectorTable {
  readonly #filter = new Uint8Array(2 ** filterBits / 8);
  readonly #byKey = new Map<number, number[]>();

  add(key: number, candidate: number): void {
    const bit = key >>> (32 - filterBits);
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] as number) | (1 << (bit & 7));
    const same = this.#byKey.get(key);
    if (same === undefined) this.#byKey.set(key, [candidate]);
    else same.push(candidate);
  }

  mayHave(key: number): boolean {
    const bit = key >>> (32 - filterBits);
    return ((this.#filter[bit >>> 3] as number) & (1 << (bit & 7))) !== 0 && this.#byKey.has(key);
  }

  /** Forgets the candidates under `key` that need no looking up any more. */
  keep(key: number, wanted: (candidate: number) => boolean): void {
    const left = this.under(key).filter(wanted);
    if (left.length > 0) this.#byKey.set(key, left);
    else this.#byKey.delete(key);
  }

  under(key: number): readonly number[] {
    return this.#byKey.get(key) ?? [];
  }
}

/** A 32-bit key from words spread over the sector. */
function keyAt(words: Int32Array, at: number): number {
  let key = Math.imul((words[at + 3] as number) ^ 0x5bd1e995, 0x85ebca6b);
  key = Math.imul(key ^ (key >>> 15) ^ (words[at + 37] as number), 0xc2b2ae35);
  key = Math.imul(key ^ (key >>> 13) ^ (words[at + 70] as number), 0x27d4eb2f);
  key = Math.imul(key ^ (key >>> 16) ^ (words[at + 111] as number), 0x165667b1);
  return (key ^ (key >>> 15)) >>> 0;
}

function isOneWord(words: Int32Array): boolean {
  const first = words[0];
  return words.every((word) => word === first);
}
