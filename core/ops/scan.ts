// Scans one work item: reads the blocks of its ranges, compares them, and gives runs, fragments at the borders
// and what could not be read. The same code runs in the job's own thread and in its helper.

import type { Pace } from "../base/pace.ts";
import { type Block, createBlock, diffBlocks } from "./diff.ts";
import { areEqual, blockBytes } from "./equalBytes.ts";
import type { Fragment } from "./fragment.ts";
import { sectorsOf } from "./fragment.ts";
import { type RunBatch, sectorSize, type Unreadable } from "./mismatch.ts";
import { type BadRange, readNarrowing } from "./narrow.ts";
import type { WorkItem, WorkRange } from "./plan.ts";
import { Rows } from "./rows.ts";
import { RunBuilder } from "./runBuilder.ts";
import { roundUp, type Side } from "./side.ts";
import {
  examinedBytes,
  isConstant,
  plainVerdict,
  tornAt,
  tornVerdict,
  type Verdict,
  verdictOfBytes,
  verdictOfTotals,
} from "./signature.ts";

/** What an item yielded. Plain data: it is sent between threads. */
export interface ItemResult {
  readonly start: number;
  /** Guest offset up to which the result holds; before the item's end if the scan was stopped. */
  readonly end: number;
  /** Runs that touch neither `start` nor `end`; undefined for none, the usual case. */
  readonly rows: RunBatch | undefined;
  /** The run that begins at `start`, if one does. */
  readonly head: Fragment | undefined;
  /** The run that ends at `end`, if one does and it does not begin at `start` as well. */
  readonly tail: Fragment | undefined;
  /** Ascending, neither joined nor limited. */
  readonly unreadable: readonly Unreadable[];
  readonly bytesRead: number;
}

export class Scanner {
  readonly #a: Side;
  readonly #b: Side;
  readonly #size: number;
  readonly #blockA = createBlock(blockBytes);
  readonly #blockB = createBlock(blockBytes);
  readonly #zeroes = createBlock(blockBytes);
  #againA: Block | undefined;
  #againB: Block | undefined;

  readonly #stopAtFirst: boolean;

  /** With `stopAtFirst` an item's scan ends with the first block in which something was found. */
  constructor(a: Side, b: Side, stopAtFirst: boolean) {
    this.#a = a;
    this.#b = b;
    this.#stopAtFirst = stopAtFirst;
    this.#size = Math.max(a.size, b.size);
  }

  /** Scans the item, or its beginning when the pace is stopped. */
  async scan(item: WorkItem, pace: Pace): Promise<ItemResult> {
    const found = new Findings(item, (run) => this.lengthOf(run));
    let end = item.end;
    for (const range of item.ranges) {
      const stoppedAt = await this.#scanRange(range, found, pace);
      if (stoppedAt !== undefined) {
        end = stoppedAt;
        break;
      }
    }
    const borders = found.builder.finish(end);
    await this.#settle(found);
    return {
      start: item.start,
      end,
      rows: found.rows.count === 0 ? undefined : found.rows.take(),
      ...borders,
      unreadable: found.unreadable.filter((range) => range.offset < end).sort((x, y) => x.offset - y.offset),
      bytesRead: found.bytesRead,
    };
  }

  /** Whether an item's two sides are the same bytes of files; false where it has to be scanned to tell. */
  areEqual(pieces: Float64Array, pace: Pace): Promise<boolean> {
    return areEqual(pieces, this.#blockA.bytes, this.#blockB.bytes, pace);
  }

  /** The signature of a run from its bytes, read again. A run whose bytes cannot be read any more is plain. */
  async verdictOf(run: Fragment): Promise<Verdict> {
    const decided = verdictOfTotals(run);
    if (decided !== undefined) return decided;
    this.#againA ??= createBlock(examinedBytes);
    this.#againB ??= createBlock(examinedBytes);
    const length = Math.min(run.end - run.offset, examinedBytes);
    const a = this.#againA.bytes.subarray(0, length);
    const b = this.#againB.bytes.subarray(0, length);
    try {
      await this.#a.read(run.offset, a);
      await this.#b.read(run.offset, b);
      const verdict = verdictOfBytes(run, a, b, run.offset);
      const tear = verdict === plainVerdict ? tornAt(run) : undefined;
      if (tear === undefined) return verdict;
      const neighbour = a.subarray(0, sectorSize);
      await this.#a.read(tear.neighbour, neighbour);
      return isConstant(neighbour, 0, sectorSize) ? verdict : tornVerdict(tear);
    } catch {
      return plainVerdict;
    }
  }

  /** Bytes of the run inside the images: the last sector may be cut by their end. */
  lengthOf(run: Fragment): number {
    return Math.min(run.end, this.#size) - run.offset;
  }

  /** Returns where the scan was stopped, if it was. */
  async #scanRange(range: WorkRange, found: Findings, pace: Pace): Promise<number | undefined> {
    const { builder } = found;
    const rangeEnd = range.offset + range.length;
    if (!range.readA && !range.readB) {
      found.look(this.#zeroes, this.#zeroes, range.offset, 0, range.storedDifferently);
      builder.same(range.offset, rangeEnd);
      return undefined;
    }
    const a = range.readA ? this.#blockA : this.#zeroes;
    const b = range.readB ? this.#blockB : this.#zeroes;
    for (let at = range.offset; at < rangeEnd; ) {
      const length = Math.min(rangeEnd - at, blockBytes - (at % blockBytes));
      const badA = range.readA ? await fill(this.#a, at, a, length) : allGood;
      const badB = range.readB ? await fill(this.#b, at, b, length) : allGood;
      found.bytesRead += range.readA && range.readB ? length * 2 : length;
      found.look(a, b, at, length, range.storedDifferently);
      if (badA.length === 0 && badB.length === 0) {
        diffBlocks(a, b, 0, length, at, builder);
      } else {
        found.unreadable.push(...unreadableIn(badA, badB, at));
        for (const part of readableParts(badA, badB, length)) {
          builder.gap();
          diffBlocks(a, b, part.from, part.to, at, builder);
        }
      }
      builder.endView();
      if (found.pending.length > 0) await this.#settle(found);
      at += length;
      if (pace.due) await pace.turn();
      if (pace.stopped || (this.#stopAtFirst && found.any)) return at;
    }
    return undefined;
  }

  async #settle(found: Findings): Promise<void> {
    for (const { run, row } of found.pending.splice(0)) {
      const verdict = await this.verdictOf(run);
      found.rows.signature[row] = verdict.signature;
      found.rows.detail[row] = verdict.detail;
    }
  }
}

/** What has been found in the item being scanned, and the blocks being compared. */
class Findings {
  readonly rows = new Rows();
  /** Runs whose bytes have to be read again for their signature, with their row. */
  readonly pending: { readonly run: Fragment; readonly row: number }[] = [];
  readonly unreadable: Unreadable[];
  readonly builder: RunBuilder;
  bytesRead = 0;
  readonly #lengthOf: (run: Fragment) => number;
  #a: Block | undefined;
  #b: Block | undefined;
  #start = 0;
  #length = 0;

  constructor(item: WorkItem, lengthOf: (run: Fragment) => number) {
    this.unreadable = [...item.failures];
    this.#lengthOf = lengthOf;
    this.builder = new RunBuilder(item.start, (run, inView) => this.#add(run, inView));
  }

  get any(): boolean {
    return this.rows.count > 0 || this.builder.any;
  }

  /** From now on the blocks hold `length` bytes from guest offset `start`. */
  look(a: Block, b: Block, start: number, length: number, storedDifferently: boolean): void {
    this.#a = a;
    this.#b = b;
    this.#start = start;
    this.#length = length;
    this.builder.view(a, b, start, start + length, storedDifferently);
  }

  #add(run: Fragment, inView: boolean): void {
    const verdict = verdictOfTotals(run) ?? (inView ? this.#verdictInView(run) : undefined);
    if (verdict === undefined) this.pending.push({ run, row: this.rows.count });
    const { signature, detail } = verdict ?? plainVerdict;
    this.rows.push(run.offset, this.#lengthOf(run), sectorsOf(run), run.bytes, signature, detail, 1);
  }

  /** The verdict from the blocks in memory; undefined if it needs a sector that is not in them. */
  #verdictInView(run: Fragment): Verdict | undefined {
    const a = this.#a?.bytes;
    const b = this.#b?.bytes;
    if (a === undefined || b === undefined) return undefined;
    const verdict = verdictOfBytes(run, a, b, this.#start);
    const tear = verdict === plainVerdict ? tornAt(run) : undefined;
    if (tear === undefined) return verdict;
    const at = tear.neighbour - this.#start;
    if (at < 0 || at + sectorSize > this.#length) return undefined;
    return isConstant(a, at, at + sectorSize) ? verdict : tornVerdict(tear);
  }
}

const allGood: readonly BadRange[] = [];

function fill(side: Side, offset: number, block: Block, length: number): Promise<readonly BadRange[]> {
  const target = length === block.bytes.length ? block.bytes : block.bytes.subarray(0, length);
  return readNarrowing((from, into) => side.read(from, into), offset, target);
}

/** The unreadable ranges of both sides as sectors of the guest, ascending; where both fail, one range. */
function* unreadableIn(a: readonly BadRange[], b: readonly BadRange[], base: number): Generator<Unreadable> {
  for (const { from, to, inA, inB } of overlay(a, b)) {
    if (inA === undefined && inB === undefined) continue;
    const side = inA === undefined ? "b" : inB === undefined ? "a" : "both";
    const message = inA?.message ?? inB?.message ?? "";
    yield { offset: base + from, length: to - from, side, message };
  }
}

/** The parts of [0, length) that could be read on both sides. */
function* readableParts(
  a: readonly BadRange[],
  b: readonly BadRange[],
  length: number,
): Generator<{ from: number; to: number }> {
  let at = 0;
  for (const { from, to, inA, inB } of overlay(a, b)) {
    if (inA === undefined && inB === undefined) continue;
    if (from > at) yield { from: at, to: from };
    at = to;
  }
  if (length > at) yield { from: at, to: length };
}

interface Overlay {
  readonly from: number;
  readonly to: number;
  readonly inA: BadRange | undefined;
  readonly inB: BadRange | undefined;
}

/** Cuts the line at every border of a range of either list and says what covers each part. */
function* overlay(a: readonly BadRange[], b: readonly BadRange[]): Generator<Overlay> {
  const cuts = new Set<number>();
  for (const range of [...a, ...b])
    cuts.add(range.offset).add(roundUp(range.offset + range.length, sectorSize));
  const sorted = [...cuts].sort((x, y) => x - y);
  for (let i = 0; i + 1 < sorted.length; i++) {
    const from = sorted[i] as number;
    const covers = (range: BadRange) => range.offset <= from && from < range.offset + range.length;
    yield { from, to: sorted[i + 1] as number, inA: a.find(covers), inB: b.find(covers) };
  }
}
