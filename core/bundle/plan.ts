// What of an image's file goes into a metadata-only bundle. Tables do as far as a pass over them found every entry of
// theirs to point somewhere it may; where anything is in doubt the structure is asked, and what may be guest data is
// left out and said to be. Nothing here belongs to one format.
import { asBlockError, BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { isZero } from "../base/zero.ts";
import { ClusterMarks } from "../block/clusterMarks.ts";
import type { BlockNode } from "../block/node.ts";
import {
  type ByteRange,
  type ClusterKind,
  clusterKinds,
  type HeaderPart,
  kindNumber,
  type ScannedStructure,
  type Structure,
  type StructureAt,
} from "../block/structure.ts";
import { mostOmittedListed, type OmittedTable } from "./facts.ts";
import { mostRanges } from "./layout.ts";

/** Kinds of clusters that hold tables and nothing else. */
const tableKinds: ReadonlySet<ClusterKind> = new Set([
  "bitmap",
  "snapshot-table",
  "refcount-block",
  "refcount-table",
  "l2-table",
  "l1-table",
]);
/** Entries of these tables point to guest data. */
const pointsToData: ReadonlySet<ClusterKind> = new Set(["l2-table", "bitmap"]);
/** Entries of one cluster that point nowhere and are kept as they are: they are what a report of a bug is about. */
const keptBadEntries = 8;
/** Entries looked at one by one in a cluster of which there is doubt: all of one of 2 MiB. */
const mostLookedAt = 2 ** 18;
const mostReferences = 1000;
/** Of the header's area, bytes that are looked through for zeroes between its parts. */
const headerLookedThrough = 2 ** 20;
const sector = 512;
const unusedHeader = "unused part of the header";
/** Without the system's words, which name the file. */
const unread = "it can't be read";

export interface BundlePlan {
  /** Of the image's file: ascending, not touching each other. */
  readonly ranges: readonly ByteRange[];
  /** Bytes of all of them. */
  readonly total: number;
  /** Tables left out, the first ones, and how many there are. */
  readonly omitted: readonly OmittedTable[];
  readonly omittedTables: number;
  /** Names of other files that stand in the ranges. */
  readonly names: readonly NamedPart[];
}

export type NamedPart = HeaderPart & { readonly text: string };

export interface PlanJob {
  readonly signal: AbortSignal;
  /** Bytes of the image's file. */
  progress(done: number, total: number): void;
}

/** Throws ENOTSUP (no tables), EFBIG (too many clusters or tables), EIO (the header), ECANCELED. */
export async function planBundle(root: BlockNode, file: BlockNode, job: PlanJob): Promise<BundlePlan> {
  const { structure } = root;
  if (structure === undefined) {
    throw new BlockError("ENOTSUP", `Images of the format ${root.driver} have no tables`, {
      hint: "There is nothing a metadata-only bundle could hold.",
    });
  }
  const { fileSize, clusterSize } = structure;
  job.progress(0, fileSize);
  const marks = new ClusterMarks(Math.ceil(fileSize / clusterSize));
  const scanned = await structure.scan(marks, {
    signal: job.signal,
    progress: (done, total) => job.progress(Math.floor((done / Math.max(1, total)) * fileSize), fileSize),
  });
  return new Planner(structure, file, marks, scanned, job.signal).run();
}

class Planner {
  readonly #structure: Structure;
  readonly #file: BlockNode;
  readonly #marks: ClusterMarks;
  readonly #scanned: ScannedStructure;
  readonly #signal: AbortSignal;
  readonly #pace: Pace;
  readonly #ranges: { offset: number; length: number }[] = [];
  readonly #omitted: OmittedTable[] = [];
  #omittedTables = 0;
  #total = 0;
  #lastOmitted: number | undefined;

  constructor(
    structure: Structure,
    file: BlockNode,
    marks: ClusterMarks,
    scanned: ScannedStructure,
    signal: AbortSignal,
  ) {
    this.#structure = structure;
    this.#file = file;
    this.#marks = marks;
    this.#scanned = scanned;
    this.#signal = signal;
    this.#pace = new Pace(signal);
  }

  async run(): Promise<BundlePlan> {
    const parts = await this.#structure.headerParts();
    const headerEnd = await this.#addHeader(parts);
    const { kinds } = this.#marks;
    const { clusterSize, fileSize } = this.#structure;
    const least = kindNumber("bitmap");
    for (let index = 0; index < kinds.length; index++) {
      const number = kinds[index] ?? 0;
      // Most clusters are guest data: those are passed by here.
      if ((index & 0xffff) === 0 && this.#pace.due) await this.#turn();
      if (number < least) continue;
      const kind = clusterKinds[this.#marks.held(index)] ?? "unknown";
      const offset = index * clusterSize;
      const cluster = { offset, length: Math.min(clusterSize, fileSize - offset) };
      if (this.#pace.due) await this.#turn();
      if (kind === "leaked" || kind === "header" || kindNumber(kind) < least) continue;
      if (await this.#isTable(cluster, index, kind)) this.#add(cluster, headerEnd);
    }
    return {
      ranges: this.#ranges,
      total: this.#total,
      omitted: this.#omitted,
      omittedTables: this.#omittedTables,
      names: parts.filter((part): part is NamedPart => part.text !== undefined),
    };
  }

  /** Its parts, and what is zero between them: other bytes mean nothing, so nobody knows whose they are. */
  async #addHeader(parts: readonly HeaderPart[]): Promise<number> {
    const header = kindNumber("header");
    const { clusterSize, fileSize } = this.#structure;
    let areaEnd = 0;
    while (areaEnd < Math.min(headerLookedThrough, fileSize)) {
      if (this.#marks.held(Math.floor(areaEnd / clusterSize)) !== header) break;
      areaEnd += clusterSize;
    }
    areaEnd = Math.min(areaEnd, headerLookedThrough, fileSize);
    let at = 0;
    for (const { offset, length } of parts) {
      await this.#addZeroes(at, Math.min(offset, areaEnd));
      this.#add({ offset, length: Math.min(length, fileSize - offset) }, at);
      at = Math.max(at, offset + length);
    }
    await this.#addZeroes(at, areaEnd);
    return Math.max(at, areaEnd);
  }

  async #addZeroes(from: number, end: number): Promise<void> {
    if (end <= from) return;
    const bytes = new Uint8Array(end - from);
    try {
      await this.#file.read(from, bytes);
    } catch (thrown) {
      if (asBlockError(thrown).code === "ECANCELED") throw thrown;
      return this.#omit({ name: unusedHeader, offset: from, length: end - from }, unread, 0);
    }
    for (let at = from; at < end; ) {
      const next = Math.min(end, Math.floor(at / sector + 1) * sector);
      if (isZero(bytes, at - from, next - from)) this.#add({ offset: at, length: next - at }, at);
      else this.#omit({ name: unusedHeader, offset: at, length: next - at }, "it is not zero", 0);
      at = next;
    }
  }

  /** Appends a range, without what is there before `from`. */
  #add({ offset, length }: ByteRange, from = 0): void {
    const start = Math.max(offset, from);
    const end = offset + length;
    if (end <= start) return;
    const last = this.#ranges.at(-1);
    if (last !== undefined && start <= last.offset + last.length) {
      const longer = end - (last.offset + last.length);
      if (longer <= 0) return;
      last.length += longer;
      this.#total += longer;
      return;
    }
    if (this.#ranges.length >= mostRanges) {
      throw new BlockError("EFBIG", `The image has tables in more than ${mostRanges} places`);
    }
    this.#ranges.push({ offset: start, length: end - start });
    this.#total += end - start;
  }

  /** Whether the cluster holds a table and surely no guest data. What is one and is in doubt is noted. */
  async #isTable(cluster: ByteRange, index: number, kind: ClusterKind): Promise<boolean> {
    // The pass read it, and all its entries point somewhere. A table that it skipped nobody has looked at.
    if (tableKinds.has(kind) && this.#scanned.skippedTables === 0) return true;
    const at = await this.#describe(cluster);
    if (at === "unreadable") this.#omit({ ...cluster, name: "table" }, unread);
    if (at === "unreadable" || at === undefined || !tableKinds.has(at.kind)) return false;
    const isOwned = kind === "bad-entry" || (kind === "overlap" && !(await this.#isData(index)));
    const why = await this.#doubt(cluster, isOwned);
    if (why === undefined) return true;
    this.#omit({ ...cluster, name: at.name }, why, at.offset);
    return false;
  }

  async #describe({ offset }: Pick<ByteRange, "offset">): Promise<StructureAt | "unreadable" | undefined> {
    try {
      return await this.#structure.describe(offset);
    } catch (thrown) {
      if (asBlockError(thrown).code === "ECANCELED") throw thrown;
      return "unreadable";
    }
  }

  /** Whether a table refers to the cluster as guest data, or may. */
  async #isData(index: number): Promise<boolean> {
    const { list, total } = await this.#scanned.references(index, mostReferences, this.#signal);
    if (total > list.length || total < this.#marks.references(index)) return true;
    for (const reference of list) {
      const from = await this.#describe(reference);
      if (from === undefined || from === "unreadable" || pointsToData.has(from.kind)) return true;
    }
    return false;
  }

  /**
   * Why the bytes of a cluster may be no table's; undefined when they are entries, few of them bad. Where others claim
   * the cluster too (`isOwned` is false), most have to be good: no guest data are.
   */
  async #doubt({ offset, length }: ByteRange, isOwned: boolean): Promise<string | undefined> {
    try {
      if (length / 8 > mostLookedAt) return "it is too large to be looked through for what is no entry";
      const { list, total } = await this.#structure.pointers(offset, mostLookedAt, this.#signal);
      const bad = total - list.length + list.filter(({ target }) => target === undefined).length;
      const isTable = isOwned || bad === 0 || 2 * bad < total - bad;
      if (isTable && bad <= keptBadEntries) return undefined;
      return `${bad} of its ${total} entries point nowhere: they may be guest data`;
    } catch (thrown) {
      if (asBlockError(thrown).code === "ECANCELED") throw thrown;
      return unread;
    }
  }

  /** `table` is where the whole of it begins: neighbours of one table count once, with the reason of the first. */
  #omit(what: Omit<OmittedTable, "why">, why: string, table = what.offset): void {
    const last = this.#omitted.at(-1);
    const goesOn =
      table === this.#lastOmitted && last !== undefined && last.offset + last.length === what.offset;
    if (goesOn) {
      this.#omitted[this.#omitted.length - 1] = { ...last, length: last.length + what.length };
      return;
    }
    this.#lastOmitted = table;
    this.#omittedTables++;
    if (this.#omitted.length < mostOmittedListed) this.#omitted.push({ ...what, why });
  }

  async #turn(): Promise<void> {
    await this.#pace.turn();
    if (this.#pace.stopped) throw new BlockError("ECANCELED", "The bundle was cancelled");
  }
}
