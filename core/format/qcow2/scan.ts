// The clusters of a qcow2 file for the map: every table is read once, however often it is referred to, so that the work
// is bounded by the file. A cluster that several tables refer to is in order as long as its stored refcount says so.
import { BlockError } from "../../base/errors.ts";
import { OneThreadAgain } from "../../base/programThread.ts";
import type { Sharing } from "../../base/sharing.ts";
import { type ClusterMarks, mostCounted } from "../../block/clusterMarks.ts";
import { type RunMarks, TableScanner } from "../../block/scanTable.ts";
import { areEnough, type ScanAnswers, type ScannedTable, scanInThreads } from "../../block/scanThreads.ts";
import { type ByteRange, kindNumber, type StructureJob } from "../../block/structure.ts";
import { takeTurn } from "../../block/takeTurn.ts";
import { compressedPlace, hasOffset, isCompressed, isCopied, offsetOf } from "./entry.ts";
import { readPadded } from "./header.ts";
import { L2Spans } from "./l2Spans.ts";
import { limits, type Qcow2Header, type TablePlace } from "./layout.ts";
import { type Root, rootsOf, type StructureSource, snapshotTableLength } from "./parts.ts";
import { PieceReader, pieceBytes } from "./pieces.ts";
import { blockEntries, refcountBlocks, refcountIn } from "./refcounts.ts";

/** Milliseconds of work between two turns in which a cancel can arrive. */
const turnMs = 20;
/** Clusters looked at without asking for the time. */
const clustersAtOnce = 2 ** 22;
/** Clusters whose counts are compared at once, a multiple of 8. */
const clustersAlike = 4096;
export const kinds = {
  free: kindNumber("free"),
  zero: kindNumber("zero"),
  data: kindNumber("data"),
  compressed: kindNumber("compressed"),
  snapshot: kindNumber("snapshot"),
  bitmap: kindNumber("bitmap"),
  snapshotTable: kindNumber("snapshot-table"),
  refcountBlock: kindNumber("refcount-block"),
  refcountTable: kindNumber("refcount-table"),
  l2: kindNumber("l2-table"),
  l1: kindNumber("l1-table"),
  header: kindNumber("header"),
  unreadable: kindNumber("unreadable"),
  leaked: kindNumber("leaked"),
  refcountLow: kindNumber("refcount-low"),
  refcountHigh: kindNumber("refcount-high"),
  badEntry: kindNumber("bad-entry"),
  overlap: kindNumber("overlap"),
};
const mixesWithData = (kind: number) => kind === kinds.data || kind === kinds.snapshot || kind === kinds.zero;
const mixesWithCompressed = (kind: number) => kind === kinds.compressed;
/** All of an entry but its COPIED flag. */
const withoutCopied = 2n ** 63n - 1n;
/** A table in which a bad entry was seen is one still. */
const mixesWithL2 = (kind: number) => kind === kinds.l2;

export interface ScanCounts {
  readonly badEntries: number;
  readonly extraReferences: number;
  readonly unreadableTables: number;
  readonly skippedTables: number;
  readonly allocated: number;
  readonly zero: number;
  readonly bytesRead: number;
}

/** What is known of the L2 table that is gone over. */
interface L2Table {
  /** How often it is referred to. */
  readonly times: number;
  readonly dataKind: number;
  /** Whether it is one of the disk as it is. */
  readonly isActive: boolean;
  /** First and last cluster of those that it refers to and that are not simply data. */
  readonly span: { min: number; max: number };
}

export class Scan {
  readonly spans = new L2Spans();
  readonly #source: StructureSource;
  readonly #header: Qcow2Header;
  readonly #marks: ClusterMarks;
  readonly #job: StructureJob;
  readonly #reader: PieceReader;
  /** Goes over the entries of L2 tables: it marks data that one table refers to, and leaves all else to `#markEntries`. */
  readonly #scanner: TableScanner<RunMarks>;
  readonly #l2: PieceReader;
  readonly #entries: DataView;
  /** Much of the last table was no simple data, of which each by itself costs the scanner more than the others gain. */
  #isMixed = false;
  /** Clusters of the file, the last one perhaps in part. */
  readonly #clusters: number;
  /** Bits of L2 tables: those that snapshots refer to, and those that were read. */
  readonly #ofSnapshots: Uint8Array;
  readonly #read: Uint8Array;
  #knowsRefcounts = true;
  /** Offsets of tables that L1 tables refer to, as long as threads may go over them. */
  #shared: number[] | undefined;
  /** What threads found in them. */
  #answers: ScanAnswers | undefined;
  readonly #sharing: Sharing | undefined;
  #badEntries = 0;
  #extraReferences = 0;
  #unreadableTables = 0;
  #skippedTables = 0;
  #allocated = 0;
  #zero = 0;
  #bytesRead = 0;
  #done = 0;
  #toDo = 1;
  /** Of it, what threads have done ahead. */
  #doneAhead = 0;
  #lastTurn = performance.now();

  /** `sharing`: threads may help; then `run` throws OneThreadAgain when what they did can't be used. */
  constructor(source: StructureSource, marks: ClusterMarks, job: StructureJob, sharing?: Sharing) {
    this.#source = source;
    this.#header = source.image.header;
    this.#marks = marks;
    this.#job = job;
    this.#sharing = sharing;
    this.#reader = new PieceReader(source.file);
    this.#clusters = marks.kinds.length;
    const { clusterSize } = this.#header;
    this.#scanner = new TableScanner(
      { clusterSize, dataStart: clusterSize, fileEnd: this.#clusters * clusterSize },
      Math.min(pieceBytes, clusterSize),
      (bits) => {
        marks.keepBitsIn(bits);
        return { markRun: (first, count) => this.#referAgain(first, count) };
      },
      { spans: true, mask: withoutCopied },
    );
    const { piece } = this.#scanner;
    this.#l2 = new PieceReader(source.file, piece);
    this.#entries = new DataView(piece.buffer, piece.byteOffset, piece.length);
    this.#ofSnapshots = new Uint8Array(Math.ceil(this.#clusters / 8));
    this.#read = new Uint8Array(Math.ceil(this.#clusters / 8));
  }

  async run(): Promise<ScanCounts> {
    const { header } = this.#source.image;
    this.#marks.presume(kinds.data);
    this.#own(0, header.clusterSize, kinds.header);
    await this.#ownRefcounts();
    const roots = this.#ownRoots();
    await this.#ownOthers();
    this.#toDo = roots.reduce((sum, { table }) => sum + table.entries, 0) * 2 + 1;
    if (this.#mayBeShared(roots)) this.#shared = [];
    for (const root of roots) await this.#referToL2(root);
    await this.#scanInThreads();
    for (const root of roots) await this.#readL2(root);
    this.#scanner.settleAll();
    this.#answers?.finish();
    if (this.#answers && this.#isDamaged)
      throw new OneThreadAgain("faults are told in the order of the tables");
    for (let first = 0; first < this.#clusters; first += clustersAtOnce) {
      this.#marks.forget(first, Math.min(this.#clusters, first + clustersAtOnce));
      await this.#breathe();
    }
    await this.#markRest();
    return {
      badEntries: this.#badEntries,
      extraReferences: this.#extraReferences + this.#scanner.counts.again,
      unreadableTables: this.#unreadableTables,
      skippedTables: this.#skippedTables,
      allocated: this.#allocated,
      zero: this.#zero,
      bytesRead: this.#bytesRead,
    };
  }

  /** Marks what its owner alone may refer to; answers whether nothing else has it and all of it is in the file. */
  #own(offset: number, length: number, kind: number): boolean {
    const first = offset / this.#header.clusterSize;
    const count = Math.ceil(length / this.#header.clusterSize);
    if (!Number.isInteger(first) || first >= this.#clusters) return count === 0;
    const again = this.#marks.own(first, Math.min(count, this.#clusters - first), kind);
    this.#extraReferences += again;
    return again === 0 && first + count <= this.#clusters;
  }

  /** The same of what the field at `field` refers to: one that refers to bytes behind the file's end is bad. */
  #ownNamed(field: number, { offset, length }: ByteRange, kind: number): boolean {
    const { clusterSize } = this.#header;
    // The cluster in which the file ends counts as whole.
    if (length > 0 && offset + length - this.#source.file.size >= clusterSize) this.#badEntry(field);
    return this.#own(offset, length, kind);
  }

  async #ownRefcounts(): Promise<void> {
    const { file } = this.#source;
    const { refcountTable, clusterSize } = this.#header;
    const { offset: start, clusters } = refcountTable;
    this.#ownNamed(48, { offset: start, length: clusters * clusterSize }, kinds.refcountTable);
    try {
      for await (const { index, offset } of refcountBlocks(file, this.#header)) {
        const isPlaced = offset !== undefined && offset < this.#clusters * clusterSize;
        if (isPlaced) this.#own(offset, clusterSize, kinds.refcountBlock);
        else this.#badEntry(refcountTable.offset + index * 8);
        await this.#breathe();
      }
    } catch (error) {
      this.#unreadable(refcountTable.offset, error);
    }
  }

  /** The L1 tables that are read: none twice, and none that lies on something else. */
  #ownRoots(): Root[] {
    const { snapshots } = this.#source.facts;
    const roots = rootsOf(this.#source).filter((root) => {
      const { offset, entries } = root.table;
      const isOwn = this.#ownNamed(root.snapshot?.offset ?? 40, { offset, length: entries * 8 }, kinds.l1);
      // The active table is what the guest reads, whatever else it is.
      const isRead = isOwn || root.snapshot === undefined;
      if (!isRead) this.#skippedTables++;
      return isRead;
    });
    const places = new Set(roots.map(({ snapshot }) => snapshot));
    for (const snapshot of snapshots) {
      const offset = Number(snapshot.l1.offset);
      const isBad = offset % this.#header.clusterSize !== 0 || snapshot.l1.entries * 8 > limits.l1Table;
      if (!places.has(snapshot) && isBad) this.#badEntry(snapshot.offset);
    }
    for (const { error, lost } of this.#source.facts.snapshotFaults) {
      this.#badEntry(error.context.offset ?? 0);
      // What snapshots that can't be found refer to is not known.
      if (lost > 0) this.#skippedTables++;
    }
    return roots;
  }

  /** Snapshot table, bitmaps, encryption header. */
  async #ownOthers(): Promise<void> {
    const { image, facts } = this.#source;
    const { bitmaps, crypto } = image.extensions;
    this.#own(this.#header.snapshots.offset, snapshotTableLength(this.#source), kinds.snapshotTable);
    // Extensions lie in the header's cluster.
    if (crypto) this.#ownNamed(0, crypto, kinds.header);
    if (bitmaps) {
      const { directoryOffset: offset, directorySize: length } = bitmaps;
      this.#ownNamed(0, { offset, length }, kinds.bitmap);
    }
    for (const { offset: entry, tableOffset, tableEntries } of facts.bitmaps) {
      const table = { offset: tableOffset, length: tableEntries * 8 };
      const isOwn = this.#ownNamed(entry, table, kinds.bitmap);
      if (isOwn) await this.#ownBits({ offset: tableOffset, entries: tableEntries });
      else this.#skippedTables++;
    }
  }

  async #ownBits(table: TablePlace): Promise<void> {
    await this.#reading(table.offset, async () => {
      for await (const { halves, first } of this.#reader.words(table)) {
        this.#bytesRead += halves.byteLength;
        for (let at = 0; at < halves.length; at += 2) {
          const offset = offsetOf(halves[at] ?? 0, halves[at + 1] ?? 0);
          if (offset === 0) continue;
          const isPlaced = this.#isCluster(offset);
          if (isPlaced) this.#own(offset, this.#header.clusterSize, kinds.bitmap);
          else this.#badEntry(table.offset + (first + at / 2) * 8);
        }
        await this.#breathe();
      }
    });
  }

  /** Whether anything was found so far that is no image in order. */
  get #isDamaged(): boolean {
    const faults = this.#badEntries + this.#extraReferences + this.#unreadableTables + this.#skippedTables;
    return faults + this.#scanner.counts.again > 0;
  }

  /** Whether threads are of use, as far as the lengths of the L1 tables say. */
  #mayBeShared(roots: readonly Root[]): boolean {
    const { l2EntryLength, hasDataFile, clusterSize } = this.#header;
    const entries = roots.reduce((sum, { table }) => sum + table.entries, 0);
    const isSimple = l2EntryLength === 8 && !hasDataFile && this.#source.file.descriptor !== undefined;
    return isSimple && this.#sharing !== undefined && areEnough(this.#sharing, entries, clusterSize);
  }

  /** Has threads go over the tables that one L1 entry of the active table refers to. */
  async #scanInThreads(): Promise<void> {
    const { clusterSize } = this.#header;
    const fd = this.#source.file.descriptor;
    const offsets = this.#shared?.filter((offset) => this.#isOrdinary(offset / clusterSize));
    this.#shared = undefined;
    if (offsets === undefined || fd === undefined || this.#sharing === undefined || this.#isDamaged) return;
    if (!areEnough(this.#sharing, offsets.length, clusterSize)) return;
    const fileEnd = this.#clusters * clusterSize;
    const bounds = { clusterSize, dataStart: clusterSize, fileEnd };
    const kind = { fd, tableBytes: clusterSize, bounds, mask: withoutCopied, isBigEndian: true };
    const before = this.#done;
    this.#answers = await scanInThreads(kind, offsets, this.#marks, this.#sharing, async (part) => {
      this.#doneAhead = before + part * (this.#toDo - before);
      await this.#takeTurn();
    });
  }

  /** Whether one entry of the active L1 table, and nothing else, refers to this cluster, a table. */
  #isOrdinary(cluster: number): boolean {
    if (this.#marks.kinds[cluster] !== kinds.l2 || hasBit(this.#ofSnapshots, cluster)) return false;
    return this.#marks.references(cluster) === 1;
  }

  /** Counts how often each L2 table is referred to. */
  async #referToL2({ table, snapshot }: Root): Promise<void> {
    await this.#l1Entries(table, (offset, at) => {
      if (!this.#isCluster(offset)) {
        this.#badEntry(at);
        return;
      }
      const cluster = offset / this.#header.clusterSize;
      if (!this.#marks.refer(cluster, kinds.l2, 1, mixesWithL2)) this.#extraReferences++;
      if (snapshot !== undefined) setBit(this.#ofSnapshots, cluster);
      else this.#shared?.push(offset);
    });
  }

  /** Calls `use` with each entry that points to a table, and with its own place in the file. */
  async #l1Entries(
    table: TablePlace,
    use: (offset: number, at: number) => void | Promise<void>,
  ): Promise<void> {
    const reader = new PieceReader(this.#source.file);
    await this.#reading(table.offset, async () => {
      for await (const { halves, first } of reader.words(table)) {
        this.#bytesRead += halves.byteLength;
        for (let at = 0; at < halves.length; at += 2) {
          const high = halves[at] as number;
          const low = halves[at + 1] as number;
          if (!hasOffset(high, low)) continue;
          const used = use(offsetOf(high, low), table.offset + (first + at / 2) * 8);
          if (used !== undefined) await used;
        }
        await this.#breathe();
      }
    });
    this.#done += table.entries;
  }

  async #readL2({ table, snapshot }: Root): Promise<void> {
    await this.#l1Entries(table, async (offset) => {
      if (!this.#isCluster(offset)) return;
      const cluster = offset / this.#header.clusterSize;
      if (!setBit(this.#read, cluster)) return;
      this.#scanner.settle(cluster, 1);
      const times = this.#marks.references(cluster);
      if (this.#marks.kinds[cluster] === kinds.overlap) {
        this.#skippedTables++;
        return;
      }
      const found = this.#isOrdinary(cluster) ? this.#answers?.next(offset) : undefined;
      if (found !== undefined) {
        this.#noteScanned(offset, found);
        return;
      }
      const isShared = hasBit(this.#ofSnapshots, cluster);
      await this.#markTable(offset, times, isShared ? kinds.snapshot : kinds.data, snapshot === undefined);
    });
  }

  /** A thread has marked what the table refers to. */
  #noteScanned(offset: number, { allocated, zero, span }: ScannedTable): void {
    this.#bytesRead += this.#header.clusterSize;
    this.#allocated += allocated;
    this.#zero += zero;
    if (zero > 0 && this.#header.version === 2) this.#badEntry(offset, zero);
    if (span !== undefined) this.spans.add(offset, span.min, span.max);
  }

  async #markTable(offset: number, times: number, dataKind: number, isActive: boolean): Promise<void> {
    const { l2Entries, l2EntryLength, hasDataFile } = this.#header;
    const table: L2Table = { times, dataKind, isActive, span: { min: 0xffffffff, max: 0 } };
    const isOrdinary = l2EntryLength === 8 && !hasDataFile && times === 1 && dataKind === kinds.data;
    const isScanned = isOrdinary && !this.#isMixed;
    let others = 0;
    this.#scanner.begin();
    await this.#reading(offset, async () => {
      const words = { offset, entries: (l2Entries * l2EntryLength) / 8 };
      for await (const { bytes, first } of this.#l2.bytes(words, "l2_load")) {
        this.#bytesRead += bytes.length;
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap64();
        const at = offset + first * 8;
        others += isScanned
          ? this.#scanEntries(bytes.length, at, table)
          : this.#markEntries(0, bytes.length, at, table);
        await this.#breathe();
      }
    });
    this.#isMixed = others * 4 > l2Entries;
    const { span } = table;
    const scanned = this.#scanner.span ?? span;
    const [min, max] = [Math.min(span.min, scanned.min), Math.max(span.max, scanned.max)];
    if (min <= max) this.spans.add(offset, min, max);
  }

  /** As `#markEntries` of the whole piece, but what is simply data all at once. */
  #scanEntries(length: number, at: number, table: L2Table): number {
    const { counts } = this.#scanner;
    const before = { ...counts };
    let others = 0;
    this.#scanner.scan(length, (index) => {
      others++;
      this.#markEntries(index * 8, index * 8 + 8, at, table);
    });
    const zero = counts.zero - before.zero;
    if (zero > 0 && this.#header.version === 2) this.#badEntry(at, zero);
    if (table.isActive) {
      this.#allocated += counts.allocated - before.allocated - others;
      this.#zero += zero;
    }
    return others;
  }

  /** Data of one table that something else refers to as well; answers how many of them are no data. */
  #referAgain(first: number, count: number): number {
    let overlaps = 0;
    for (let cluster = first; cluster < first + count; cluster++) {
      if (!this.#marks.refer(cluster, kinds.data, 1, mixesWithData)) overlaps++;
    }
    return overlaps;
  }

  /**
   * Bytes [from, end) of the piece, whose entries have been made little-endian. `at` is where it stands in the file. Answers
   * how many are neither empty nor simply data.
   */
  #markEntries(from: number, end: number, at: number, { times, dataKind, isActive, span }: L2Table): number {
    const { version, clusterSize, clusterBits, l2EntryLength, hasDataFile } = this.#header;
    const entries = this.#entries;
    const mayBeZero = l2EntryLength === 8;
    let allocated = 0;
    let zero = 0;
    let others = 0;
    for (let i = from; i < end; i += l2EntryLength) {
      const low = entries.getInt32(i, true);
      const high = entries.getInt32(i + 4, true);
      const zeroes = mayBeZero ? 0 : entries.getInt32(i + 12, true);
      if (!mayBeZero && this.#contradicts(high, low, zeroes, entries.getInt32(i + 8, true))) {
        this.#badEntry(at + i);
      }
      if (high === 0 && low === 0) {
        if (zeroes === -1) zero++;
        continue;
      }
      if (isCompressed(high)) {
        allocated++;
        others++;
        const place = compressedPlace(high, low, clusterBits);
        const isGood = !hasDataFile && this.#referToStream(place.offset, place.length, times, span);
        if (!isGood) this.#badEntry(at + i);
        continue;
      }
      const isZero = mayBeZero && (low & 1) !== 0;
      if (isZero && version === 2) this.#badEntry(at + i);
      if (!hasOffset(high, low) && !(hasDataFile && isCopied(high))) {
        if (isZero) zero++;
        continue;
      }
      if (isZero) {
        zero++;
        others++;
      } else allocated++;
      // Clusters of another file.
      if (hasDataFile) continue;
      const offset = offsetOf(high, low);
      const cluster = offset / clusterSize;
      if (!Number.isInteger(cluster) || cluster >= this.#clusters) {
        others++;
        this.#badEntry(at + i);
        continue;
      }
      if (cluster < span.min) span.min = cluster;
      if (cluster > span.max) span.max = cluster;
      const kind = isZero && dataKind === kinds.data ? kinds.zero : dataKind;
      if (!this.#marks.refer(cluster, kind, times, mixesWithData)) this.#extraReferences++;
    }
    if (isActive) {
      this.#allocated += allocated;
      this.#zero += zero;
    }
    return others;
  }

  /** A subcluster both allocated and zero, or allocated where there is no cluster. */
  #contradicts(high: number, low: number, zeroes: number, allocated: number): boolean {
    if (isCompressed(high)) return zeroes !== 0 || allocated !== 0;
    const isPlaced = hasOffset(high, low) || (this.#header.hasDataFile && isCopied(high));
    return (zeroes & allocated) !== 0 || (!isPlaced && allocated !== 0);
  }

  /** Every cluster of the file that a stream's window touches is referred to once; its end may lie behind the file's. */
  #referToStream(offset: number, length: number, times: number, span: { min: number; max: number }): boolean {
    const { clusterSize } = this.#header;
    const first = Math.floor(offset / clusterSize);
    const last = Math.floor((offset + length - 1) / clusterSize);
    if (first >= this.#clusters || last > this.#clusters) return false;
    // Which of data and a stream comes first makes a difference to what is counted as one reference too many.
    this.#scanner.settle(first, Math.min(last + 1, this.#clusters) - first);
    for (let cluster = first; cluster <= Math.min(last, this.#clusters - 1); cluster++) {
      const isGood = this.#marks.refer(cluster, kinds.compressed, times, mixesWithCompressed);
      if (!isGood) this.#extraReferences++;
      if (cluster < span.min) span.min = cluster;
      if (cluster > span.max) span.max = cluster;
    }
    return true;
  }

  #isCluster(offset: number): boolean {
    const { clusterSize } = this.#header;
    return offset > 0 && offset % clusterSize === 0 && offset / clusterSize < this.#clusters;
  }

  /** `at` is the entry's place in the file, or that of the first of several in one cluster. */
  #badEntry(at: number, entries = 1): void {
    this.#badEntries += entries;
    const cluster = Math.floor(at / this.#header.clusterSize);
    if (cluster < this.#clusters) this.#marks.worsen(cluster, kinds.badEntry);
  }

  async #reading(offset: number, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      this.#unreadable(offset, error);
    }
  }

  /** Being cancelled goes on; anything else is a fact about the table. */
  #unreadable(offset: number, error: unknown): void {
    if (error instanceof OneThreadAgain) throw error;
    if (error instanceof BlockError && error.code === "ECANCELED") throw error;
    this.#unreadableTables++;
    const cluster = Math.floor(offset / this.#header.clusterSize);
    if (cluster < this.#clusters) this.#marks.worsen(cluster, kinds.unreadable);
  }

  /**
   * Compares with the stored refcounts: what nothing refers to is free or leaked, what too many refer to overlaps; of all
   * else that is in order the count may be wrong.
   */
  async #markRest(): Promise<void> {
    const { file } = this.#source;
    const perBlock = blockEntries(this.#header);
    const block = new Uint8Array(this.#header.clusterSize);
    const ones = blockOfOnes(this.#header);
    const knowsAll = this.#unreadableTables === 0 && this.#skippedTables === 0;
    let next = 0;
    try {
      for await (const { index, offset } of refcountBlocks(file, this.#header)) {
        const first = index * perBlock;
        if (first >= this.#clusters) break;
        this.#markRefcounts(next, first, () => 0, knowsAll);
        next = Math.min(this.#clusters, first + perBlock);
        if (offset === undefined || offset >= file.size) continue;
        const isRead = await this.#readBlock(offset, block);
        if (isRead) this.#markBlock(first, next, block, ones, knowsAll);
        await this.#breathe();
      }
    } catch (error) {
      this.#unreadable(this.#header.refcountTable.offset, error);
      this.#knowsRefcounts = false;
    }
    if (this.#knowsRefcounts) this.#markRefcounts(next, this.#clusters, () => 0, knowsAll);
  }

  /** Most of a file is in use, by one, and counted once: that is told of many clusters at a time. */
  #markBlock(first: number, end: number, block: Uint8Array, ones: Uint8Array, knowsAll: boolean): void {
    const order = this.#header.refcountOrder;
    const stored = (cluster: number) => refcountIn(block, cluster - first, order);
    const bytesOf = (clusters: number) => Math.ceil((clusters * 2 ** order) / 8);
    for (let from = first; from < end; from += clustersAlike) {
      const to = Math.min(end, from + clustersAlike);
      const [at, behind] = [bytesOf(from - first), bytesOf(to - first)];
      const isOnce = Buffer.compare(block.subarray(at, behind), ones.subarray(0, behind - at)) === 0;
      if (!isOnce || !this.#marks.areOwnedOnce(from, to - from))
        this.#markRefcounts(from, to, stored, knowsAll);
    }
  }

  async #readBlock(offset: number, block: Uint8Array): Promise<boolean> {
    try {
      await readPadded(this.#source.file, offset, block);
      this.#bytesRead += block.length;
      return true;
    } catch (error) {
      this.#unreadable(offset, error);
      return false;
    }
  }

  #markRefcounts(first: number, end: number, stored: (cluster: number) => number, knowsAll: boolean): void {
    const all = this.#marks.kinds;
    for (let cluster = first; cluster < end; cluster++) {
      const kind = all[cluster] as number;
      if (kind === 0) {
        const count = stored(cluster);
        if (count === 0) all[cluster] = kinds.free;
        else if (knowsAll) all[cluster] = kinds.leaked;
        continue;
      }
      if (kind > kinds.header) continue;
      // Nobody refers to the header, which is in use all the same.
      const references = Math.max(1, this.#marks.references(cluster));
      const count = stored(cluster);
      if (count === references) continue;
      if (count > references) {
        if (knowsAll && references < mostCounted) this.#marks.miscount(cluster, kinds.refcountHigh);
      } else if (references === 1) this.#marks.miscount(cluster, kinds.refcountLow);
      else {
        this.#extraReferences += references - Math.max(1, count);
        all[cluster] = kinds.overlap;
      }
    }
  }

  /** Lets a cancel arrive, after some work. */
  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn < turnMs) return;
    this.#scanner.settleAll();
    await this.#takeTurn();
    this.#lastTurn = performance.now();
  }

  async #takeTurn(): Promise<void> {
    this.#job.progress(Math.max(this.#done, this.#doneAhead), this.#toDo, this.#bytesRead);
    await takeTurn(this.#job);
  }
}

/** Bytes of a refcount block in which each count is 1, as far as counts are compared at once. */
function blockOfOnes(header: Qcow2Header): Uint8Array {
  const bits = 2 ** header.refcountOrder;
  const bytes = new Uint8Array(Math.ceil((Math.min(clustersAlike, blockEntries(header)) * bits) / 8));
  if (bits < 8) return bytes.fill([0xff, 0x55, 0x11][header.refcountOrder] ?? 0);
  for (let at = bits / 8 - 1; at < bytes.length; at += bits / 8) bytes[at] = 1;
  return bytes;
}

const hasBit = (bits: Uint8Array, index: number) => (((bits[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 1;

/** Answers whether it was not set before. */
function setBit(bits: Uint8Array, index: number): boolean {
  const isNew = !hasBit(bits, index);
  bits[index >>> 3] = (bits[index >>> 3] ?? 0) | (1 << (index & 7));
  return isNew;
}
