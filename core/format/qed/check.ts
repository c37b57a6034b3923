// The consistency check of QED images (QED specification, "Consistency checking"): every table is read once, every
// cluster marked once. Counts as the peer counts, except that numbers of clusters are whole ones (it divides by the
// cluster size less one) and zero clusters are never taken for broken entries.
import { hex, join64 } from "../../base/bytes.ts";
import { BlockError, type PlainError, toPlain } from "../../base/errors.ts";
import { type CheckJob, type CheckResult, type Finding, maxFindings } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import { TableScanner } from "../../block/scanTable.ts";
import { type Bounds, boundsOf, isTableOffset, type QedHeader, tableEntries } from "./layout.ts";
import { nameSharers } from "./sharers.ts";
import { PieceReader, pieceLength } from "./tablePieces.ts";
import { ClusterUsage, maxClusters } from "./usage.ts";

/** Milliseconds of work between two pauses in which a cancel can arrive. */
const turnMs = 20;

type NewFinding = Omit<Finding, "id">;

/** Throws ECANCELED, EFBIG (too many clusters), EIO when the L1 table can't be read. */
export async function checkQed(
  file: BlockNode,
  header: QedHeader,
  fileSize: number,
  job: CheckJob,
): Promise<CheckResult> {
  return new Check(file, header, fileSize, job).run();
}

class Check {
  readonly #file: BlockNode;
  readonly #header: QedHeader;
  readonly #bounds: Bounds;
  readonly #job: CheckJob;
  readonly #usage: ClusterUsage;
  readonly #scanner: TableScanner<ClusterUsage>;
  readonly #entries: number;
  #corruptions = 0;
  #leaks = 0;
  #errors = 0;
  /** Not looked at, as something else lies on them. */
  #skippedTables = 0;
  /** Findings of both kinds: those that a repair answers must not be crowded out by those it can't. */
  readonly #found = { repairable: 0, other: 0 };
  #kept = 0;
  #readError: PlainError | undefined;
  #lastPause = performance.now();

  constructor(file: BlockNode, header: QedHeader, fileSize: number, job: CheckJob) {
    this.#file = file;
    this.#header = header;
    this.#bounds = boundsOf(header, fileSize);
    this.#job = job;
    this.#entries = tableEntries(header);
    const clusters = this.#bounds.fileEnd / header.clusterSize;
    if (clusters >= maxClusters) {
      throw new BlockError(
        "EFBIG",
        `The file has ${clusters} clusters; at most ${maxClusters - 1} can be checked`,
      );
    }
    this.#scanner = new TableScanner(
      this.#bounds,
      pieceLength(this.#entries),
      (bits) => new ClusterUsage(clusters, bits),
    );
    this.#usage = this.#scanner.marks;
  }

  async run(): Promise<CheckResult> {
    const { l1Offset, clusterSize, tableSize, imageSize } = this.#header;
    this.#usage.markRun(l1Offset / clusterSize, tableSize);
    await this.#checkTables();
    this.#scanner.settleAll();
    if (this.#usage.shared > 0 && this.#job.finding) await this.#tellShared();
    if (this.#errors === 0) await this.#tellLeaks();
    return {
      corruptions: this.#corruptions + this.#scanner.counts.again,
      leaks: this.#leaks,
      checkErrors: this.#errors,
      totalClusters: Math.ceil(imageSize / clusterSize),
      allocatedClusters: this.#scanner.counts.allocated,
      fragmentedClusters: this.#scanner.counts.fragmented,
      compressedClusters: 0,
      imageEndOffset: undefined,
      readError: this.#readError,
      findingsDropped:
        Math.max(0, this.#found.repairable - maxFindings) + Math.max(0, this.#found.other - maxFindings),
    };
  }

  async #checkTables(): Promise<void> {
    const l1 = new PieceReader(this.#file, this.#entries);
    const l2 = new PieceReader(this.#file, this.#entries, "l2_load", this.#scanner.piece);
    for await (const { halves, first } of l1.entries(this.#header.l1Offset)) {
      for (let i = 0; i < halves.length / 2; i++) {
        const [low = 0, high = 0] = [halves[i * 2], halves[i * 2 + 1]];
        if (low === 0 && high === 0) continue;
        await this.#checkTable(l2, first + i, low, high);
        await this.#breathe(first + i);
      }
      await this.#breathe(first + halves.length / 2);
    }
  }

  async #checkTable(reader: PieceReader, l1Index: number, low: number, high: number): Promise<void> {
    const { clusterSize, tableSize } = this.#header;
    const offset = join64(low, high);
    if (offset === undefined || !isTableOffset(offset, this.#bounds)) {
      this.#corruptions++;
      this.#tellBadEntry("L1", l1Index, undefined, low, high);
      return;
    }
    this.#scanner.settle(offset / clusterSize, tableSize);
    const again = this.#usage.markRun(offset / clusterSize, tableSize);
    if (again > 0) {
      this.#corruptions += again;
      this.#skippedTables++;
      this.#tellOverlap(l1Index, offset, again);
      return;
    }
    this.#scanner.begin();
    try {
      for await (const { bytes, first } of reader.bytes(offset)) {
        this.#scanner.scan(bytes.length, (index) => {
          this.#corruptions++;
          this.#tellBadEntry("L2", first + index, { l1Index, offset }, ...this.#scanner.entry(index));
        });
        await this.#breathe(l1Index);
      }
    } catch (error) {
      if (error instanceof BlockError && error.code === "ECANCELED") throw error;
      this.#errors++;
      this.#readError ??= toPlain(error);
      this.#tellUnreadable(l1Index, offset, error);
    }
  }

  /** Lets a cancel arrive, after some work. */
  async #breathe(l1Index: number): Promise<void> {
    if (performance.now() - this.#lastPause < turnMs) return;
    this.#job.progress?.(l1Index, this.#entries);
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#job.signal?.aborted) throw new BlockError("ECANCELED", "The check was cancelled");
    this.#lastPause = performance.now();
  }

  /** Findings that nobody hears, and those above the limit, are counted and never made. */
  #tell(kind: "repairable" | "other", make: () => NewFinding): void {
    const count = this.#found[kind]++;
    if (count < maxFindings) this.#job.finding?.({ ...make(), id: this.#kept++ });
  }

  #tellBadEntry(
    level: "L1" | "L2",
    index: number,
    table: { l1Index: number; offset: number } | undefined,
    low: number,
    high: number,
  ): void {
    this.#tell("repairable", () => {
      const { clusterSize, l1Offset, tableSize } = this.#header;
      const size = level === "L1" ? tableSize * clusterSize : clusterSize;
      const { code, why } = faultOf(low, high, size, this.#bounds);
      const exact = (BigInt(high) << 32n) | BigInt(low);
      const place = table === undefined ? `L1[${index}]` : `L1[${table.l1Index}] -> L2[${index}]`;
      const tableOffset = table?.offset ?? l1Offset;
      const firstCluster =
        table === undefined ? index * this.#entries : table.l1Index * this.#entries + index;
      return {
        kind: "corruption",
        code: `${level.toLowerCase()}-entry-${code}`,
        message: `${place} is ${hex(exact)}: ${why}`,
        offset: tableOffset + index * 8,
        length: 8,
        table: { level, index: table?.l1Index ?? 0, offset: tableOffset },
        entry: index,
        value: hex(exact),
        ...this.#guest(firstCluster, table === undefined ? this.#entries : 1),
        repair: "clear-entry",
      };
    });
  }

  #tellOverlap(l1Index: number, offset: number, again: number): void {
    const { l1Offset, tableSize } = this.#header;
    const clusters = `${again} of its ${tableSize} ${tableSize === 1 ? "cluster" : "clusters"}`;
    this.#tell("other", () => ({
      kind: "corruption",
      code: "l2-table-overlaps",
      message: `L1[${l1Index}] is ${hex(offset)}: ${clusters} are in use by others, so the table was not looked at`,
      offset: l1Offset + l1Index * 8,
      length: 8,
      table: { level: "L1", index: 0, offset: l1Offset },
      entry: l1Index,
      value: hex(offset),
      ...this.#guest(l1Index * this.#entries, this.#entries),
      repair: "none",
    }));
  }

  #tellUnreadable(l1Index: number, offset: number, error: unknown): void {
    const { clusterSize, tableSize } = this.#header;
    const reason = error instanceof Error ? error.message : String(error);
    this.#tell("other", () => ({
      kind: "io-error",
      code: "l2-table-unreadable",
      message: `The L2 table of L1[${l1Index}] at ${hex(offset)} can't be read: ${reason}`,
      offset,
      length: tableSize * clusterSize,
      table: { level: "L2", index: l1Index, offset },
      ...this.#guest(l1Index * this.#entries, this.#entries),
      repair: "none",
    }));
  }

  /** Who shares clusters is looked up in a second pass, so that owners need no memory where all is well. */
  async #tellShared(): Promise<void> {
    const { clusterSize } = this.#header;
    const room = Math.max(0, maxFindings - this.#found.other);
    const breathe = () => this.#breathe(this.#entries);
    const sharers = await nameSharers(this.#file, this.#header, this.#bounds, this.#usage, room, breathe);
    for (const { index, by, total, guestCluster } of sharers) {
      const more = total > by.length ? ", ..." : "";
      this.#tell("other", () => ({
        kind: "corruption",
        code: "cluster-shared",
        message: `The cluster at ${hex(index * clusterSize)} is used ${total} times: by ${by.join(", ")}${more}`,
        offset: index * clusterSize,
        length: clusterSize,
        ...(guestCluster !== undefined && this.#guest(guestCluster, 1)),
        references: { by, total },
        repair: "none",
      }));
    }
    this.#found.other += Math.max(0, this.#usage.shared - sharers.length);
  }

  /** What tables that were not looked at use counts as leaked, as the peer counts it: so that is said. */
  async #tellLeaks(): Promise<void> {
    const { clusterSize, headerSize } = this.#header;
    const tables = this.#skippedTables === 1 ? "a table that was" : `${this.#skippedTables} tables that were`;
    const except = this.#skippedTables === 0 ? "" : `, but perhaps by ${tables} not looked at`;
    for (const { index, count } of this.#usage.unused(headerSize)) {
      this.#leaks += count;
      const [clusters, are] = count === 1 ? ["1 cluster", "is"] : [`${count} clusters`, "are"];
      this.#tell("other", () => ({
        kind: "leak",
        code: "cluster-leaked",
        message: `${clusters} at ${hex(index * clusterSize)} ${are} not used by anything${except}`,
        offset: index * clusterSize,
        length: count * clusterSize,
        repair: "none",
      }));
      await this.#breathe(this.#entries);
    }
  }

  /** The guest range of clusters, as far as it lies in the image. */
  #guest(firstCluster: number, count: number): Pick<NewFinding, "guest"> {
    const { clusterSize, imageSize } = this.#header;
    const offset = firstCluster * clusterSize;
    const length = Math.min(count * clusterSize, imageSize - offset);
    return length > 0 ? { guest: { offset, length } } : {};
  }
}

/** What is wrong with an entry that has to point to `size` bytes. */
export function faultOf(
  low: number,
  high: number,
  size: number,
  bounds: Bounds,
): { code: string; why: string } {
  const { clusterSize, dataStart, fileEnd } = bounds;
  const offset = join64(low, high);
  if (offset !== undefined && offset % clusterSize !== 0) {
    return { code: "unaligned", why: `it is not aligned to the cluster size (${hex(clusterSize)})` };
  }
  if (offset === undefined || offset + size > fileEnd) {
    return { code: "past-end", why: `it points past the end of the file (${hex(fileEnd)})` };
  }
  return { code: "below-header", why: `it points into the header (below ${hex(dataStart)})` };
}
