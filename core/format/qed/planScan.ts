// What a repair beyond the peer's has to know of a QED image: a pass over all tables that says of every cluster who
// keeps it. The L1 table comes first, then L2 tables in the order of L1, then data in the order of the guest; a later
// user of the same cluster has to move out.
import { hex, join64 } from "../../base/bytes.ts";
import { asBlockError, BlockError } from "../../base/errors.ts";
import type { ByteRange, LeakTotals } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import type { RepairJob } from "../../block/repair.ts";
import {
  type Bounds,
  boundsOf,
  isClusterOffset,
  isTableOffset,
  type QedHeader,
  tableEntries,
} from "./layout.ts";
import { PieceReader } from "./tablePieces.ts";
import { ClusterUsage, maxClusters } from "./usage.ts";

/** Runs of entries that are listed, and entries in them: more are left to a second repair. */
const maxRuns = 100_000;
const maxEntries = 1_000_000;
/**
 * Tables that share clusters with others, by the bytes that are read and would be copied of them. Every entry of an L1
 * table may name the same place: read one by one, 2 MiB of a hostile file would be 128 GiB.
 */
const mostMovedBytes = 64 * 1024 * 1024;
/** Ranges of leaked clusters that are listed. */
const maxLeaks = 100_000;
/** Entries of one run: what is written at once stays small. */
const longestRun = 8192;
const turnMs = 20;

/** Neighbours in one table that need the same: clear them, or give each a copy of its cluster. */
export interface EntryRun {
  readonly kind: "clear" | "copy";
  /** L1 index of the table; undefined for entries of the L1 table itself. */
  readonly l1Index: number | undefined;
  readonly table: number;
  readonly first: number;
  /** As they are in the file. */
  readonly values: bigint[];
}

/** A table whose clusters belong to another: it moves to a place of its own. */
export interface MovedTable {
  readonly l1Index: number;
  readonly offset: number;
  readonly runs: readonly EntryRun[];
}

export interface QedScan {
  readonly header: QedHeader;
  readonly bounds: Bounds;
  readonly fileSize: number;
  readonly runs: readonly EntryRun[];
  readonly moved: readonly MovedTable[];
  /** Tables that have to move, with more entries than are listed: only taking them away is offered. */
  readonly tooLarge: readonly { readonly l1Index: number; readonly offset: number }[];
  readonly dropped: number;
  readonly unreadable: readonly string[];
  /** The first of them. */
  readonly leaks: readonly ByteRange[];
  readonly leaked: LeakTotals;
  /** All of them, in the order of the file, and behind them what the file has after its last whole cluster. */
  leakedRanges(): Iterable<ByteRange>;
  /** End of the last cluster that anything refers to, bytes. */
  readonly usedEnd: number;
  /** Whether the cluster holds (a part of) a table that stays. */
  isTable(cluster: number): boolean;
}

interface Table {
  readonly l1Index: number;
  readonly offset: number;
}

/** Throws ECANCELED, EFBIG (too many clusters), EIO when the L1 table can't be read. */
export async function scanForRepair(file: BlockNode, header: QedHeader, job: RepairJob): Promise<QedScan> {
  return new Scan(file, header, job).run();
}

class Scan {
  readonly #file: BlockNode;
  readonly #header: QedHeader;
  readonly #bounds: Bounds;
  readonly #job: RepairJob;
  readonly #tables: ClusterUsage;
  readonly #all: ClusterUsage;
  readonly #unreadable: string[] = [];
  readonly #reader: PieceReader;
  #listed = { runs: 0, entries: 0 };
  #movedBytes = 0;
  #dropped = 0;
  #lastPause = performance.now();

  constructor(file: BlockNode, header: QedHeader, job: RepairJob) {
    this.#file = file;
    this.#header = header;
    this.#bounds = boundsOf(header, file.size);
    this.#job = job;
    const clusters = this.#bounds.fileEnd / header.clusterSize;
    if (clusters >= maxClusters) {
      throw new BlockError(
        "EFBIG",
        `The file has ${clusters} clusters; at most ${maxClusters - 1} can be repaired`,
      );
    }
    this.#reader = new PieceReader(file, tableEntries(header));
    this.#tables = new ClusterUsage(clusters);
    this.#all = new ClusterUsage(clusters);
  }

  async run(): Promise<QedScan> {
    const { clusterSize, tableSize, l1Offset } = this.#header;
    this.#markTable(l1Offset);
    const runs: EntryRun[] = [];
    const kept: Table[] = [];
    const others: Table[] = [];
    await this.#readL1(runs, (table) => {
      if (this.#markTable(table.offset)) kept.push(table);
      else {
        this.#all.markRun(table.offset / clusterSize, tableSize);
        if (others.length < maxRuns) others.push(table);
        else this.#dropped++;
      }
    });
    const total = kept.length + others.length;
    for (const [done, table] of kept.entries()) {
      await this.#breathe(done, total);
      await this.#scan(table, (run) => this.#keep(run, runs));
    }
    const moved: MovedTable[] = [];
    const tooLarge: Table[] = [];
    for (const [done, table] of others.entries()) {
      await this.#breathe(kept.length + done, total);
      await this.#scanMoved(table, moved, tooLarge);
    }
    const leaks: ByteRange[] = [];
    const leaked = { ranges: 0, bytes: 0 };
    let usedEnd = this.#bounds.fileEnd;
    for (const range of this.#leakedRanges()) {
      if (leaks.length < maxLeaks) leaks.push(range);
      leaked.ranges++;
      leaked.bytes += range.length;
      if (range.offset + range.length === this.#bounds.fileEnd) usedEnd = range.offset;
    }
    return {
      header: this.#header,
      bounds: this.#bounds,
      fileSize: this.#file.size,
      runs,
      moved,
      tooLarge,
      dropped: this.#dropped,
      unreadable: this.#unreadable,
      leaks,
      leaked,
      leakedRanges: () => this.#unusedRanges(),
      usedEnd,
      isTable: (cluster) => this.#tables.isUsed(cluster),
    };
  }

  *#leakedRanges(): Generator<ByteRange> {
    const { clusterSize, headerSize } = this.#header;
    for (const { index, count } of this.#all.unused(headerSize)) {
      yield { offset: index * clusterSize, length: count * clusterSize };
    }
  }

  *#unusedRanges(): Generator<ByteRange> {
    yield* this.#leakedRanges();
    const { fileEnd } = this.#bounds;
    if (this.#file.size > fileEnd) yield { offset: fileEnd, length: this.#file.size - fileEnd };
  }

  /** Answers whether the table has its clusters for itself, and then marks them. */
  #markTable(offset: number): boolean {
    const { clusterSize, tableSize } = this.#header;
    const first = offset / clusterSize;
    for (let i = 0; i < tableSize; i++) if (this.#tables.isUsed(first + i)) return false;
    this.#tables.markRun(first, tableSize);
    this.#all.markRun(first, tableSize);
    return true;
  }

  async #readL1(runs: EntryRun[], found: (table: Table) => void): Promise<void> {
    const { l1Offset } = this.#header;
    const collect = new RunCollector(undefined, l1Offset, (run) => this.#keep(run, runs));
    for await (const { halves, first } of this.#reader.entries(l1Offset)) {
      for (let i = 0; i < halves.length / 2; i++) {
        const [low = 0, high = 0] = [halves[i * 2], halves[i * 2 + 1]];
        if (low === 0 && high === 0) continue;
        const offset = join64(low, high);
        if (offset !== undefined && isTableOffset(offset, this.#bounds))
          found({ l1Index: first + i, offset });
        else collect.add("clear", first + i, low, high);
      }
      await this.#breathe(0, 1);
    }
    collect.end();
  }

  /** Lists the runs of one table. Throws ECANCELED; a table that can't be read is noted. */
  async #scan({ l1Index, offset: table }: Table, tell: TellRun): Promise<void> {
    const { clusterSize } = this.#header;
    const collect = new RunCollector(l1Index, table, tell);
    try {
      for await (const { halves, first } of this.#reader.entries(table)) {
        for (let i = 0; i < halves.length / 2; i++) {
          const [low = 0, high = 0] = [halves[i * 2], halves[i * 2 + 1]];
          if (high === 0 && low < 2) continue;
          const offset = join64(low, high);
          if (offset === undefined || !isClusterOffset(offset, this.#bounds)) {
            collect.add("clear", first + i, low, high);
          } else if (this.#all.markRun(offset / clusterSize, 1) > 0) {
            collect.add("copy", first + i, low, high);
          }
        }
        await this.#breathe(l1Index, tableEntries(this.#header));
      }
      collect.end();
    } catch (thrown) {
      const error = asBlockError(thrown);
      if (error.code === "ECANCELED") throw error;
      this.#unreadable.push(
        `The L2 table of L1[${l1Index}] at ${hex(table)} can't be read: ${error.message}`,
      );
    }
  }

  async #scanMoved(table: Table, moved: MovedTable[], tooLarge: Table[]): Promise<void> {
    if (this.#movedBytes >= mostMovedBytes) {
      tooLarge.push(table);
      return;
    }
    this.#movedBytes += this.#header.tableSize * this.#header.clusterSize;
    const runs: EntryRun[] = [];
    const before = { ...this.#listed };
    const unreadable = this.#unreadable.length;
    let left = 0;
    await this.#scan(table, (run) => {
      const isListed = this.#hasRoom(run);
      if (isListed) runs.push(run);
      else left++;
      return isListed;
    });
    if (this.#unreadable.length > unreadable) return;
    if (left > 0) {
      this.#listed = before;
      tooLarge.push(table);
    } else moved.push({ ...table, runs });
  }

  #keep(run: EntryRun, runs: EntryRun[]): true {
    if (this.#hasRoom(run)) runs.push(run);
    else this.#dropped++;
    return true;
  }

  #hasRoom({ values }: EntryRun): boolean {
    const listed = this.#listed;
    if (listed.runs >= maxRuns || listed.entries + values.length > maxEntries) return false;
    this.#listed = { runs: listed.runs + 1, entries: listed.entries + values.length };
    return true;
  }

  async #breathe(done: number, total: number): Promise<void> {
    if (performance.now() - this.#lastPause < turnMs) return;
    this.#job.progress?.(done, total);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#job.signal?.aborted) throw new BlockError("ECANCELED", "The repair was cancelled");
    this.#lastPause = performance.now();
  }
}

/** Answers whether more runs of the table are wanted. */
type TellRun = (run: EntryRun) => boolean;

/** Puts entries that are neighbours and need the same into one run. */
class RunCollector {
  readonly #l1Index: number | undefined;
  readonly #table: number;
  readonly #tell: TellRun;
  #run: EntryRun | undefined;
  #isWanted = true;

  constructor(l1Index: number | undefined, table: number, tell: TellRun) {
    this.#l1Index = l1Index;
    this.#table = table;
    this.#tell = tell;
  }

  add(kind: EntryRun["kind"], index: number, low: number, high: number): void {
    if (!this.#isWanted) return;
    const value = (BigInt(high) << 32n) | BigInt(low);
    const run = this.#run;
    if (run?.kind === kind && run.first + run.values.length === index && run.values.length < longestRun) {
      run.values.push(value);
      return;
    }
    this.end();
    this.#run = { kind, l1Index: this.#l1Index, table: this.#table, first: index, values: [value] };
  }

  end(): void {
    if (this.#run && this.#isWanted) this.#isWanted = this.#tell(this.#run);
    this.#run = undefined;
  }
}
