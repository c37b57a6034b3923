// Majority salvage: out of several damaged copies of one disk the one that most of them describe. Votes are counted by
// votes.ts; here what won is written, and each range in which copies disagree is told with what was put there.
import { asBlockError, BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import { Tally } from "./voteMap.ts";
import type { VoteMapTotals, VoteRun } from "./voteRun.ts";
import { scanVotes } from "./votes.ts";
import { zeroRuns } from "./zeroRuns.ts";

export interface SalvageRequest {
  /** Only read. A shorter one has no vote behind its end. */
  readonly copies: readonly BlockNode[];
  /** At least as long as the longest copy. */
  readonly target: BlockNode;
  /** Copies that have to say the same. */
  readonly threshold: number;
  /** Number of the copy that is taken where there is no majority; undefined: zeroes. */
  readonly fallback: number | undefined;
  /** What is not written reads as zeroes. */
  readonly targetIsZero: boolean;
  readonly signal: AbortSignal;
  /** Told of each range in which the copies are not of one mind, ascending. */
  run(run: SalvagedRun): void;
  progress?(done: number, total: number): void;
}

/** How the bytes of a range were found: what won the vote, the copy of that number, or nothing. */
export type Written = "winner" | "zeroes" | number;

export interface SalvagedRun extends VoteRun {
  readonly written: Written;
}

export interface SalvageSummary extends VoteMapTotals {
  readonly size: number;
  /** Ranges without a winner. */
  readonly undecidedRuns: number;
  /** Ranges and bytes whose winner is owed to the rule for ties. */
  readonly tiedRuns: number;
  readonly tiedBytes: number;
}

/** Zeroes in a row that are left out of the target, bytes; a larger cluster is left out as a whole. */
const leastHole = 4096;
const mostGranule = 2 * 1024 * 1024;
/** Zeroes are written in requests of at most this much, so that a cancel is heard in between. */
const longestZero = 1024 * 1024 * 1024;

/** The least number of copies that is more than half of them. */
export function majorityOf(copies: number): number {
  return Math.floor(copies / 2) + 1;
}

/** Throws ECANCELED and what writing the target throws. What can't be read of a copy is data, not an error. */
export async function salvage(request: SalvageRequest): Promise<SalvageSummary> {
  const { copies, threshold, fallback, signal } = request;
  const size = Math.max(0, ...copies.map((copy) => copy.size));
  const output = new Output(request);
  const tally = new Tally(copies.length);
  let reached = 0;
  let [undecidedRuns, tiedRuns, tiedBytes] = [0, 0, 0];
  const runs = scanVotes(copies, threshold, {
    signal,
    fallback,
    progress: ({ done }) => {
      reached = done;
      request.progress?.(done, size);
    },
    content: (offset, length, bytes) => output.put(offset, length, bytes),
  });
  for await (const run of runs) {
    // A run that was cut off by a cancel is half the truth.
    if (signal.aborted) break;
    tally.add(run);
    if (run.winner.length === 0) undecidedRuns++;
    else if (run.tied) {
      tiedRuns++;
      tiedBytes += run.length;
    }
    request.run({ ...run, written: writtenIn(run, fallback) });
  }
  if (signal.aborted || reached < size) throw cancelled();
  await output.finish(size);
  return { ...tally.totals, size, undecidedRuns, tiedRuns, tiedBytes };
}

function writtenIn({ winner, unreadable }: VoteRun, fallback: number | undefined): Written {
  if (winner.length > 0) return "winner";
  if (fallback === undefined || unreadable.some(({ child }) => child === fallback)) return "zeroes";
  return fallback;
}

function cancelled(): BlockError {
  return new BlockError("ECANCELED", "The salvage was cancelled");
}

/** The target, filled in ascending order. What it is not told of is zeroes. */
class Output {
  readonly #target: BlockNode;
  readonly #isZero: boolean;
  readonly #signal: AbortSignal;
  readonly #granule: number;
  #position = 0;

  constructor({ target, targetIsZero, signal }: SalvageRequest) {
    this.#target = target;
    this.#isZero = targetIsZero;
    this.#signal = signal;
    // A cluster is allocated as a whole: zeroes in parts of it save nothing.
    this.#granule = Math.max(leastHole, Math.min(target.info.clusterSize ?? 0, mostGranule));
  }

  async put(offset: number, length: number, bytes: Uint8Array | undefined): Promise<void> {
    await this.#zeroUpTo(offset);
    if (bytes === undefined) return this.#zeroUpTo(offset + length);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const { start, end, zero } of zeroRuns(buffer, this.#granule, offset % this.#granule)) {
      if (zero) await this.#zeroUpTo(offset + end);
      else await this.#write(offset + start, end - start, buffer.subarray(start, end));
    }
  }

  async finish(size: number): Promise<void> {
    await this.#zeroUpTo(size);
    await this.#target.flush();
  }

  async #zeroUpTo(end: number): Promise<void> {
    if (this.#isZero) this.#position = Math.max(this.#position, end);
    while (this.#position < end) {
      await this.#write(this.#position, Math.min(longestZero, end - this.#position), undefined);
    }
  }

  async #write(offset: number, length: number, bytes: Uint8Array | undefined): Promise<void> {
    if (this.#signal.aborted) throw cancelled();
    try {
      if (bytes === undefined) await this.#target.writeZeroes(offset, length, { mayUnmap: true });
      else await this.#target.write(offset, bytes);
    } catch (thrown) {
      const error = asBlockError(thrown);
      const message = `Could not write ${length} bytes at offset ${offset} of the target: ${error.message}`;
      throw new BlockError(error.code, message, error.context, { cause: error });
    }
    this.#position = offset + length;
  }
}
