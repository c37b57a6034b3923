// The walk of a check over L1 and L2 tables: everything that they refer to is counted, and every entry that breaks a rule
// is told. Specification: qcow2, "Cluster mapping". Statistics are those of the disk as it is.
import { hex } from "../../base/bytes.ts";
import type { BlockNode } from "../../block/node.ts";
import { type ClusterCounts, pieceBytes } from "./checkCounts.ts";
import { EntryRules } from "./checkEntry.ts";
import type { CheckRegions, Place } from "./checkRegions.ts";
import { told } from "./checkRegions.ts";
import type { CheckReporter } from "./checkReporter.ts";
import type { CheckThreads, TableAnswer, TableAnswers } from "./checkThreads.ts";
import { rangeOfTable, type TableVisit, TableVisits } from "./checkVisits.ts";
import { hasReservedL1Bits, offsetOf } from "./entry.ts";
import { readPadded } from "./header.ts";
import { guestRange, type Qcow2Header, type TablePlace } from "./layout.ts";
import { PieceReader } from "./pieces.ts";

export interface CheckParts {
  readonly file: BlockNode;
  readonly header: Qcow2Header;
  readonly counts: ClusterCounts;
  readonly regions: CheckRegions;
  readonly reporter: CheckReporter;
}

/** An L1 table. */
export interface CheckRoot {
  readonly table: TablePlace;
  readonly prefix: string;
  /** Bytes of the disk; undefined for that of a snapshot. */
  readonly size: number | undefined;
  /** What refers to the table. */
  readonly place: Place;
}

/** Bytes of L1 tables beyond those of the file: in an image in order no two lie on each other. */
const spareRootBytes = 64 * 1024 * 1024;

export class TableWalk {
  allocated = 0;
  fragmented = 0;
  compressed = 0;
  readonly #parts: CheckParts;
  readonly #rules: EntryRules;
  /** The tables that were gone over. */
  readonly visits: TableVisits;
  readonly #threads: CheckThreads | undefined;
  readonly #roots = new Map<string, { readonly root: CheckRoot; again: number }>();
  #rootBytesLeft: number;

  /** `threads` count what many tables refer to; without them the walk does it all. */
  constructor(parts: CheckParts, threads?: CheckThreads) {
    this.#parts = parts;
    this.#threads = threads;
    this.#rules = new EntryRules(parts);
    this.visits = new TableVisits(parts.header.clusterSize, parts.counts.clusters);
    this.#rootBytesLeft = parts.counts.fileEnd + spareRootBytes;
  }

  /** Of the disk as it is first. A table that was walked before is put off. Throws ECANCELED. */
  async walk(root: CheckRoot): Promise<void> {
    const { table } = root;
    if (table.entries === 0) return;
    const key = `${table.offset} ${table.entries}`;
    const known = this.#roots.get(key);
    if (known !== undefined) {
      known.again++;
      return;
    }
    this.#roots.set(key, { root, again: 0 });
    this.#rootBytesLeft -= Math.max(0, Math.min(table.entries * 8, this.#parts.file.size - table.offset));
    if (this.#rootBytesLeft >= 0) await this.#walkEntries(root, 1);
    else this.#tooMuch(root.place, "L1 tables lie on each other, so this one was not looked at");
  }

  /** What was put off. */
  async finish(): Promise<void> {
    for (const { root, again } of this.#roots.values()) {
      if (again > 0) await this.#walkEntries({ ...root, size: undefined }, again);
    }
    await this.#countGathered([...this.visits.gathered()]);
  }

  async #countGathered(visits: readonly TableVisit[]): Promise<void> {
    const times = commonTimes(visits);
    const together = visits.filter((visit) => visit.times === times).map(({ offset }) => offset);
    const ahead = await this.#threads?.count(together, times);
    for (const visit of visits) {
      await this.#countTable(visit, visit.times === times ? ahead?.next(visit.offset) : undefined);
    }
  }

  /** Has threads count the tables that are met here first; undefined where the walk does that. */
  async #countAhead({ table }: CheckRoot, times: number): Promise<TableAnswers | undefined> {
    if (this.#threads === undefined) return undefined;
    const { reporter } = this.#parts;
    const offsets = await this.#threads.tables(table, (offset) => this.visits.isNew(offset));
    const start = reporter.done;
    return this.#threads.count(offsets, times, (part) => {
      reporter.done = start + part * table.entries * times;
    });
  }

  async #walkEntries(root: CheckRoot, times: number): Promise<void> {
    const { table, place } = root;
    const { file, regions, reporter } = this.#parts;
    regions.own(table.offset, table.entries * 8, times, place);
    const start = reporter.done;
    const ahead = await this.#countAhead(root, times);
    let next = 0;
    try {
      for await (const { halves, first } of new PieceReader(file).words(table)) {
        for (let at = 0; at < halves.length; at += 2) {
          const [high = 0, low = 0] = [halves[at], halves[at + 1]];
          if (high !== 0 || low !== 0) await this.#visit(root, first + at / 2, high, low, times, ahead);
        }
        next = first + halves.length / 2;
        await reporter.breathe();
      }
      ahead?.finish();
    } catch (error) {
      // What can't be read now could be read before: more was counted than is told of.
      ahead?.finish();
      this.visits.unreadable(table.offset);
      reporter.unreadable(error, (reason) => ({
        code: "l1-table-unreadable",
        message: `The L1 table of ${root.prefix === "" ? "the disk" : root.prefix.slice(0, -2)} can't be read from entry ${next} on: ${reason}`,
        offset: table.offset,
        length: table.entries * 8,
        table: { level: "L1", index: 0, offset: table.offset },
        peer: { lines: ["ERROR: I/O error in check_refcounts_l1"] },
      }));
    }
    reporter.done = start + table.entries * times;
  }

  /** One entry of an L1 table that is not 0. */
  async #visit(
    root: CheckRoot,
    l1Index: number,
    high: number,
    low: number,
    times: number,
    ahead: TableAnswers | undefined,
  ): Promise<void> {
    const { header, regions, reporter } = this.#parts;
    const place = () => this.#placeOfL1(root, l1Index, high, low);
    if (hasReservedL1Bits(high, low)) {
      reporter.corrupt("none", times, () => {
        const { by, ...rest } = place();
        return {
          ...rest,
          code: "l1-reserved-bits",
          message: `${by} is ${rest.value}: bits that have to be 0 are set`,
          peer: {
            lines: [`ERROR found L1 entry with reserved bits set: ${rest.value?.slice(2)}`],
            times,
          },
        };
      });
    }
    const offset = offsetOf(high, low);
    regions.refer(offset, header.clusterSize, times, place);
    if (offset % header.clusterSize !== 0) {
      reporter.corrupt("none", times, () => {
        const { by, ...rest } = place();
        return {
          ...rest,
          code: "l2-table-unaligned",
          message: `${by} is ${rest.value}: its L2 table is not aligned to clusters of ${header.clusterSize} bytes`,
          peer: {
            lines: [
              `ERROR l2_offset=${offset.toString(16)}: Table is not cluster aligned; L1 entry corrupted`,
            ],
            times,
          },
        };
      });
    }
    // Behind the end of the file all entries are 0.
    if (offset >= this.#parts.file.size) return;
    const { prefix, size } = root;
    const visit = { offset, l1Index, prefix, size, times, activeTimes: size === undefined ? 0 : times };
    const counted = this.visits.isNew(offset) ? ahead?.next(offset) : undefined;
    const turn = this.visits.arrive(visit);
    if (turn === "now") await this.#countTable(visit, counted);
    if (turn === "never")
      this.#tooMuch(place(), "many L2 tables are not aligned, so this one was not looked at");
  }

  /** `counted`: what threads have counted of it. */
  async #countTable(visit: TableVisit, counted?: TableAnswer): Promise<void> {
    if (counted?.isOdd === false) {
      this.allocated += counted.allocated * visit.activeTimes;
      this.fragmented += counted.fragmented * visit.activeTimes;
      if (counted.isCopied) this.visits.simple(visit);
      return;
    }
    const { file, header, counts, reporter } = this.#parts;
    const before = reporter.corruptions + reporter.errors;
    counts.next = 0;
    this.#rules.begin(visit);
    let isSimple = true;
    try {
      for (let at = 0; at < header.clusterSize; at += pieceBytes) {
        const length = Math.min(pieceBytes, header.clusterSize - at);
        await readPadded(file, visit.offset + at, counts.piece.subarray(0, length));
        const isCounted = counted !== undefined;
        if (!this.#countPiece(length, at / header.l2EntryLength, visit, isCounted)) isSimple = false;
        await reporter.breathe();
      }
    } catch (error) {
      this.visits.unreadable(visit.offset);
      reporter.unreadable(error, (reason) => ({
        code: "l2-table-unreadable",
        message: `The L2 table of ${visit.prefix}L1[${visit.l1Index}] at ${hex(visit.offset)} can't be read: ${reason}`,
        ...rangeOfTable(visit, header),
        peer: { lines: ["ERROR: I/O error in check_refcounts_l2"] },
      }));
    }
    if (reporter.corruptions + reporter.errors > before) this.visits.fault(visit);
    else if (isSimple) this.visits.simple(visit);
  }

  /** Answers whether all that it counted are ordinary clusters whose COPIED flag is set. */
  #countPiece(length: number, firstEntry: number, visit: TableVisit, isCounted: boolean): boolean {
    const { counts, regions } = this.#parts;
    const rules = this.#rules;
    const plain = counts.scan(
      length,
      visit.times,
      (index) => rules.look(index, firstEntry + index),
      // Which of the piece's entries it was is known no more.
      (cluster, over) => regions.overflow(cluster, over, () => this.#placeOfTable(visit)),
      isCounted,
    );
    const odd = rules.take();
    this.allocated += (plain.allocated + odd.allocated) * visit.activeTimes;
    this.fragmented += (plain.fragmented + odd.fragmented) * visit.activeTimes;
    this.compressed += odd.compressed * visit.activeTimes;
    return plain.isCopied && odd.looked === 0;
  }

  #placeOfL1({ prefix, table, size }: CheckRoot, index: number, high: number, low: number): Place {
    const { header } = this.#parts;
    const word = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    return {
      by: `${prefix}L1[${index}]`,
      offset: table.offset + index * 8,
      length: 8,
      table: { level: "L1", index: 0, offset: table.offset },
      entry: index,
      value: hex(word),
      ...(size !== undefined && guestRange({ ...header, size }, index * header.l2Entries, header.l2Entries)),
    };
  }

  #placeOfTable({ prefix, l1Index, offset }: TableVisit): Place {
    return {
      by: `The L2 table of ${prefix}L1[${l1Index}]`,
      offset,
      length: this.#parts.header.clusterSize,
      table: { level: "L2", index: l1Index, offset },
    };
  }

  #tooMuch(place: Place, why: string): void {
    this.#parts.reporter.failed(1, () => ({
      ...told(place),
      code: "table-not-looked-at",
      message: `${place.by}: ${why}`,
    }));
  }
}

/** How often most of the tables were come by; 0 without any. */
function commonTimes(visits: readonly TableVisit[]): number {
  const tables = new Map<number, number>();
  for (const { times } of visits) tables.set(times, (tables.get(times) ?? 0) + 1);
  return [...tables].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0])[0];
}
