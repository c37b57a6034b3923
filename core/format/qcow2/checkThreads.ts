// Has threads go over the tables of a large image (countThread.ts): they count what these refer to, and later compare their
// COPIED flags. They do ordinary entries only, and tell nothing: a table with others is gone over once more by the check
// itself, in its order. Without locks one thread may undo what another counts in the same moment: then the sum of all counts
// is too small, and they are not used.
import { BlockError } from "../../base/errors.ts";
import { askAll, ListAnswers, OneThreadAgain } from "../../base/programThread.ts";
import type { Sharing } from "../../base/sharing.ts";
import type { CheckJob, Finding } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import { type Addition, ClusterCounts } from "./checkCounts.ts";
import { CheckReporter } from "./checkReporter.ts";
import {
  type Answer,
  answerWords,
  bits,
  type CountThread,
  type Order,
  startCountThread,
} from "./countThread.ts";
import { offsetOf } from "./entry.ts";
import type { Qcow2Header, TablePlace } from "./layout.ts";
import { PieceReader } from "./pieces.ts";

/** Tables of one list: each takes 20 bytes of it. */
const mostTables = 1024 * 1024;
/** Bytes of counts, so that there is room for the threads' tables behind them. */
const mostCounts = 2 ** 32 - 2 ** 26;
const pageBytes = 4096;

/** What a check counts with. */
export interface Counting {
  readonly counts: ClusterCounts;
  readonly reporter: CheckReporter;
  readonly threads: CheckThreads | undefined;
}

/**
 * Runs a check, with threads where they are of use. If what they count can't be used it is run once more without them; what
 * it tells is told once.
 */
export async function countInThreads<T>(
  file: BlockNode,
  header: Qcow2Header,
  job: CheckJob,
  sharing: Sharing,
  check: (counting: Counting) => Promise<T>,
): Promise<T> {
  const amount = areOfUse(file, header, sharing) ? sharing.threads : 0;
  const counts = new ClusterCounts(header, file.size, amount);
  if (amount === 0) return check({ counts, reporter: new CheckReporter(job), threads: undefined });
  let told = 0;
  const first = new CheckReporter(
    telling(job, (one) => {
      told++;
      job.finding?.(one);
    }),
  );
  const threads = new CheckThreads(file, header, counts, first, sharing);
  try {
    return await check({ counts, reporter: first, threads });
  } catch (error) {
    if (!(error instanceof OneThreadAgain)) throw error;
  } finally {
    await threads.close();
  }
  counts.restart();
  // Up to where the first one ended the same is found, in the same order.
  const second = telling(job, (one) => {
    if (told > 0) told--;
    else job.finding?.(one);
  });
  return check({ counts, reporter: new CheckReporter(second), threads: undefined });
}

/** The same job, whose findings go elsewhere if it wants them at all. */
function telling(job: CheckJob, finding: (one: Finding) => void): CheckJob {
  return {
    ...(job.signal && { signal: job.signal }),
    progress: (done, total) => job.progress?.(done, total),
    ...(job.finding && { finding }),
  };
}

function areOfUse(file: BlockNode, header: Qcow2Header, { threads, leastBytes }: Sharing): boolean {
  const { clusterSize, l1, hasDataFile } = header;
  if (threads < 2 || file.descriptor === undefined || hasDataFile) return false;
  if (Math.ceil(file.size / clusterSize) * 4 > mostCounts) return false;
  return Math.min(l1.entries * clusterSize, file.size) >= leastBytes;
}

/** What a thread says of a table. */
export interface TableAnswer {
  /** Some of its entries were not counted, or not found in order: the check has to look at them. */
  readonly isOdd: boolean;
  /** This and the numbers are those of a table that was counted. */
  readonly isCopied: boolean;
  readonly allocated: number;
  readonly fragmented: number;
}

/** What threads say of a list of tables, to be asked for in its order. */
export class TableAnswers extends ListAnswers {
  constructor(offsets: readonly number[], answers: Uint32Array) {
    super(offsets, answers, answerWords);
  }

  /**
   * Of the next table. undefined: nobody went over it, since it could not be read, or too many are odd. Throws
   * OneThreadAgain where another table is the next one.
   */
  next(offset: number): TableAnswer | undefined {
    const [flags = 0, allocated = 0, fragmented = 0] = this.nextWords(offset);
    if ((flags & bits.done) === 0) return undefined;
    return {
      isOdd: (flags & bits.odd) !== 0,
      isCopied: (flags & bits.copied) !== 0,
      allocated,
      fragmented,
    };
  }
}

export class CheckThreads {
  readonly #file: BlockNode;
  readonly #header: Qcow2Header;
  readonly #counts: ClusterCounts;
  readonly #reporter: CheckReporter;
  readonly #sharing: Sharing;
  readonly #threads: CountThread[] = [];

  constructor(
    file: BlockNode,
    header: Qcow2Header,
    counts: ClusterCounts,
    reporter: CheckReporter,
    sharing: Sharing,
  ) {
    this.#file = file;
    this.#header = header;
    this.#counts = counts;
    this.#reporter = reporter;
    this.#sharing = sharing;
  }

  /** The wanted ones of the L2 tables that an L1 table refers to, each once; none where it can't be read. Throws ECANCELED. */
  async tables(l1: TablePlace, isWanted: (offset: number) => boolean): Promise<readonly number[]> {
    const offsets = new Set<number>();
    try {
      for await (const { halves } of new PieceReader(this.#file).words(l1)) {
        for (let at = 0; at < halves.length; at += 2) {
          const [high = 0, low = 0] = [halves[at], halves[at + 1]];
          if (high === 0 && low === 0) continue;
          const offset = offsetOf(high, low);
          if (offset < this.#file.size && isWanted(offset)) offsets.add(offset);
        }
        await this.#reporter.breathe();
      }
    } catch (error) {
      if (!(error instanceof BlockError) || error.code === "ECANCELED") throw error;
      return [];
    }
    return [...offsets];
  }

  /**
   * Counts what the tables refer to, `times` each; undefined where they are too few, or too many to be remembered. None is
   * there twice. `part` hears how much of it is done. Throws OneThreadAgain, ECANCELED.
   */
  async count(
    offsets: readonly number[],
    times: number,
    part?: (done: number) => void,
  ): Promise<TableAnswers | undefined> {
    const counted = await this.#goOver(offsets, this.#counts.addition(times), part);
    if (counted === undefined) return undefined;
    for (let index = 0; index < offsets.length; index++) {
      const [flags = 0, allocated = 0] = counted.words(index);
      if ((flags & bits.done) !== 0) this.#counts.noteAdded(allocated, times, (flags & bits.again) !== 0);
    }
    await this.#expectSum();
    return counted;
  }

  /** Compares the tables' COPIED flags with the counts; undefined as from `count`. Throws OneThreadAgain, ECANCELED. */
  async compareFlags(
    offsets: readonly number[],
    part: (done: number) => void,
  ): Promise<TableAnswers | undefined> {
    return this.#goOver(offsets, undefined, part);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  async #goOver(
    offsets: readonly number[],
    addition: Addition | undefined,
    part?: (done: number) => void,
  ): Promise<TableAnswers | undefined> {
    const bytes = offsets.length * this.#header.clusterSize;
    if (bytes < this.#sharing.leastBytes || offsets.length > mostTables) return undefined;
    this.#start(bytes);
    const answers = new Uint32Array(new SharedArrayBuffer(offsets.length * answerWords * 4));
    const taken = new Int32Array(new SharedArrayBuffer(4));
    const list = { addition, offsets: Float64Array.from(offsets), answers, taken };
    const look = () => part?.(Math.min(1, Atomics.load(taken, 0) / offsets.length));
    const all = await this.#ask(() => ({ list }), look);
    if (all.some(({ isOver }) => isOver)) throw new OneThreadAgain("a cluster is referred to too often");
    return new TableAnswers(offsets, answers);
  }

  /** `tableBytes`: of the tables to begin with. Throws OneThreadAgain when the system has no room for the threads. */
  #start(tableBytes: number): void {
    if (this.#threads.length > 0) return;
    const fd = this.#file.descriptor;
    if (fd === undefined) throw new OneThreadAgain("the file is read by one thread only");
    const { counts } = this.#counts;
    // Several threads that touch new memory at once take the system several times as long. A file may be long and have
    // next to nothing in it: no more is touched than the tables' entries may need.
    const step = pageBytes / counts.BYTES_PER_ELEMENT;
    const end = Math.min(counts.length, tableBytes / counts.BYTES_PER_ELEMENT);
    for (let at = 0; at < end; at += step) counts[at] = counts[at] as number;
    const start = { fd, fileSize: this.#file.size, clusterSize: this.#header.clusterSize };
    try {
      for (let index = 0; index < this.#sharing.threads; index++) {
        this.#threads.push(startCountThread({ ...this.#counts.shareOf(index), ...start }));
      }
    } catch (thrown) {
      throw new OneThreadAgain("a thread could not be started", { cause: thrown });
    }
  }

  async #expectSum(): Promise<void> {
    const { counts, total } = this.#counts;
    const { byteOffset, byteLength } = counts;
    const words = Math.ceil(byteLength / 8);
    const address = (part: number) => byteOffset + Math.floor((words * part) / this.#threads.length) * 8;
    const all = await this.#ask((index) => ({ sum: { at: address(index), end: address(index + 1) } }));
    const sum = all.reduce((before, answer) => before + answer.sum, 0n);
    if (Number(sum) !== total) throw new OneThreadAgain(`the counts make ${sum}, and should make ${total}`);
  }

  /** Asks all threads, and lets a cancel arrive meanwhile. */
  #ask(order: (index: number) => Order, look?: () => void): Promise<readonly Answer[]> {
    return askAll(this.#threads, order, async () => {
      look?.();
      await this.#reporter.breathe();
    });
  }
}
