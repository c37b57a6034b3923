// The COPIED flags of the disk as it is: set exactly where the stored refcount is 1. Specification: qcow2, "Cluster
// mapping". Texts beside ours are the peer's.
import { hex } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import { strerror } from "../../base/strerror.ts";
import type { PeerLines } from "../../block/finding.ts";
import type { Comparison } from "./checkCompare.ts";
import { pieceBytes } from "./checkCounts.ts";
import { isPlaced } from "./checkEntry.ts";
import type { Told } from "./checkReporter.ts";
import type { CheckThreads, TableAnswers } from "./checkThreads.ts";
import { rangeOfTable, type TableVisit, TableVisits } from "./checkVisits.ts";
import type { CheckParts } from "./checkWalk.ts";
import { isCompressed, isCopied, offsetOf } from "./entry.ts";
import { readPadded } from "./header.ts";
import { guestRange } from "./layout.ts";
import { PieceReader } from "./pieces.ts";

/** An entry of a table that the fast loop did not find in order. */
interface Suspect {
  readonly index: number;
  readonly high: number;
  readonly low: number;
  readonly value: bigint;
}

export class FlagCheck {
  readonly #parts: CheckParts;
  readonly #compared: Comparison;
  readonly #visits: TableVisits;
  /** What the walk knows of tables. */
  readonly #walked: TableVisits;

  readonly #threads: CheckThreads | undefined;

  constructor(parts: CheckParts, compared: Comparison, walked: TableVisits, threads?: CheckThreads) {
    this.#walked = walked;
    this.#threads = threads;
    this.#parts = parts;
    this.#compared = compared;
    this.#visits = new TableVisits(parts.header.clusterSize, parts.counts.clusters);
  }

  /** Throws ECANCELED. */
  async run(): Promise<void> {
    const { l1 } = this.#parts.header;
    try {
      await this.#checkTables();
    } catch (error) {
      this.#unreadable(error, {
        code: "copied-flags-unreadable",
        message: "The COPIED flags of the disk can't all be compared with its refcounts",
        offset: l1.offset,
        length: l1.entries * 8,
        table: { level: "L1", index: 0, offset: l1.offset },
      });
    }
  }

  /** What the walk could not read either was told by it. Throws ECANCELED, and what is no fault of the image's file. */
  #unreadable(error: unknown, { message, ...told }: Told & { readonly offset: number }): void {
    if (!(error instanceof BlockError) || error.code === "ECANCELED") throw error;
    if (this.#walked.wasUnreadable(told.offset)) return;
    const peer = { lines: [`ERROR: I/O error in check_oflag_copied: ${strerror(error)}`] };
    this.#parts.reporter.unreadable(error, (reason) => ({ ...told, message: `${message}: ${reason}`, peer }));
  }

  async #checkTables(): Promise<void> {
    const { file, header, reporter } = this.#parts;
    const { l1 } = header;
    const ahead = await this.#compareAhead();
    const [start, step] = [reporter.done, (reporter.total - reporter.done) / Math.max(1, l1.entries)];
    for await (const { halves, first } of new PieceReader(file).words(l1)) {
      for (let at = 0; at < halves.length; at += 2) {
        const [high = 0, low = 0] = [halves[at], halves[at + 1]];
        if (high !== 0 || low !== 0) await this.#checkEntry(first + at / 2, high, low, ahead);
        reporter.done = start + step * (first + at / 2);
      }
      await reporter.breathe();
    }
    for (const visit of this.#visits.gathered()) await this.#checkTable(visit);
  }

  /** Has threads compare the flags of tables that are met here first; undefined where the check does that. */
  async #compareAhead(): Promise<TableAnswers | undefined> {
    const { header, reporter } = this.#parts;
    if (this.#threads === undefined) return undefined;
    const offsets = await this.#threads.tables(header.l1, (offset) => this.#isToBeRead(offset));
    const [start, left] = [reporter.done, reporter.total - reporter.done];
    return this.#threads.compareFlags(offsets, (part) => {
      reporter.done = start + left * part;
    });
  }

  /** Whether the flags in a table are yet to be compared. */
  #isToBeRead(offset: number): boolean {
    if (offset === 0 || (this.#compared.isOnce && this.#walked.isSimple(offset))) return false;
    return offset < this.#parts.file.size && this.#visits.isNew(offset);
  }

  async #checkEntry(
    l1Index: number,
    high: number,
    low: number,
    ahead: TableAnswers | undefined,
  ): Promise<void> {
    const { file, header, reporter } = this.#parts;
    const offset = offsetOf(high, low);
    if (offset === 0) return;
    const isCompared = this.#isToBeRead(offset) && ahead?.next(offset)?.isOdd === false;
    const refcount = await this.#compared.refcount(Math.floor(offset / header.clusterSize));
    if (refcount === undefined) return;
    if ((refcount === 1n) !== isCopied(high)) {
      const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
      reporter.corrupt("set-copied-flag", 1, () => ({
        code: "l2-table-copied-flag",
        message: `L1[${l1Index}] is ${hex(value)}: ${flagWords(high, "the L2 table", refcount)}`,
        offset: header.l1.offset + l1Index * 8,
        length: 8,
        table: { level: "L1", index: 0, offset: header.l1.offset },
        entry: l1Index,
        value: hex(value),
        flagged: { offset, isSet: isCopied(high) },
        ...guestRange(header, l1Index * header.l2Entries, header.l2Entries),
        peer: flagLines(
          `L2 cluster: l1_index=${l1Index} l1_entry=${value.toString(16)} refcount=${refcount}`,
        ),
      }));
    }
    if (offset >= file.size || (this.#compared.isOnce && this.#walked.isSimple(offset))) return;
    const visit = { offset, l1Index, prefix: "", size: header.size, times: 1, activeTimes: 1 };
    // What lies in too many places was told by the walk as well.
    if (this.#visits.arrive(visit) === "now" && !isCompared) await this.#checkTable(visit);
  }

  async #checkTable(visit: TableVisit): Promise<void> {
    const { file, header, counts, reporter } = this.#parts;
    const before = reporter.corruptions;
    for (let at = 0; at < header.clusterSize; at += pieceBytes) {
      const length = Math.min(pieceBytes, header.clusterSize - at);
      try {
        await readPadded(file, visit.offset + at, counts.piece.subarray(0, length));
      } catch (error) {
        this.#unreadable(error, {
          code: "l2-table-unreadable",
          message: `The COPIED flags of the L2 table of L1[${visit.l1Index}] at ${hex(visit.offset)} can't be compared`,
          ...rangeOfTable(visit, header),
        });
        return;
      }
      for (const suspect of this.#suspects(length, at / header.l2EntryLength)) {
        await this.#checkSuspect(suspect, visit);
      }
      await reporter.breathe();
    }
    if (reporter.corruptions > before) this.#visits.fault(visit);
  }

  #suspects(length: number, firstEntry: number): Suspect[] {
    const { counts, header } = this.#parts;
    const list: Suspect[] = [];
    counts.compareFlags(length, (index) => {
      const entry = counts.entry(index);
      if (isCompressed(entry.high)) return;
      if (!isPlaced(entry, header.l2EntryLength === 16, header.hasDataFile)) return;
      list.push({ index: firstEntry + index, high: entry.high, low: entry.low, value: counts.word(index) });
    });
    return list;
  }

  async #checkSuspect(suspect: Suspect, visit: TableVisit): Promise<void> {
    const { header, reporter } = this.#parts;
    const cluster = Math.floor(offsetOf(suspect.high, suspect.low) / header.clusterSize);
    const refcount = header.hasDataFile ? 1n : await this.#compared.refcount(cluster);
    if (refcount === undefined || (refcount === 1n) === isCopied(suspect.high)) return;
    reporter.corrupt("set-copied-flag", visit.times, () => this.#told(suspect, visit, refcount));
  }

  #told(
    { index, high, low, value }: Suspect,
    { offset, l1Index, times }: TableVisit,
    refcount: bigint,
  ): Told {
    const { header } = this.#parts;
    return {
      code: "cluster-copied-flag",
      message: `L1[${l1Index}] -> L2[${index}] is ${hex(value)}: ${flagWords(high, "the cluster", refcount)}`,
      offset: offset + index * header.l2EntryLength,
      length: header.l2EntryLength,
      table: { level: "L2", index: l1Index, offset },
      entry: index,
      value: hex(value),
      flagged: { offset: offsetOf(high, low), isSet: isCopied(high) },
      ...guestRange(header, l1Index * header.l2Entries + index, 1),
      peer: {
        ...flagLines(`data cluster: l2_entry=${value.toString(16)} refcount=${refcount}`),
        times,
      },
    };
  }
}

const flagLines = (place: string): PeerLines => ({
  lines: [`ERROR OFLAG_COPIED ${place}`],
  mending: [`Repairing OFLAG_COPIED ${place}`],
});

function flagWords(high: number, what: string, refcount: bigint): string {
  return isCopied(high)
    ? `the COPIED flag is set, and the refcount of ${what} is ${refcount}`
    : `the COPIED flag is not set, and the refcount of ${what} is 1`;
}
