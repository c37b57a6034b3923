// The entries of a qcow2 image's L1 and L2 tables that break a rule, those of snapshots too, and the L2 tables that lie on
// other structures: the first of the passes that make a repair plan. Every table is read once, whoever shares it.
import { asBlockError, BlockError } from "../../base/errors.ts";
import type { ByteRange } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import type { RepairJob } from "../../block/repair.ts";
import { hasBit, setBit } from "./checkVisits.ts";
import type { CheckRoot } from "./checkWalk.ts";
import { compressedPlace, hasReservedL2Bits, isCompressed, offsetOf } from "./entry.ts";
import { guestRange } from "./layout.ts";
import { PieceReader } from "./pieces.ts";
import { type EntryRule, isOutside, type MendedEntry, mendedL1, mendedL2 } from "./planEntry.ts";
import type { WordEdit } from "./planWords.ts";

/** Runs of entries that are listed, and entries in them: more are left to a second repair. */
const maxRuns = 100_000;
const maxEntries = 500_000;
/** Tables that are remembered, and those of them that move. */
const maxTables = 2_000_000;
const maxMovedBytes = 64 * 1024 * 1024;
const turnMs = 20;

/** Entries side by side that need the same. */
export interface MendedRun {
  /** "L1" or "L1[3] -> L2", with the snapshot before it. */
  readonly name: string;
  readonly table: number;
  readonly first: number;
  count: number;
  readonly mended: MendedEntry;
  readonly firstWord: bigint;
  /** Ranges of the disk as it is now; none for tables that only snapshots have. */
  readonly guest: ByteRange[];
  readonly isOfDisk: boolean;
  readonly edits: WordEdit[];
}

/** An L2 table that lies on another structure moves to a place of its own, with all that refer to it. */
export interface MovedTable {
  readonly from: number;
  readonly to: number;
  /** The L1 entries, which are still as they were. */
  readonly places: { readonly name: string; readonly offset: number; readonly word: bigint }[];
}

export interface EntryScanResult {
  readonly runs: readonly MendedRun[];
  readonly moved: readonly MovedTable[];
  readonly dropped: number;
  /** Where the last moved table ends. */
  readonly end: number;
}

export interface EntryScanParts {
  readonly file: BlockNode;
  readonly rule: EntryRule;
  readonly roots: readonly CheckRoot[];
  /** Bits of clusters that other structures than L2 tables have. */
  readonly owned: Uint8Array;
  /** How often a cluster is referred to. */
  readonly users: (cluster: number) => number;
  /** Where moved tables may lie. */
  readonly end: number;
  readonly job: RepairJob;
}

export class Turns {
  readonly #job: RepairJob;
  #last = performance.now();

  constructor(job: RepairJob) {
    this.#job = job;
  }

  /** Lets a cancel arrive, after some work. Throws ECANCELED. */
  async turn(done: number, total: number): Promise<void> {
    if (performance.now() - this.#last < turnMs) return;
    this.#job.progress?.(done, Math.max(done, total, 1));
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#job.signal?.aborted) throw new BlockError("ECANCELED", "The repair was cancelled");
    this.#last = performance.now();
  }
}

/** Throws ECANCELED. Tables that can't be read are told by the check. */
export function scanEntries(parts: EntryScanParts): Promise<EntryScanResult> {
  return new EntryScan(parts).run();
}

class EntryScan {
  readonly #parts: EntryScanParts;
  readonly #turns: Turns;
  readonly #reader: PieceReader;
  readonly #runs: MendedRun[] = [];
  readonly #moved = new Map<number, MovedTable>();
  /** Runs of tables that have some, for others that refer to them. */
  readonly #faulty = new Map<number, MendedRun[]>();
  /** How often L2 tables are referred to as such. */
  readonly #visits = new Map<number, number>();
  readonly #seen: Uint8Array;
  readonly #tables: { offset: number; l1Index: number; root: number }[] = [];
  #entries = 0;
  #dropped = 0;
  #end: number;

  constructor(parts: EntryScanParts) {
    this.#parts = parts;
    this.#turns = new Turns(parts.job);
    this.#reader = new PieceReader(parts.file);
    this.#seen = new Uint8Array(parts.owned.length);
    this.#end = parts.end;
  }

  async run(): Promise<EntryScanResult> {
    for (const root of this.#parts.roots) await this.#unlessUnreadable(() => this.#countVisits(root));
    const known = new Set<number>();
    for (const [index, root] of this.#parts.roots.entries()) {
      if (known.has(root.table.offset)) continue;
      known.add(root.table.offset);
      await this.#unlessUnreadable(() => this.#scanRoot(root, index));
    }
    for (const [done, table] of this.#tables.entries()) {
      await this.#turns.turn(done, this.#tables.length);
      await this.#unlessUnreadable(() => this.#scanTable(table));
    }
    const moved = [...this.#moved.values()];
    return { runs: this.#runs, moved, dropped: this.#dropped, end: this.#end };
  }

  async #unlessUnreadable(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (thrown) {
      const error = asBlockError(thrown);
      if (error.code === "ECANCELED" || !(thrown instanceof BlockError)) throw thrown;
    }
  }

  async #countVisits({ table }: CheckRoot): Promise<void> {
    const { clusterSize } = this.#parts.rule.header;
    for await (const { halves } of this.#reader.words(table)) {
      for (let i = 0; i < halves.length; i += 2) {
        const offset = offsetOf(halves[i] ?? 0, halves[i + 1] ?? 0);
        if (offset === 0 || offset % clusterSize !== 0) continue;
        const before = this.#visits.get(offset) ?? 0;
        if (before > 0 || this.#visits.size < maxTables) this.#visits.set(offset, before + 1);
      }
      await this.#turns.turn(0, 1);
    }
  }

  /** Whether something else lies where the table does: what it reads there would change with the table. */
  #isCrowded(offset: number, cluster: number): boolean {
    const { owned, users } = this.#parts;
    return hasBit(owned, cluster) || users(cluster) > (this.#visits.get(offset) ?? 0);
  }

  async #scanRoot(root: CheckRoot, rootIndex: number): Promise<void> {
    const { rule, file } = this.#parts;
    const { header } = rule;
    const { table, prefix, size } = root;
    for await (const { halves, first } of this.#reader.words(table)) {
      for (let i = 0; i < halves.length; i += 2) {
        const [high = 0, low = 0] = [halves[i], halves[i + 1]];
        if (high === 0 && low === 0) continue;
        const index = first + i / 2;
        const word = wordOf(high, low);
        const mended = mendedL1(word, rule);
        const guest =
          size === undefined
            ? undefined
            : guestRange({ ...header, size }, index * header.l2Entries, header.l2Entries).guest;
        const offset = table.offset + index * 8;
        if (mended) {
          const edits = [{ offset, oldWord: word, newWord: mended.word }];
          this.#add(
            { name: `${prefix}L1`, table: table.offset, index, guest, isOfDisk: size !== undefined },
            mended,
            edits,
          );
        }
        const at = mended?.word === 0n ? 0 : offsetOf(high, low);
        if (at === 0 || at >= file.size) continue;
        this.#meetTable({ offset: at, l1Index: index, root: rootIndex }, `${prefix}L1[${index}]`, {
          offset,
          word,
        });
      }
      await this.#turns.turn(0, 1);
    }
  }

  /** `place` is the L1 entry. */
  #meetTable(
    table: { readonly offset: number; readonly l1Index: number; readonly root: number },
    name: string,
    place: { readonly offset: number; readonly word: bigint },
  ): void {
    const { header } = this.#parts.rule;
    const cluster = table.offset / header.clusterSize;
    const isNew = setBit(this.#seen, cluster);
    if (this.#isCrowded(table.offset, cluster)) {
      const known = this.#moved.get(table.offset);
      if (known === undefined && (this.#moved.size + 1) * header.clusterSize > maxMovedBytes) {
        this.#dropped++;
        return;
      }
      const moved = known ?? { from: table.offset, to: this.#end, places: [] };
      if (known === undefined) {
        this.#moved.set(table.offset, moved);
        this.#end += header.clusterSize;
      }
      moved.places.push({ name, ...place });
    }
    if (this.#tables.length < maxTables)
      this.#tables.push({ ...table, offset: isNew ? table.offset : -table.offset });
    else this.#dropped++;
  }

  async #scanTable({
    offset: signed,
    l1Index,
    root: rootIndex,
  }: {
    readonly offset: number;
    readonly l1Index: number;
    readonly root: number;
  }): Promise<void> {
    const { rule, roots } = this.#parts;
    const { header } = rule;
    const root = roots[rootIndex];
    if (root === undefined) return;
    const offset = Math.abs(signed);
    const size = root.size;
    const guestOf = (first: number, count: number) =>
      size === undefined
        ? undefined
        : guestRange({ ...header, size }, l1Index * header.l2Entries + first, count).guest;
    if (signed < 0) {
      // Read before: what others see of it is to be named as well.
      for (const run of this.#faulty.get(offset) ?? []) {
        const guest = guestOf(run.first, run.count);
        if (guest && run.mended.effect !== "same") run.guest.push(guest);
      }
      return;
    }
    const step = header.l2EntryLength / 4;
    const shift = (this.#moved.get(offset)?.to ?? offset) - offset;
    for await (const { halves, first } of this.#reader.words({ offset, entries: header.clusterSize / 8 })) {
      for (let i = 0; i < halves.length; i += step) {
        const [high = 0, low = 0] = [halves[i], halves[i + 1]];
        const [zeroes = 0, allocated = 0] = step === 4 ? [halves[i + 2], halves[i + 3]] : [0, 0];
        if (this.#isOrdinary(high, low, zeroes, allocated)) continue;
        const old = { word: wordOf(high, low), bitmap: wordOf(zeroes, allocated) };
        const mended = mendedL2(old, rule);
        if (mended === undefined) continue;
        const index = (first * 2 + i) / step;
        const at = offset + shift + index * header.l2EntryLength;
        const edits = [
          { offset: at, oldWord: old.word, newWord: mended.word },
          { offset: at + 8, oldWord: old.bitmap, newWord: mended.bitmap },
        ].filter(({ oldWord, newWord }) => oldWord !== newWord);
        const name = `${root.prefix}L1[${l1Index}] -> L2`;
        const run = this.#add(
          { name, table: offset, index, guest: guestOf(index, 1), isOfDisk: size !== undefined },
          mended,
          edits,
        );
        if (run === undefined) continue;
        const known = this.#faulty.get(offset);
        if (known === undefined) this.#faulty.set(offset, [run]);
        else if (known.at(-1) !== run) known.push(run);
      }
      await this.#turns.turn(0, 1);
    }
  }

  /** Whether an entry is in order, for most of them: without making big numbers of it. */
  #isOrdinary(high: number, low: number, zeroes: number, allocated: number): boolean {
    const { rule } = this.#parts;
    const { header } = rule;
    if (isCompressed(high)) {
      const { offset, length } = compressedPlace(high, low, header.clusterBits);
      const isPlain = high >= 0 && zeroes === 0 && allocated === 0 && !header.hasDataFile;
      return isPlain && Number.isSafeInteger(offset) && !isOutside(offset, length, rule);
    }
    if (hasReservedL2Bits(high, low) || (zeroes & allocated) !== 0) return false;
    const offset = offsetOf(high, low);
    if (offset === 0) return allocated === 0;
    return (
      offset % header.clusterSize === 0 &&
      (header.hasDataFile || !isOutside(offset, header.clusterSize, rule))
    );
  }

  #add(
    place: Pick<MendedRun, "name" | "table" | "isOfDisk"> & {
      readonly index: number;
      readonly guest: ByteRange | undefined;
    },
    mended: MendedEntry,
    edits: readonly WordEdit[],
  ): MendedRun | undefined {
    if (this.#runs.length >= maxRuns || this.#entries >= maxEntries) {
      this.#dropped++;
      return undefined;
    }
    this.#entries++;
    const { name, table, index, isOfDisk } = place;
    const guest = mended.effect === "same" ? undefined : place.guest;
    const last = this.#runs.at(-1);
    const isNext = last?.table === table && last.name === name && last.first + last.count === index;
    if (last && isNext && last.mended.why === mended.why && last.mended.effect === mended.effect) {
      last.count++;
      last.edits.push(...edits);
      const range = last.guest.at(-1);
      if (guest && range && range.offset + range.length === guest.offset) {
        last.guest[last.guest.length - 1] = { ...range, length: range.length + guest.length };
      } else if (guest) last.guest.push(guest);
      return last;
    }
    const run = {
      ...{ name, table, first: index, count: 1, mended, isOfDisk },
      firstWord: edits[0]?.oldWord ?? 0n,
      guest: guest ? [guest] : [],
      edits: [...edits],
    };
    this.#runs.push(run);
    return run;
  }
}

export const wordOf = (high: number, low: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
