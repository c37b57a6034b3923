// The script of chosen items of a qcow2 image: the first part of the plan, copies behind what the image has, refcounts laid
// out for all that, COPIED flags by those refcounts, the header's fields, and the marks last.
import type { ItemWrite, RepairExtent, RepairScript } from "../../block/finding.ts";
import { autoclear, incompatible } from "./layout.ts";
import { type BasePlan, refcountsId } from "./planBase.ts";
import type { CountedRefcounts } from "./planCounts.ts";
import { flagged, movedTo } from "./planEntry.ts";
import { copyId, type DiskTables } from "./planFlags.ts";
import { layOutRefcounts, type NewBytes, type RefcountLayout } from "./planRefcounts.ts";
import { joinedWrites, mergedWords, type OwnedEdit, wordBytes, wordWrites } from "./planWords.ts";

export const leaksId = "leaks";
export const flagsId = "copied-flags";
export const trimId = "trim";
export const dirtyId = "clear-dirty-bit";
/** No item to be chosen: it goes with any. */
const autoclearId = "clear-autoclear-bits";
const knownAutoclear = autoclear.bitmaps | autoclear.rawDataFile;
const incompatibleAt = 72;
const autoclearAt = 88;

export interface ScriptParts {
  readonly base: BasePlan;
  /** Undefined where not everything could be counted. */
  readonly counts: CountedRefcounts | undefined;
  readonly tables: DiskTables | undefined;
  readonly extent: RepairExtent | "everything";
  readonly fileSize: number;
  readonly incompatible: bigint;
  readonly autoclear: bigint;
  readonly version: 2 | 3;
}

export interface BuiltScript extends RepairScript {
  /** Flags that change. */
  readonly flags: number;
}

/** `chosen` holds what each of its items needs. Throws EFBIG. */
export function buildScript(parts: ScriptParts, chosen: ReadonlySet<string>): BuiltScript {
  return new Script(parts, chosen).build();
}

class Script {
  readonly #parts: ScriptParts;
  readonly #chosen: ReadonlySet<string>;
  readonly #words: OwnedEdit[] = [];
  readonly #copies: { from: number; to: number; length: number }[] = [];
  readonly #patches: NewBytes[] = [];
  readonly #fields: ItemWrite[] = [];
  readonly #places: { item: string; offset: number; length: number }[] = [];
  readonly #deltas = new Map<number, number>();
  #flags = 0;
  #end: number;

  constructor(parts: ScriptParts, chosen: ReadonlySet<string>) {
    this.#parts = parts;
    this.#chosen = chosen;
    this.#end = this.#trimTo ?? parts.base.end;
  }

  build(): BuiltScript {
    this.#addBase();
    const copied = this.#addCopies();
    const start = this.#end;
    const refcounts = this.#layOut(start);
    this.#addRefcounts(refcounts, start);
    if (this.#chosen.has(flagsId)) this.#addFlags(copied, refcounts);
    const { fileSize } = this.#parts;
    const cutSize = this.#trimTo ?? fileSize;
    const grows = this.#copies.length > 0 || this.#patches.length > 0;
    return {
      items: [...this.#chosen],
      oldSize: fileSize,
      cutSize,
      newSize: grows ? Math.max(cutSize, this.#end) : cutSize,
      copies: this.#copies,
      patches: this.#patches,
      writes: this.#writes(refcounts),
      last: this.#last(),
      places: this.#places.sort((a, b) => a.offset - b.offset),
      flags: this.#flags,
    };
  }

  get #trimTo(): number | undefined {
    return this.#chosen.has(trimId) ? this.#parts.counts?.usedEnd : undefined;
  }

  #addBase(): void {
    for (const { item, words, fields, copies, appended } of this.#parts.base.drafts) {
      if (!this.#chosen.has(item.id)) continue;
      for (const { offset, oldWord, newWord } of words) {
        this.#words.push({ offset, oldWord, newWord, item: item.id });
      }
      for (const field of fields) this.#fields.push({ ...field, item: item.id });
      this.#copies.push(...copies);
      this.#patches.push(...appended);
      const offset = copies[0]?.to ?? appended[0]?.offset;
      if (offset !== undefined) this.#places.push({ item: item.id, offset, length: item.grows });
    }
  }

  /** Answers the entries that are changed. */
  #addCopies(): ReadonlySet<number> {
    const { counts, tables, fileSize } = this.#parts;
    const copied = new Set<number>();
    if (!counts || !tables) return copied;
    const { clusterSize, l2EntryLength } = counts.counted.image.header;
    for (const run of tables.shared) {
      const item = copyId(run);
      if (!this.#chosen.has(item)) continue;
      const length = run.words.length * clusterSize;
      this.#copies.push({ from: run.from, to: this.#end, length: Math.min(length, fileSize - run.from) });
      this.#places.push({ item, offset: this.#end, length });
      for (const [i, oldWord] of run.words.entries()) {
        const offset = run.entryOffset + i * l2EntryLength;
        const newWord = flagged(movedTo(oldWord, this.#end), run.times === 1);
        this.#words.push({ offset, oldWord, newWord, item });
        copied.add(offset);
        this.#change(run.from / clusterSize + i, -run.times);
        this.#change(this.#end / clusterSize, run.times);
        this.#end += clusterSize;
      }
    }
    return copied;
  }

  #change(cluster: number, by: number): void {
    this.#deltas.set(cluster, (this.#deltas.get(cluster) ?? 0) + by);
  }

  #layOut(start: number): RefcountLayout | undefined {
    const { counts, fileSize, extent } = this.#parts;
    const [raises, frees] = [this.#chosen.has(refcountsId), this.#chosen.has(leaksId)];
    if (!counts || (!raises && !frees)) return undefined;
    return layOutRefcounts(counts, {
      ...{ deltas: this.#deltas, start, raises, frees },
      lowers: raises || extent === "leaks",
      freeFrom: this.#trimTo ?? fileSize,
      keepsBehind: extent !== "everything",
    });
  }

  #addRefcounts(refcounts: RefcountLayout | undefined, start: number): void {
    if (!refcounts || refcounts.appended.length === 0) return;
    this.#patches.push(...refcounts.appended);
    this.#end = refcounts.end;
    this.#places.push({ item: refcountsId, offset: start, length: refcounts.end - start });
    const { counts } = this.#parts;
    if (!refcounts.table || !counts) return;
    const { refcountTable } = counts.counted.image.header;
    this.#fields.push({
      item: refcountsId,
      offset: 48,
      oldBytes: refcountTable.fault?.stored ?? tableField(refcountTable.offset, refcountTable.clusters),
      newBytes: tableField(refcounts.table.offset, refcounts.table.clusters),
    });
  }

  #addFlags(copied: ReadonlySet<number>, refcounts: RefcountLayout | undefined): void {
    const { counts, tables } = this.#parts;
    if (!counts || !tables) return;
    for (const { offset, word, cluster } of tables.flags) {
      if (copied.has(offset)) continue;
      const count = cluster === undefined ? 1 : (refcounts?.target(cluster) ?? counts.count(cluster));
      const stays = count === 0 && cluster !== undefined && tables.behind.get(cluster) === 1n;
      const newWord = flagged(word, count === 1 || stays);
      if (newWord === word) continue;
      this.#flags++;
      this.#words.push({ offset, oldWord: word, newWord, item: flagsId });
    }
  }

  #writes(refcounts: RefcountLayout | undefined): ItemWrite[] {
    const raises = this.#chosen.has(refcountsId);
    const counts = (refcounts?.writes ?? []).map((edit) => ({
      ...edit,
      item: raises ? refcountsId : leaksId,
    }));
    const words: OwnedEdit[] = [];
    for (const edit of mergedWords(this.#words)) {
      if (edit.oldWord === edit.newWord) continue;
      // What lies in a table that is copied is changed in the copy.
      if (edit.offset >= this.#parts.base.start) {
        this.#patches.push({ offset: edit.offset, newBytes: wordBytes(edit.newWord) });
      } else words.push(edit);
    }
    return [...joinedWrites([...counts, ...wordWrites(words)]), ...this.#fields, ...this.#autoclear()];
  }

  #last(): ItemWrite | undefined {
    const bits = this.#parts.incompatible;
    const cleared = bits & ~(incompatible.dirty | incompatible.corrupt);
    if (!this.#chosen.has(dirtyId) || cleared === bits) return undefined;
    return { item: dirtyId, offset: incompatibleAt, oldBytes: wordBytes(bits), newBytes: wordBytes(cleared) };
  }

  /** Whoever writes without knowing these features takes their bits away (specification, "Header"). */
  #autoclear(): ItemWrite[] {
    const { autoclear: bits, version } = this.#parts;
    const known = bits & knownAutoclear;
    const isAnother = this.#fields.some(({ offset }) => offset === autoclearAt);
    if (version < 3 || known === bits || this.#chosen.size === 0 || isAnother) return [];
    return [
      { item: autoclearId, offset: autoclearAt, oldBytes: wordBytes(bits), newBytes: wordBytes(known) },
    ];
  }
}

function tableField(offset: number, clusters: number): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(offset));
  view.setUint32(8, clusters);
  return bytes;
}
