// What the writes of a log amount to: how far its flushes lie apart, how much was written more than once and where most
// often. Exact, in memory that the log's number of entries bounds: 12 bytes for each place where a write begins or ends.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { Bounds, sortedBounds } from "./intervalsBounds.ts";
import { coversDisk, type LogIndex, type LogTotals } from "./logIndex.ts";

export interface Spread {
  /** Of how many values; the others are undefined when there is none. */
  readonly count: number;
  readonly min: number | undefined;
  readonly median: number | undefined;
  /** 95 of 100 values are not larger. */
  readonly p95: number | undefined;
  readonly max: number | undefined;
}

export interface HotRange {
  /** Bytes of the disk, all of them written so many times. */
  readonly offset: number;
  readonly length: number;
  readonly writes: number;
}

export interface LogStats {
  readonly totals: LogTotals;
  /** Entries before each flush behind the one before it, and bytes that they write: without what was never flushed. */
  readonly flushEntries: Spread;
  readonly flushBytes: Spread;
  /** Entries and bytes written behind the last flush. */
  readonly unflushed: { readonly entries: number; readonly bytes: number };
  /** Bytes of the disk that were written at all, and more than once. */
  readonly coveredBytes: number;
  readonly rewrittenBytes: number;
  /** Bytes of writes of bytes that had been written before. */
  readonly overwriteBytes: number;
  /** Most often written first; neighbours written equally often are one. */
  readonly hottest: readonly HotRange[];
  /** Bytes of a write. */
  readonly writeLengths: Spread;
}

export interface StatsJob {
  readonly signal: AbortSignal;
}

/** Throws ECANCELED. */
export async function statsOf(index: LogIndex, mostHot: number, job: StatsJob): Promise<LogStats> {
  const pace = new Pace(job.signal);
  const turn = async () => {
    if (pace.due) await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "Counting was stopped");
  };
  const flushes = flushDistances(index);
  await turn();
  return { totals: index.totals, ...flushes, ...(await coverage(index, mostHot, turn)) };
}

function flushDistances(
  index: LogIndex,
): Pick<LogStats, "flushEntries" | "flushBytes" | "unflushed" | "writeLengths"> {
  const entries = new Float64Array(index.flushes.length);
  const bytes = new Float64Array(index.flushes.length);
  const lengths = new Float64Array(index.totals.writes);
  let [flush, write, first, sum] = [0, 0, 0, 0];
  let next = index.flushes.at(0);
  for (let entry = 0; entry < index.count; entry++) {
    if (entry === next) {
      // A flush with data comes before its data: these count behind it.
      entries[flush] = entry - first;
      bytes[flush] = sum;
      [first, sum] = [entry + 1, 0];
      next = index.flushes.at(++flush);
    }
    if (index.kindOf(entry) !== "write") continue;
    const length = index.lengthOf(entry);
    lengths[write++] = length;
    sum += length;
  }
  return {
    flushEntries: spreadOf(entries),
    flushBytes: spreadOf(bytes),
    unflushed: { entries: index.count - first, bytes: sum },
    writeLengths: spreadOf(lengths),
  };
}

function spreadOf(values: Float64Array): Spread {
  values.sort();
  const at = (part: number) => values[Math.max(0, Math.ceil(part * values.length) - 1)];
  return { count: values.length, min: values[0], median: at(0.5), p95: at(0.95), max: values.at(-1) };
}

async function coverage(
  index: LogIndex,
  mostHot: number,
  turn: () => Promise<void>,
): Promise<Pick<LogStats, "coveredBytes" | "rewrittenBytes" | "overwriteBytes" | "hottest">> {
  const values = await sortedBounds(index, index.count, turn);
  const bounds = new Bounds(values);
  // At each bound: how many more writes begin there than end.
  const steps = new Int32Array(values.length);
  for (let entry = 0; entry < index.count; entry++) {
    if (entry % 4096 === 0) await turn();
    if (index.kindOf(entry) !== "write" || !coversDisk(index, entry)) continue;
    const start = index.offsetOf(entry);
    const [from, to] = [bounds.leafAt(start), bounds.leafAt(start + index.lengthOf(entry))];
    steps[from] = (steps[from] ?? 0) + 1;
    steps[to] = (steps[to] ?? 0) - 1;
  }
  const hot = new Hottest(mostHot);
  let [covered, rewritten, over, writes] = [0, 0, 0, 0];
  for (let leaf = 0; leaf < bounds.leaves; leaf++) {
    if (leaf % 4096 === 0) await turn();
    writes += steps[leaf] ?? 0;
    if (writes === 0) continue;
    const offset = bounds.start(leaf) ?? 0;
    const length = (bounds.start(leaf + 1) ?? offset) - offset;
    covered += length;
    if (writes > 1) rewritten += length;
    over += (writes - 1) * length;
    hot.add({ offset, length, writes });
  }
  return {
    coveredBytes: covered,
    rewrittenBytes: rewritten,
    overwriteBytes: over,
    hottest: hot.ranges(),
  };
}

/** The most written of ranges that come in the order of the disk; few are kept at any time. */
class Hottest {
  readonly #most: number;
  #kept: HotRange[] = [];
  #open: HotRange | undefined;
  /** Ranges written less often do not come into it any more. */
  #least = 2;

  constructor(most: number) {
    this.#most = most;
  }

  add(range: HotRange): void {
    const open = this.#open;
    if (open?.writes === range.writes && open.offset + open.length === range.offset) {
      this.#open = { ...open, length: open.length + range.length };
      return;
    }
    this.#close();
    this.#open = range;
  }

  ranges(): HotRange[] {
    this.#close();
    this.#trim();
    return this.#kept;
  }

  #close(): void {
    if (this.#open !== undefined && this.#open.writes >= this.#least) this.#kept.push(this.#open);
    this.#open = undefined;
    if (this.#kept.length >= 2 * this.#most + 64) this.#trim();
  }

  #trim(): void {
    this.#kept.sort((a, b) => b.writes - a.writes || b.length - a.length || a.offset - b.offset);
    this.#kept = this.#kept.slice(0, this.#most);
    if (this.#kept.length === this.#most) this.#least = Math.max(2, this.#kept.at(-1)?.writes ?? 2);
  }
}
