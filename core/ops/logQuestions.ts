// What views ask of a log that has been read: its entries through a display filter, what an entry wrote and overwrote, who
// wrote a place, and which older version of it equals given bytes. States of the disk are prepared with the first question
// that needs them.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import type { BlockNode } from "../block/node.ts";
import { filterIndex } from "../query/filterIndex.ts";
import { parseQuery } from "../query/parse.ts";
import { probe, probeLength } from "../registry.ts";
import type { Bins, UsedRange } from "../writelog/bins.ts";
import { LogBins } from "../writelog/binsLog.ts";
import { readMark } from "../writelog/entry.ts";
import { changeBy, durableWith, type HistoryPage, historyOf } from "../writelog/history.ts";
import type { WriteIntervals } from "../writelog/intervals.ts";
import { buildIntervals } from "../writelog/intervalsBuild.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { LogStates } from "../writelog/state.ts";
import {
  type LogDetail,
  type LogHistory,
  type LogIndexAsks,
  type LogRow,
  longestDetail,
  longestPage,
} from "./logIndexRun.ts";

/** Filters whose results are kept: that of the list, and those typed before it. */
const mostFilters = 4;
/** Entries longer than this are not compared as a whole with what they overwrote, bytes. */
const longestComparison = 1024 * 1024;
/** Entries that wrote a place, of which so many are held while its versions are compared. */
const versionsAtOnce = 1000;
/** Versions of a place that are compared: other questions wait meanwhile where the log is to be read on. */
const mostVersions = 20_000;

/** Entries that pass a filter, of those below `upTo`. */
interface Kept {
  readonly entries: Uint32Array;
  readonly upTo: number;
}

interface Running {
  readonly filter: string;
  readonly abort: AbortController;
  readonly found: Promise<Kept>;
}

export class LogQuestions {
  readonly #log: () => BlockNode;
  readonly #index: LogIndex;
  readonly #signal: AbortSignal;
  readonly #kept = new Map<string, Kept>();
  #running: Running | undefined;
  #base: BlockNode | undefined;
  #intervals: Promise<WriteIntervals> | undefined;
  readonly #bins: LogBins;
  readonly #turn: () => Promise<void>;

  /** `log` answers the node that is open now: one that grows is opened again. */
  constructor(log: () => BlockNode, index: LogIndex, signal: AbortSignal) {
    this.#log = log;
    this.#index = index;
    this.#signal = signal;
    const pace = new Pace(signal);
    this.#turn = async () => {
      if (pace.due) await pace.turn();
      if (pace.stopped) throw new BlockError("ECANCELED", "The log is no longer shown");
    };
    this.#bins = new LogBins(index, log, this.#turn);
  }

  /** Before the log is opened again: ends what reads it. Questions under way reject with ECANCELED. */
  async rest(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.found.catch(() => undefined);
    await this.#intervals?.catch(() => undefined);
  }

  /** The disk before the first entry; the caller closes it, after `rest`. */
  set base(node: BlockNode | undefined) {
    this.#base = node;
  }

  /** The entries from `first` on are new or others than before. */
  changed(first: number): void {
    this.#intervals = undefined;
    this.#bins.changed(first);
    for (const [filter, { entries, upTo }] of this.#kept) {
      if (upTo > first)
        this.#kept.set(filter, { entries: entries.slice(0, lowerBound(entries, first)), upTo: first });
    }
  }

  async row(entry: number): Promise<LogRow> {
    const index = this.#index;
    const kind = index.kindOf(entry);
    return {
      entry,
      kind,
      flags: index.flagsOf(entry),
      offset: index.offsetOf(entry),
      length: index.lengthOf(entry),
      header: index.headerOf(entry),
      payload: index.payloadOf(entry),
      payloadLength: index.payloadLength(entry),
      text: kind === "mark" ? await readMark(this.#log(), index, entry) : undefined,
      counted: entry < index.counted,
      recovered: index.isRecovered(entry),
    };
  }

  /** Throws EINVAL for a filter that is wrong, ECANCELED when another is asked for meanwhile. */
  async rows({
    filter,
    first,
    count,
  }: LogIndexAsks["rows"]["question"]): Promise<LogIndexAsks["rows"]["answer"]> {
    checkPage(first, count);
    const passing = await this.#passing(filter);
    const total = passing?.length ?? this.#index.count;
    const end = Math.min(total, first + Math.min(count, longestPage));
    const rows: LogRow[] = [];
    for (let at = first; at < end; at++) rows.push(await this.row(passing?.[at] ?? at));
    return { total, rows };
  }

  /** As `rows`. */
  async place({
    filter,
    entry,
  }: LogIndexAsks["place"]["question"]): Promise<LogIndexAsks["place"]["answer"]> {
    const passing = await this.#passing(filter);
    const total = passing?.length ?? this.#index.count;
    if (passing === undefined) return { total, at: Math.min(entry, total), passes: entry < total };
    const at = lowerBound(passing, entry);
    return { total, at, passes: passing[at] === entry };
  }

  async detail({ entry, offset, length }: LogIndexAsks["detail"]["question"]): Promise<LogDetail> {
    const row = await this.row(entry);
    const index = this.#index;
    const durable = row.kind === "write" || row.kind === "discard" ? durableWith(index, entry) : undefined;
    const facts = {
      row,
      flush: index.flushes.positionOf(entry),
      durableWith: durable,
      durableFlush: flushNumber(index, durable),
    };
    if ((row.kind !== "write" && row.kind !== "discard") || row.length === 0) {
      return { ...facts, bytes: undefined };
    }
    const from = Math.min(row.length - 1, Math.max(0, offset));
    const most = Math.min(length, longestDetail, row.length - from);
    const states = await this.#prepared();
    const at = row.offset + from;
    const { before, after } = await changeBy(states, entry, at, Math.max(1, most));
    return {
      ...facts,
      bytes: {
        offset: at,
        before,
        after,
        writers: writersOf(states, entry, at, before.length, index.sectorSize),
        ...(await this.#wholeChange(states, row)),
      },
    };
  }

  async #wholeChange(
    states: LogStates,
    { entry, offset, length }: LogRow,
  ): Promise<{ readonly differing: number | undefined; readonly firstDiffering: number | undefined }> {
    if (length > longestComparison) return { differing: undefined, firstDiffering: undefined };
    const { before, after, changed } = await changeBy(states, entry, offset, length);
    let differing = 0;
    let first: number | undefined;
    if (changed) {
      for (let i = 0; i < length; i++) {
        if (before[i] === after[i]) continue;
        first ??= i;
        differing++;
      }
    }
    return { differing, firstDiffering: first };
  }

  async history({ offset, length, before, limit }: LogIndexAsks["history"]["question"]): Promise<LogHistory> {
    const page = await historyOf(this.#index, offset, length, {
      limit: Math.min(limit, longestPage),
      signal: this.#signal,
      ...(before !== undefined && { before }),
    });
    const entries = page.entries.map((entry) => ({
      ...entry,
      durableFlush: flushNumber(this.#index, entry.durableWith),
    }));
    return { entries, next: page.next };
  }

  /** Throws EFBIG for more than `longestDetail` bytes, ECANCELED. */
  async versions({
    offset,
    bytes,
  }: LogIndexAsks["versions"]["question"]): Promise<LogIndexAsks["versions"]["answer"]> {
    if (bytes.length > longestDetail) {
      throw new BlockError(
        "EFBIG",
        `${bytes.length} bytes are more than can be looked for, ${longestDetail}`,
      );
    }
    const [last] = (await this.history({ offset, length: bytes.length, limit: 1 })).entries;
    const none = { last, isCurrent: false, older: undefined, searched: undefined };
    if (last === undefined) return none;
    const states = await this.#prepared();
    const state = new Uint8Array(bytes.length);
    const isAfter = async (count: number) => {
      await states.read(count, offset, state);
      return Buffer.compare(state, bytes) === 0;
    };
    if (await isAfter(last.entry + 1)) return { ...none, isCurrent: true };
    let searched = 1;
    for await (const entry of this.#writersOf(offset, bytes.length, last.entry)) {
      if (searched === mostVersions) return { ...none, searched };
      if (await isAfter(entry + 1)) return { ...none, older: entry };
      searched++;
    }
    return { ...none, older: (await isAfter(0)) ? -1 : undefined };
  }

  /** All entries before this one that wrote bytes of the range, newest first. Throws ECANCELED. */
  async *#writersOf(offset: number, length: number, newest: number): AsyncGenerator<number> {
    for (let before: number | undefined = newest; before !== undefined; ) {
      const page: HistoryPage = await historyOf(this.#index, offset, length, {
        before,
        limit: versionsAtOnce,
        signal: this.#signal,
      });
      for (const { entry } of page.entries) {
        await this.#turn();
        yield entry;
      }
      before = page.next;
    }
  }

  /** As `rows`; throws what `LogBins.bins` throws. */
  async bins({ filter, ...request }: LogIndexAsks["bins"]["question"]): Promise<Bins> {
    return this.#bins.bins(request, await this.#passing(filter));
  }

  used(): readonly UsedRange[] {
    return this.#bins.used();
  }

  /** What the disk's first bytes say it is. Throws what reading the log and its base throws. */
  async format(): Promise<string> {
    const states = await this.#prepared();
    const head = new Uint8Array(Math.min(probeLength, Math.max(this.#base?.size ?? 0, this.#index.diskEnd)));
    await states.read(this.#index.counted, 0, head);
    return probe(head);
  }

  /** undefined: all entries. */
  async #passing(filter: string): Promise<Uint32Array | undefined> {
    if (filter.trim() === "") return undefined;
    const kept = this.#kept.get(filter);
    if (kept?.upTo === this.#index.count) return kept.entries;
    if (this.#running?.filter !== filter) {
      this.#running?.abort.abort();
      this.#running = this.#start(filter, kept);
    }
    const { found } = this.#running;
    try {
      return (await found).entries;
    } finally {
      if (this.#running?.found === found) this.#running = undefined;
    }
  }

  #start(filter: string, kept: Kept | undefined): Running {
    const parsed = parseQuery(filter);
    if (!parsed.ok)
      throw new BlockError("EINVAL", parsed.message, { offset: parsed.at, length: parsed.length });
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#signal]);
    const from = kept?.upTo ?? 0;
    const upTo = this.#index.count;
    const find = async (): Promise<Kept> => {
      const more = await filterIndex(this.#index, this.#log(), parsed.query, { signal }, from, upTo);
      const entries = joined(kept?.entries, more);
      this.#kept.delete(filter);
      this.#kept.set(filter, { entries, upTo });
      for (const oldest of this.#kept.keys()) if (this.#kept.size > mostFilters) this.#kept.delete(oldest);
      return { entries, upTo };
    };
    return { filter, abort, found: find() };
  }

  /** Made once, for all states of the log. Throws ECANCELED. */
  intervals(): Promise<WriteIntervals> {
    this.#intervals ??= buildIntervals(this.#index, { signal: this.#signal }).catch((error: unknown) => {
      this.#intervals = undefined;
      throw error;
    });
    return this.#intervals;
  }

  async #prepared(): Promise<LogStates> {
    const intervals = await this.intervals();
    return new LogStates({
      log: this.#log(),
      base: this.#base,
      index: this.#index,
      intervals,
      discards: "zero",
    });
  }
}

/** Which of the flushes an entry is, from 1; undefined for one that is none, as a write with FUA is. */
function flushNumber(index: LogIndex, entry: number | undefined): number | undefined {
  if (entry === undefined) return undefined;
  const position = index.flushes.positionOf(entry);
  return index.flushes.at(position) === entry ? position + 1 : undefined;
}

/** Who had written the bytes before the entry: stretches by whole sectors, -1 where no entry had. */
function writersOf(states: LogStates, entry: number, offset: number, length: number, sector: number) {
  const writers: { offset: number; length: number; entry: number }[] = [];
  for (let at = offset; at < offset + length; ) {
    const end = Math.min(offset + length, (Math.floor(at / sector) + 1) * sector);
    const writer = states.lastWriterOf(entry, at) ?? -1;
    const last = writers.at(-1);
    if (last?.entry === writer) last.length += end - at;
    else writers.push({ offset: at, length: end - at, entry: writer });
    at = end;
  }
  return writers;
}

/** Throws EINVAL. */
export function checkPage(first: number, count: number): void {
  if (Number.isSafeInteger(first) && first >= 0 && Number.isSafeInteger(count) && count >= 0) return;
  throw new BlockError("EINVAL", `There is no page of ${count} from ${first} on`);
}

/** The position of the first number of at least `wanted`. */
function lowerBound(numbers: Uint32Array, wanted: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((numbers[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

function joined(first: Uint32Array | undefined, second: Uint32Array): Uint32Array {
  if (first === undefined || first.length === 0) return second;
  const all = new Uint32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
