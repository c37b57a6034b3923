// The clusters of a QED file for the map: one pass over the tables with the rules of the check (check.ts), so that both
// count the same. A table that overlaps what is in use is not looked at, as there.
import { join64 } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import { OneThreadAgain, usualSharing } from "../../base/programThread.ts";
import type { Sharing } from "../../base/sharing.ts";
import { type ClusterMarks, mostCounted } from "../../block/clusterMarks.ts";
import type { BlockNode } from "../../block/node.ts";
import { type RunMarks, TableScanner } from "../../block/scanTable.ts";
import { areEnough, scanInThreads, scanShared } from "../../block/scanThreads.ts";
import {
  type GuestEntry,
  type HeaderPart,
  kindNumber,
  type Pointers,
  type Reference,
  type References,
  type ScannedStructure,
  type Structure,
  type StructureAt,
  type StructureJob,
} from "../../block/structure.ts";
import { takeTurn } from "../../block/takeTurn.ts";
import { readBackingName } from "./backing.ts";
import { describeByte } from "./describeByte.ts";
import { guestEntry } from "./guestEntry.ts";
import { guestKinds } from "./guestKinds.ts";
import {
  type Bounds,
  boundsOf,
  guestRange,
  headerLength,
  isTableOffset,
  type QedHeader,
  tableEntries,
} from "./layout.ts";
import { pointersIn } from "./pointers.ts";
import { type IndexedTable, TableIndex } from "./tableIndex.ts";
import { PieceReader, pieceLength } from "./tablePieces.ts";

/** Milliseconds of work between two turns in which a cancel can arrive. */
const turnMs = 20;
/** Clusters looked at without asking for the time. */
const clustersAtOnce = 2 ** 22;
const kinds = {
  l1: kindNumber("l1-table"),
  l2: kindNumber("l2-table"),
  header: kindNumber("header"),
  free: kindNumber("free"),
  data: kindNumber("data"),
  unknown: kindNumber("unknown"),
  leaked: kindNumber("leaked"),
  unreadable: kindNumber("unreadable"),
  badEntry: kindNumber("bad-entry"),
  overlap: kindNumber("overlap"),
};

export class QedStructure implements Structure {
  readonly #file: BlockNode;
  readonly #header: () => QedHeader;

  /** `header` gives that of now. */
  constructor(file: BlockNode, header: () => QedHeader) {
    this.#file = file;
    this.#header = header;
  }

  get clusterSize(): number {
    return this.#header().clusterSize;
  }

  get fileSize(): number {
    return this.#file.size;
  }

  scan(marks: ClusterMarks, job: StructureJob): Promise<ScannedStructure> {
    return scanShared(marks, job.sharing ?? usualSharing, (sharing) =>
      new Scan(this.#file, this.#header(), marks, job, sharing).run(),
    );
  }

  describe(offset: number): Promise<StructureAt | undefined> {
    return describeByte(this.#file, this.#header(), offset);
  }

  pointers(offset: number, limit: number, signal?: AbortSignal): Promise<Pointers> {
    return pointersIn(this.#file, this.#header(), offset, limit, signal);
  }

  guestEntry(offset: number): Promise<GuestEntry> {
    return guestEntry(this.#file, this.#header(), offset);
  }

  async headerParts(): Promise<readonly HeaderPart[]> {
    const header = this.#header();
    const own = { name: "header", offset: 0, length: headerLength };
    const stored = await readBackingName(header, this.#file);
    if (!header.backingName || stored === undefined) return [own];
    const { offset, length } = header.backingName;
    // A name that lies on the header's fields is theirs as far as it does.
    const start = Math.max(offset, headerLength);
    const behind = Math.max(0, offset + length - start);
    return [own, { name: "backing file name", offset: start, length: behind, text: stored.text }];
  }
}

class Scan {
  readonly #file: BlockNode;
  readonly #header: QedHeader;
  readonly #bounds: Bounds;
  readonly #marks: ClusterMarks;
  readonly #job: StructureJob;
  readonly #sharing: Sharing | undefined;
  readonly #index = new TableIndex();
  readonly #entries: number;
  /** L1 entries that the guest's disk needs; those behind them are rarely there. */
  readonly #used: number;
  readonly #scanner: TableScanner<RunMarks>;
  readonly #l2: PieceReader;
  readonly #counts = { badEntries: 0, extraReferences: 0, unreadableTables: 0, skippedTables: 0 };
  #bytesRead = 0;
  #lastTurn = performance.now();
  #searching: Promise<unknown> = Promise.resolve();

  /** `sharing`: threads may help; then `run` throws OneThreadAgain when what they did can't be used. */
  constructor(
    file: BlockNode,
    header: QedHeader,
    marks: ClusterMarks,
    job: StructureJob,
    sharing: Sharing | undefined,
  ) {
    this.#sharing = sharing;
    this.#file = file;
    this.#header = header;
    this.#bounds = boundsOf(header, file.size);
    this.#marks = marks;
    this.#job = job;
    this.#entries = tableEntries(header);
    this.#used = Math.min(this.#entries, Math.ceil(header.imageSize / header.clusterSize / this.#entries));
    this.#scanner = new TableScanner(
      this.#bounds,
      pieceLength(this.#entries),
      (bits) => {
        marks.keepBitsIn(bits);
        return { markRun: (index, count) => marks.ownRun(index, count) };
      },
      { spans: true },
    );
    this.#l2 = new PieceReader(file, this.#entries, "l2_load", this.#scanner.piece);
  }

  async run(): Promise<ScannedStructure> {
    const { l1Offset, clusterSize, tableSize, imageSize, headerSize } = this.#header;
    this.#marks.presume(kinds.data);
    // Known from the start; what else is there is seen in the end.
    this.#marks.kinds.fill(kinds.header, 0, Math.max(1, headerSize));
    this.#marks.own(l1Offset / clusterSize, tableSize, kinds.l1);
    const fd = this.#file.descriptor;
    const isLarge = this.#sharing && areEnough(this.#sharing, this.#used, clusterSize * tableSize);
    if (isLarge && fd !== undefined) await this.#scanInThreads(fd, this.#sharing);
    else await this.#readL1((l1Index, table) => this.#markL2(l1Index, table));
    this.#scanner.settleAll();
    await this.#markRest();
    const total = Math.ceil(imageSize / clusterSize);
    const { allocated, zero, again } = this.#scanner.counts;
    return {
      ...this.#counts,
      extraReferences: this.#counts.extraReferences + again,
      guest: { total, allocated, zero },
      bytesRead: this.#bytesRead,
      references: (cluster, limit, signal) => {
        // One after the other: they share the piece into which tables are read.
        const found = this.#searching.then(() => this.#references(cluster, limit, signal));
        this.#searching = found.catch(() => undefined);
        return found;
      },
      guestKinds: (into, clusters, signal) =>
        guestKinds(this.#file, this.#header, this.#marks.kinds, { kinds: into, clusters }, signal),
    };
  }

  /** Has threads go over all tables, which are known before; any fault is one that they can't tell of. */
  async #scanInThreads(fd: number, sharing: Sharing): Promise<void> {
    const tableBytes = this.#entries * 8;
    const tables: IndexedTable[] = [];
    await this.#readL1(async (l1Index, offset) => {
      tables.push({ l1Index, offset });
    });
    const { badEntries, extraReferences, unreadableTables } = this.#counts;
    const isDamaged = badEntries + extraReferences + unreadableTables > 0;
    if (isDamaged || !areEnough(sharing, tables.length, tableBytes))
      throw new OneThreadAgain("for one thread");
    const kind = { fd, tableBytes, bounds: this.#bounds, mask: -1n, isBigEndian: false };
    const offsets = tables.map(({ offset }) => offset);
    const answers = await scanInThreads(kind, offsets, this.#marks, sharing, (part) =>
      this.#turn(part * this.#used),
    );
    const { counts } = this.#scanner;
    for (const { l1Index, offset } of tables) {
      const found = answers.next(offset);
      if (found === undefined) throw new OneThreadAgain("a table has a fault");
      this.#bytesRead += tableBytes;
      counts.allocated += found.allocated;
      counts.zero += found.zero;
      if (found.span !== undefined) this.#index.add(l1Index, offset, found.span.min, found.span.max);
    }
  }

  /** Claims all tables, and has those used that are in order. */
  async #readL1(use: (l1Index: number, table: number) => Promise<void>): Promise<void> {
    const { l1Offset } = this.#header;
    try {
      for await (const { signed, first } of new PieceReader(this.#file, this.#entries).entries(l1Offset)) {
        this.#bytesRead += signed.byteLength;
        for (let at = 0; at < signed.length; at += 2) {
          const low = signed[at] as number;
          const high = signed[at + 1] as number;
          if (low === 0 && high === 0) continue;
          const table = this.#claim(first + at / 2, low >>> 0, high >>> 0);
          if (table !== undefined) await use(first + at / 2, table);
          if (performance.now() - this.#lastTurn >= turnMs) await this.#turn(first + at / 2);
        }
      }
    } catch (error) {
      this.#unreadable(l1Offset, error);
    }
  }

  /** Marks the clusters of an L2 table; its offset if it is to be read. */
  #claim(l1Index: number, low: number, high: number): number | undefined {
    const { clusterSize, tableSize, l1Offset } = this.#header;
    const offset = join64(low, high);
    if (offset === undefined || !isTableOffset(offset, this.#bounds)) {
      this.#badEntry(l1Offset, l1Index);
      return undefined;
    }
    this.#scanner.settle(offset / clusterSize, tableSize);
    const again = this.#marks.own(offset / clusterSize, tableSize, kinds.l2);
    if (again === 0) return offset;
    this.#counts.extraReferences += again;
    this.#counts.skippedTables++;
    return undefined;
  }

  async #markL2(l1Index: number, offset: number): Promise<void> {
    this.#scanner.begin();
    try {
      for await (const { bytes, first } of this.#l2.bytes(offset)) {
        this.#bytesRead += bytes.length;
        this.#scanner.scan(bytes.length, (index) => this.#badEntry(offset, first + index));
        if (performance.now() - this.#lastTurn >= turnMs) await this.#turn(l1Index);
      }
    } catch (error) {
      this.#unreadable(offset, error);
    }
    const { span } = this.#scanner;
    if (span !== undefined) this.#index.add(l1Index, offset, span.min, span.max);
  }

  #badEntry(tableOffset: number, index: number): void {
    this.#counts.badEntries++;
    this.#marks.worsen(Math.floor((tableOffset + index * 8) / this.#header.clusterSize), kinds.badEntry);
  }

  /** Being cancelled goes on; anything else is a fact about the table. */
  #unreadable(tableOffset: number, error: unknown): void {
    if (error instanceof BlockError && error.code === "ECANCELED") throw error;
    const { clusterSize, tableSize } = this.#header;
    this.#counts.unreadableTables++;
    for (let i = 0; i < tableSize; i++) this.#marks.worsen(tableOffset / clusterSize + i, kinds.unreadable);
  }

  /** What no table refers to: the header's area, a part of a cluster at the file's end, and leaks. */
  async #markRest(): Promise<void> {
    const all = this.#marks.kinds;
    const { headerSize, clusterSize } = this.#header;
    const end = this.#bounds.fileEnd / clusterSize;
    // A header of size 0 is there all the same, even where the L1 table lies on it.
    const dataStart = Math.min(Math.max(1, headerSize), end);
    for (let index = 0; index < dataStart; index++) {
      this.#marks.worsen(index, this.#marks.isOwned(index) ? kinds.overlap : kinds.header);
    }
    all.fill(kinds.free, end);
    const unused = this.#counts.unreadableTables === 0 ? kinds.leaked : kinds.unknown;
    for (let first = dataStart; first < end; first += clustersAtOnce) {
      this.#marks.abandon(first, Math.min(end, first + clustersAtOnce), unused);
      if (performance.now() - this.#lastTurn >= turnMs) await this.#turn(this.#entries);
    }
  }

  async #turn(l1Index: number): Promise<void> {
    this.#scanner.settleAll();
    this.#job.progress(Math.min(l1Index, this.#used), this.#used, this.#bytesRead);
    await takeTurn(this.#job);
    this.#lastTurn = performance.now();
  }

  async #references(cluster: number, limit: number, signal: AbortSignal | undefined): Promise<References> {
    const list: Reference[] = [];
    let total = 0;
    const note = (reference: () => Reference) => {
      if (total++ < limit) list.push(reference());
    };
    const { l1Offset, clusterSize, tableSize } = this.#header;
    if (isIn(cluster, l1Offset / clusterSize, tableSize)) {
      note(() => ({ by: "header, l1_table_offset", offset: 40, length: 8 }));
    }
    await this.#referencesOfL1(cluster, note, signal);
    // The pass has counted them: when all are found no further table is read.
    const wanted = this.#marks.references(cluster);
    const reader = new PieceReader(this.#file, this.#entries, undefined, this.#scanner.piece);
    for (const table of this.#index.candidates(cluster)) {
      if (total >= wanted && wanted < mostCounted) break;
      await this.#referencesOfL2(cluster, table, reader, note, signal);
    }
    return { list, total };
  }

  async #referencesOfL1(
    cluster: number,
    note: (reference: () => Reference) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { l1Offset, clusterSize, tableSize } = this.#header;
    const from = cluster - tableSize + 1;
    for await (const { signed, first } of new PieceReader(this.#file, this.#entries).entries(l1Offset)) {
      for (let at = 0; at < signed.length; at += 2) {
        const low = (signed[at] as number) >>> 0;
        const high = (signed[at + 1] as number) >>> 0;
        if (low === 0 && high === 0) continue;
        const offset = join64(low, high);
        if (offset === undefined || !isTableOffset(offset, this.#bounds)) continue;
        if (!isIn(offset / clusterSize, from, tableSize)) continue;
        const index = first + at / 2;
        note(() => ({
          by: `L1[${index}]`,
          offset: l1Offset + index * 8,
          length: 8,
          ...this.#guest(index * this.#entries, this.#entries),
        }));
      }
      await this.#breathe(signal);
    }
  }

  async #referencesOfL2(
    cluster: number,
    { l1Index, offset: table }: IndexedTable,
    reader: PieceReader,
    note: (reference: () => Reference) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const target = BigInt(cluster * this.#header.clusterSize);
    for await (const { bytes, first } of reader.bytes(table)) {
      const next = (from: number) => this.#scanner.find(from, bytes.length, target);
      for (let at = next(0); at >= 0; at = next(at + 1)) {
        const index = first + at;
        note(() => ({
          by: `L1[${l1Index}] -> L2[${index}]`,
          offset: table + index * 8,
          length: 8,
          ...this.#guest(l1Index * this.#entries + index, 1),
        }));
      }
      await this.#breathe(signal);
    }
  }

  /** Lets a cancel arrive, after some work. */
  async #breathe(signal: AbortSignal | undefined): Promise<void> {
    if (performance.now() - this.#lastTurn < turnMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurn = performance.now();
    if (signal?.aborted) throw new BlockError("ECANCELED", "The search for references was cancelled");
  }

  #guest(firstCluster: number, count: number): Pick<Reference, "guest"> {
    return guestRange(this.#header, firstCluster, count);
  }
}

const isIn = (value: number, first: number, count: number) => value >= first && value < first + count;
