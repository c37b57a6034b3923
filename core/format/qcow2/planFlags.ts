// The last pass of a repair plan over the tables of the disk as it is now: clusters that get a copy for their second user,
// and COPIED flags that may be wrong when refcounts are right. Specification: qcow2, "Cluster mapping".
import { hex } from "../../base/bytes.ts";
import type { RepairJob } from "../../block/repair.ts";
import { hasBit, setBit } from "./checkVisits.ts";
import { isCompressed, isCopied, offsetOf } from "./entry.ts";
import type { TablePlace } from "./layout.ts";
import { PieceReader } from "./pieces.ts";
import type { CountedRefcounts } from "./planCounts.ts";
import { Turns, wordOf } from "./planScan.ts";

/** Entries that are listed for copies, and for flags: more are left to a second repair. */
const maxCopies = 100_000;
const maxFlags = 500_000;
/** Bytes that copies may add, beyond as many as the file has. */
const spareCopiedBytes = 64 * 1024 * 1024;

/** Entries side by side whose clusters, which are one behind the other, others use as well. */
export interface SharedRun {
  /** "L1[3]", with the snapshot before it. */
  readonly table: string;
  /** How many refer to the table: so many users move with it. */
  readonly times: number;
  readonly first: number;
  readonly entryOffset: number;
  readonly words: bigint[];
  /** Of the first, bytes. */
  readonly from: number;
}

/** An entry whose flag depends on refcounts. */
export interface FlagPlace {
  readonly offset: number;
  readonly word: bigint;
  /** Undefined for the clusters of an external data file: they have one user always. */
  readonly cluster: number | undefined;
}

/** What is stored of a cluster behind the end of the file, which the peer's repair leaves as it is. */
type BehindEnd = ReadonlyMap<number, bigint>;

export class DiskTables {
  readonly shared: SharedRun[] = [];
  readonly flags: FlagPlace[] = [];
  dropped = 0;
  /** By cluster that a flag depends on; where copies are made there are none that anything refers to. */
  behind: BehindEnd = new Map();
  /** Clusters that lose a user: to a copy, or with a structure of refcounts that is made anew. */
  readonly #left = new Set<number>();
  readonly #plan: CountedRefcounts;
  readonly #turns: Turns;
  readonly #reader: PieceReader;
  #copied = 0;

  constructor(plan: CountedRefcounts, job: RepairJob) {
    this.#plan = plan;
    this.#turns = new Turns(job);
    this.#reader = new PieceReader(plan.counted.file);
    for (const cluster of plan.leftClusters()) this.#left.add(cluster);
  }

  /** Throws ECANCELED, EIO: the tables could be read before. */
  async run(copies: boolean): Promise<void> {
    const { header } = this.#plan.counted.image;
    // Where clusters are encrypted by their place in the file, another place would show something else.
    if (copies && !header.hasDataFile && header.crypt !== "luks") await this.#findShared();
    await this.#findFlags();
    if (!copies) this.behind = await this.#findBehind();
  }

  async #findBehind(): Promise<BehindEnd> {
    const { counts, stored } = this.#plan.counted;
    const behind = new Map<number, bigint>();
    for (const { cluster = 0 } of this.flags) {
      if (cluster < counts.known || behind.has(cluster)) continue;
      behind.set(cluster, (await stored.at(cluster)) ?? 0n);
    }
    return behind;
  }

  async #findShared(): Promise<void> {
    const { counted } = this.#plan;
    const { clusterSize } = counted.image.header;
    const owned = new Uint8Array(Math.ceil((counted.counts.clusters + 1) / 8));
    for (const { first, last } of counted.regions.owned) {
      for (let cluster = first; cluster <= last; cluster++) setBit(owned, cluster);
    }
    const used = new Uint8Array(owned.length);
    const seen = new Set<number>();
    const tables: { offset: number; name: string; isOfDisk: boolean }[] = [];
    for (const root of counted.roots) {
      await this.#eachTable(root.table, (offset, l1Index) => {
        if (!this.#isReadable(offset) || seen.has(offset)) return;
        seen.add(offset);
        setBit(used, offset / clusterSize);
        tables.push({ offset, name: `${root.prefix}L1[${l1Index}]`, isOfDisk: root.size !== undefined });
      });
    }
    for (const { offset: table, name, isOfDisk } of tables) {
      const times = this.#plan.count(table / clusterSize);
      // What snapshots share is shared on purpose; what lies on tables or the header is not.
      const isAlone = isOfDisk && times === 1;
      await this.#eachEntry(table, (high, low, offset, index) => {
        const at = offsetOf(high, low);
        if (isCompressed(high) || at === 0 || at % clusterSize !== 0) return;
        const cluster = at / clusterSize;
        const isSecond = isAlone && !setBit(used, cluster);
        if (hasBit(owned, cluster) || (isSecond && this.#plan.isTooLow(cluster))) {
          this.#share({ table: name, times, first: index, entryOffset: offset, from: at }, wordOf(high, low));
        }
      });
    }
  }

  #share(found: Omit<SharedRun, "words">, word: bigint): void {
    const { counted } = this.#plan;
    const { clusterSize, l2EntryLength } = counted.image.header;
    // What is not copied is shared, and its refcount says so.
    if (this.shared.length >= maxCopies) return;
    if (this.#copied + clusterSize > Math.max(spareCopiedBytes, counted.file.size)) return;
    this.#copied += clusterSize;
    this.#left.add(found.from / clusterSize);
    const last = this.shared.at(-1);
    if (
      last &&
      last.table === found.table &&
      last.entryOffset + last.words.length * l2EntryLength === found.entryOffset &&
      last.from + last.words.length * clusterSize === found.from
    ) {
      last.words.push(word);
    } else this.shared.push({ ...found, words: [word] });
  }

  async #findFlags(): Promise<void> {
    const { counted } = this.#plan;
    const { header } = counted.image;
    const tables: number[] = [];
    const seen = new Set<number>();
    await this.#eachTable(header.l1, (offset, _, high, low, place) => {
      this.#flag(high, low, place, Math.floor(offset / header.clusterSize));
      if (seen.has(offset) || !this.#isReadable(offset)) return;
      seen.add(offset);
      tables.push(offset);
    });
    for (const table of tables) {
      await this.#eachEntry(table, (high, low, offset) => {
        if (isCompressed(high)) return;
        const at = offsetOf(high, low);
        if (at !== 0) {
          const cluster = Math.floor(at / header.clusterSize);
          this.#flag(high, low, offset, header.hasDataFile ? undefined : cluster);
        }
      });
    }
  }

  #flag(high: number, low: number, offset: number, cluster: number | undefined): void {
    const isOnce = cluster === undefined || this.#plan.count(cluster) === 1;
    const depends = cluster !== undefined && this.#left.has(cluster);
    if (isOnce === isCopied(high) && !depends) return;
    if (this.flags.length >= maxFlags) this.dropped++;
    else this.flags.push({ offset, word: wordOf(high, low), cluster });
  }

  #isReadable(table: number): boolean {
    const { file, image } = this.#plan.counted;
    return table % image.header.clusterSize === 0 && table < file.size;
  }

  async #eachTable(
    l1: TablePlace,
    tell: (offset: number, l1Index: number, high: number, low: number, place: number) => void,
  ): Promise<void> {
    for await (const { halves, first } of this.#reader.words(l1)) {
      for (let i = 0; i < halves.length; i += 2) {
        const [high = 0, low = 0] = [halves[i], halves[i + 1]];
        const offset = offsetOf(high, low);
        if (offset !== 0) tell(offset, first + i / 2, high, low, l1.offset + (first + i / 2) * 8);
      }
      await this.#turns.turn(0, 1);
    }
  }

  async #eachEntry(
    table: number,
    tell: (high: number, low: number, offset: number, index: number) => void,
  ): Promise<void> {
    const { header } = this.#plan.counted.image;
    const step = header.l2EntryLength / 4;
    for await (const { halves, first } of this.#reader.words({
      offset: table,
      entries: header.clusterSize / 8,
    })) {
      for (let i = 0; i < halves.length; i += step) {
        const [high = 0, low = 0] = [halves[i], halves[i + 1]];
        if (high === 0 && low === 0) continue;
        const index = (first * 2 + i) / step;
        tell(high, low, table + index * header.l2EntryLength, index);
      }
      await this.#turns.turn(0, 1);
    }
  }
}

/** Of a run of shared clusters, for people. */
export function sharedName({ table, first, words }: SharedRun): string {
  const last = first + words.length - 1;
  return `${table} -> L2[${words.length === 1 ? first : `${first}..${last}`}]`;
}

export const copyId = ({ entryOffset }: SharedRun) => `copy:${hex(entryOffset)}`;
