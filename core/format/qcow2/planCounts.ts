// Refcounts for a repair plan: what refers to each cluster is counted by the code of the check, in the image as the first
// part of the plan leaves it, and compared with what is stored. Refcount blocks that will be changed are kept in memory.
import { BlockError } from "../../base/errors.ts";
import type { ByteRange, Finding } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import type { RepairJob } from "../../block/repair.ts";
import { activeRoot, countAll } from "./check.ts";
import { ClusterCounts } from "./checkCounts.ts";
import { checkSnapshotEntries } from "./checkOthers.ts";
import { CheckRegions } from "./checkRegions.ts";
import { CheckReporter } from "./checkReporter.ts";
import { type StoredBlock, StoredRefcounts } from "./checkStored.ts";
import { type CheckRoot, TableWalk } from "./checkWalk.ts";
import { type Qcow2Image, readPadded } from "./header.ts";
import { BitmapFaults } from "./planBitmaps.ts";
import { Turns } from "./planScan.ts";
import type { Qcow2Snapshot } from "./snapshots.ts";
import { bigEndianWords } from "./tables.ts";
import { type CountPage, countAt, mostCount } from "./write/countPage.ts";

/** Everything that refers to clusters of a file, counted. */
export interface CountedImage {
  readonly file: BlockNode;
  readonly image: Qcow2Image;
  readonly counts: ClusterCounts;
  readonly regions: CheckRegions;
  readonly roots: readonly CheckRoot[];
  readonly stored: StoredRefcounts;
  /** What was found in tables; refcounts are not compared. */
  readonly faults: TableFaults;
  readonly corruptions: number;
  /** Whether everything could be read. */
  readonly isComplete: boolean;
}

/** Messages about what can't be mended that are kept. */
const mostMessages = 100;

/** Of each kind of findings no more than is needed: there may be 200,000, and they are looked for twice. */
class TableFaults {
  readonly bitmaps: BitmapFaults;
  /** Corruptions of the tables of refcounts themselves. */
  structure = 0;
  others = 0;
  /** Messages of the first of them. */
  readonly otherMessages: string[] = [];

  constructor(image: Qcow2Image) {
    this.bitmaps = new BitmapFaults(image);
  }

  add(finding: Finding): void {
    this.bitmaps.add(finding);
    if (finding.repair === "rebuild-refcounts") this.structure++;
    else if (this.others++ < mostMessages) this.otherMessages.push(finding.message);
  }
}

/** Throws ECANCELED, EFBIG (too many clusters), EIO when the refcount table can't be read. */
export async function countImage(
  file: BlockNode,
  image: Qcow2Image,
  snapshots: readonly Qcow2Snapshot[],
  job: RepairJob,
): Promise<CountedImage> {
  const { header } = image;
  const faults = new TableFaults(image);
  const reporter = new CheckReporter({
    ...(job.signal && { signal: job.signal }),
    progress: (done, total) => job.progress?.(done, total),
    finding: (finding) => faults.add(finding),
  });
  // Wider than those of the image: nothing is lost of clusters that are referred to more often than it can say.
  const counts = new ClusterCounts({ ...header, refcountOrder: 5 }, file.size);
  const regions = new CheckRegions(counts, header.clusterSize, reporter);
  const parts = { file, header, counts, regions, reporter };
  checkSnapshotEntries(parts, snapshots);
  const stored = await StoredRefcounts.load(file, header);
  const walk = new TableWalk(parts);
  const roots = await countAll(parts, walk, activeRoot(header), image, snapshots, stored);
  const isComplete = reporter.errors === 0 && reporter.readError === undefined;
  return {
    ...{ file, image, counts, regions, roots, stored, faults, isComplete },
    corruptions: reporter.corruptions,
  };
}

/** Ranges of leaked clusters that are listed. */
const maxLeaks = 100_000;
/** Clusters with too many users that are remembered. */
const mostOver = 10_000;
/** Bytes of refcount blocks that are kept. */
const mostKeptBytes = 256 * 1024 * 1024;

/** A refcount block that is changed in place. */
export interface KeptBlock {
  readonly offset: number;
  readonly page: CountPage;
}

/** The stored refcounts beside what was counted. */
export class CountedRefcounts {
  readonly counted: CountedImage;
  readonly perBlock: number;
  /** The highest refcount that the image can store. */
  readonly most: number;
  /** By index in the refcount table. */
  readonly kept = new Map<number, KeptBlock>();
  /** Blocks that can't stay, and whether they were counted: their cluster has that one user less then. */
  readonly bad = new Map<number, { readonly cluster: number | undefined }>();
  /** Parts of the file with clusters that are in use, and no block. */
  readonly missing = new Set<number>();
  isTableBad = false;
  /** Clusters whose refcount is too low, those of them where it is 0, and clusters whose refcount is too high. */
  low = 0;
  none = 0;
  high = 0;
  /** Clusters with a refcount that nothing uses. */
  unused = 0;
  /** Clusters that are referred to more often than the image can say. */
  readonly over: number[] = [];
  readonly leaks: ByteRange[] = [];
  leakRanges = 0;
  /** End of the last cluster that anything refers to. */
  usedEnd = 0;
  /** Blocks that had to be left out. */
  dropped = 0;
  #keptBytes = 0;
  #leakEnd = -1;

  constructor(counted: CountedImage) {
    this.counted = counted;
    this.perBlock = counted.stored.perBlock;
    this.most = mostCount(counted.image.header.refcountOrder);
  }

  /** How often a cluster is referred to. */
  count(cluster: number): number {
    return cluster < this.counted.counts.known ? (this.counted.counts.counts[cluster] ?? 0) : 0;
  }

  /** The stored refcount of a cluster, as far as it is not what was counted. */
  isTooLow(cluster: number): boolean {
    const index = Math.floor(cluster / this.perBlock);
    if (this.bad.has(index) || this.missing.has(index) || this.count(cluster) > this.most) return true;
    const kept = this.kept.get(index);
    if (kept === undefined) return false;
    return countAt(kept.page, cluster % this.perBlock, this.#order) < this.count(cluster);
  }

  /** Whether a cluster has a refcount and nothing uses it. */
  isLeaked(cluster: number): boolean {
    const kept = this.kept.get(Math.floor(cluster / this.perBlock));
    if (kept === undefined || this.count(cluster) > 0) return false;
    return countAt(kept.page, cluster % this.perBlock, this.#order) > 0;
  }

  /** Throws ECANCELED. */
  async compare(job: RepairJob): Promise<void> {
    const { stored, counts } = this.counted;
    const turns = new Turns(job);
    this.#judgeTable();
    const inFile = Math.ceil(counts.known / this.perBlock);
    const blocks = Math.max(inFile, stored.entries);
    for (let index = 0; index < blocks; index++) {
      await turns.turn(index, blocks);
      const block = stored.block(index);
      if (block === undefined && index >= inFile) continue;
      await this.#compareBlock(index, block);
    }
    this.#endLeak();
  }

  /** Keeps the blocks of clusters that will be changed though they are right now. Throws EFBIG, EIO. */
  async keep(clusters: Iterable<number>): Promise<void> {
    for (const cluster of clusters) {
      const index = Math.floor(cluster / this.perBlock);
      const block = this.counted.stored.block(index);
      const isThere = this.kept.has(index) || this.bad.has(index) || this.missing.has(index);
      if (block === undefined || isThere) continue;
      this.#keptBytes += this.counted.image.header.clusterSize;
      if (this.#keptBytes > 2 * mostKeptBytes) {
        throw new BlockError("EFBIG", "Too many refcount blocks would have to be changed at once");
      }
      this.kept.set(index, { offset: block.offset, page: await this.#read(block) });
    }
  }

  get #order(): number {
    return this.counted.image.header.refcountOrder;
  }

  /** Clusters of refcount structures that can't stay. */
  *leftClusters(): Generator<number> {
    for (const { cluster } of this.bad.values()) if (cluster !== undefined) yield cluster;
    if (!this.isTableBad) return;
    const { refcountTable, clusterSize } = this.counted.image.header;
    for (let i = 0; i < refcountTable.clusters; i++) yield refcountTable.offset / clusterSize + i;
  }

  #judgeTable(): void {
    const { refcountTable, clusterSize } = this.counted.image.header;
    const first = refcountTable.offset / clusterSize;
    for (let i = 0; i < refcountTable.clusters; i++) {
      if (this.count(first + i) !== 1) this.isTableBad = true;
    }
  }

  async #compareBlock(index: number, block: StoredBlock | undefined): Promise<void> {
    const { clusterSize } = this.counted.image.header;
    const { counts } = this.counted.counts;
    const first = index * this.perBlock;
    const end = Math.min(this.counted.counts.known, first + this.perBlock);
    const page = block && (await this.#pageOf(block));
    const isBad = block !== undefined && (page === undefined || this.#isMisplaced(block));
    if (isBad) {
      const cluster = block.offset / clusterSize;
      const isCounted = !block.hasReservedBits && Number.isInteger(cluster) && this.count(cluster) > 0;
      this.bad.set(index, { cluster: isCounted ? cluster : undefined });
    }
    let differs = false;
    for (let cluster = first; cluster < end; cluster++) {
      const is = counts[cluster] ?? 0;
      const says = page ? countAt(page, cluster - first, this.#order) : 0;
      if (is > 0) this.usedEnd = (cluster + 1) * clusterSize;
      if (is > this.most && this.over.length < mostOver) this.over.push(cluster);
      const wanted = Math.min(is, this.most);
      if (wanted === says) continue;
      differs = true;
      if (says < wanted) {
        this.low++;
        if (says === 0) this.none++;
      } else if (wanted > 0) this.high++;
      else this.#leak(cluster);
    }
    if (!differs) return;
    if (isBad) return;
    if (page === undefined) this.missing.add(index);
    else if (this.#keptBytes + clusterSize > mostKeptBytes) this.dropped++;
    else {
      this.#keptBytes += clusterSize;
      this.kept.set(index, { offset: block?.offset ?? 0, page });
    }
  }

  /** A block can't stay where none can be, and where something else is too. */
  #isMisplaced({ offset, hasReservedBits }: StoredBlock): boolean {
    return hasReservedBits || this.count(offset / this.counted.image.header.clusterSize) !== 1;
  }

  /** Undefined where there is none to be read. */
  async #pageOf(block: StoredBlock): Promise<CountPage | undefined> {
    if (block.isUnaligned || block.offset === 0 || block.offset >= this.counted.file.size) return undefined;
    try {
      return await this.#read(block);
    } catch {
      return undefined;
    }
  }

  async #read({ offset }: StoredBlock): Promise<CountPage> {
    const bytes = new Uint8Array(this.counted.image.header.clusterSize);
    await readPadded(this.counted.file, offset, bytes);
    return bigEndianWords(bytes);
  }

  #leak(cluster: number): void {
    const { clusterSize } = this.counted.image.header;
    this.unused++;
    const offset = cluster * clusterSize;
    const last = this.leaks.at(-1);
    if (this.#leakEnd === offset && last && last.offset + last.length === offset) {
      this.leaks[this.leaks.length - 1] = { ...last, length: last.length + clusterSize };
    } else if (this.#leakEnd !== offset) {
      this.leakRanges++;
      if (this.leaks.length < maxLeaks) this.leaks.push({ offset, length: clusterSize });
    }
    this.#leakEnd = offset + clusterSize;
  }

  /** All ranges of leaked clusters whose refcounts can be read, in the order of the file. */
  *leakedRanges(): Generator<ByteRange> {
    const { file, image } = this.counted;
    const { clusterSize } = image.header;
    let from = -1;
    let end = -1;
    for (const [index, { page }] of [...this.kept].sort(([a], [b]) => a - b)) {
      for (let i = 0; i < this.perBlock; i++) {
        const cluster = index * this.perBlock + i;
        const offset = cluster * clusterSize;
        if (offset >= file.size || this.count(cluster) > 0 || countAt(page, i, this.#order) === 0) continue;
        if (offset !== end) {
          if (from >= 0) yield { offset: from, length: end - from };
          from = offset;
        }
        end = Math.min(file.size, offset + clusterSize);
      }
    }
    if (from >= 0) yield { offset: from, length: end - from };
  }

  #endLeak(): void {
    const { size } = this.counted.file;
    const last = this.leaks.at(-1);
    if (last && last.offset + last.length > size) {
      this.leaks[this.leaks.length - 1] = { ...last, length: size - last.offset };
    }
  }
}
