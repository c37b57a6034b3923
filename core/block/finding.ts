// What a check of an image's tables finds: data, never thrown. Nothing here belongs to one format.

import type { PlainError } from "../base/errors.ts";

export type FindingKind = "corruption" | "leak" | "io-error";

export interface Finding {
  /** Position in the list of this check, from 0. Repairs answer findings by it. */
  readonly id: number;
  readonly kind: FindingKind;
  /** Stable, lower-case-with-dashes: "l2-entry-past-end". */
  readonly code: string;
  /** One sentence: what was found and what was expected. */
  readonly message: string;
  /** Bytes of the file: the faulty table entry, the leaked range, the cluster used twice, the unreadable range. */
  readonly offset: number;
  readonly length: number;
  /** The table the faulty entry is in; `index` is the L1 index of an L2 table. */
  readonly table?: { readonly level: string; readonly index: number; readonly offset: number };
  /** Index in that table. */
  readonly entry?: number;
  /** The entry as it is on disk, hexadecimal: all 64 bits are kept. */
  readonly value?: string;
  /** Guest range affected, bytes. */
  readonly guest?: { readonly offset: number; readonly length: number };
  /** Who uses the cluster, where several do: "L1[0] -> L2[3]". At most 16 are named; `total` counts all. */
  readonly references?: { readonly by: readonly string[]; readonly total: number };
  /** Of an entry whose flag does not say what the refcount says: the cluster it points to, bytes of the file. */
  readonly flagged?: { readonly offset: number; readonly isSet: boolean };
  readonly repair: RepairKind;
  /** What the peer prints of it on its error output. */
  readonly peer?: PeerLines;
}

export interface PeerLines {
  readonly lines: readonly string[];
  /** The same lines where it mends what it finds; undefined where it never does. */
  readonly mending?: readonly string[];
  /** How often; default once. A table that several refer to is looked at for each of them. */
  readonly times?: number;
  /** Lines with a "#" are printed for each of these numbers in its place. */
  readonly numbers?: { readonly first: number; readonly count: number };
}

/**
 * How it is mended, where that is known. clear-entry: set to 0, the range reads from the backing file or as zeroes;
 * zero-entry: the range reads as zeroes as before, without a place in the file; set-refcount: to what was counted, in
 * `references`; rebuild-refcounts: the tables of refcounts are written anew; set-copied-flag: to what the refcount says;
 * rewrite-snapshots: the table of snapshots is written anew, or their number in the header; none: no repair that is safe is known.
 */
export type RepairKind =
  | "clear-entry"
  | "zero-entry"
  | "set-refcount"
  | "rebuild-refcounts"
  | "set-copied-flag"
  | "rewrite-snapshots"
  | "none";

/**
 * Findings of one kind that a check keeps, of those a repair answers and of all others; more are counted only, and the
 * person is told.
 */
export const maxFindings = 100_000;

export interface CheckJob {
  readonly signal?: AbortSignal;
  finding?(finding: Finding): void;
  /** Bytes or clusters: only their ratio counts. */
  progress?(done: number, total: number): void;
}

/** Counted as qemu-img counts, except for the faults of its arithmetic. */
export interface CheckResult {
  readonly corruptions: number;
  /** Leaked clusters. */
  readonly leaks: number;
  /** Tables that could not be read. */
  readonly checkErrors: number;
  /** Guest clusters. */
  readonly totalClusters: number;
  readonly allocatedClusters: number;
  readonly fragmentedClusters: number;
  readonly compressedClusters: number;
  /** End of the last used cluster, bytes; undefined where the format does not say. */
  readonly imageEndOffset: number | undefined;
  /** Why the first table that could not be read could not be. */
  readonly readError: PlainError | undefined;
  /** Findings counted but not kept because there were more than `maxFindings`. */
  readonly findingsDropped: number;
}

/** One change of bytes of the file. */
export interface RepairWrite {
  readonly offset: number;
  readonly oldBytes: Uint8Array;
  readonly newBytes: Uint8Array;
}

export interface RepairItem {
  /** The finding it answers, where it is just one. */
  readonly finding: Finding | undefined;
  /** One sentence: what the guest sees differently afterwards. */
  readonly effect: string;
  readonly write: RepairWrite;
}

/** How much of what is found a repair of the peer's kind mends: leaks: only what takes space that nothing uses. */
export type RepairExtent = "leaks" | "all";

/** Everything that a repair changes, in the order of writing. Made from findings, applied by core/block/repair. */
export interface RepairPlan {
  /** Written behind the end of the file and flushed before anything in place: nothing refers to it until then. */
  readonly appended?: readonly { readonly offset: number; readonly newBytes: Uint8Array }[];
  readonly items: readonly RepairItem[];
  /** What the items mend, where it is not one corruption each. */
  readonly fixes?: { readonly corruptions: number; readonly leaks: number };
  /**
   * The write that clears the dirty bit, applied when everything else is written, flushed and verified; undefined
   * where the bit is clear, or has to stay because something is left that no repair mends.
   */
  readonly dirtyBit: RepairWrite | undefined;
}

/**
 * safe: all that can be read now reads the same afterwards, and nothing is thrown away.
 * cannot-be-undone-elsewhere: nothing that can be read now is lost, but the old value is then kept in the undo journal
 * alone. may-lose-data: what is taken away may be wanted; never chosen unless asked for.
 */
export type RepairRisk = "safe" | "may-lose-data" | "cannot-be-undone-elsewhere";

/**
 * fix-entry: bits that mean nothing or contradict others are taken away; fix-refcounts: what the image stores of how often
 * clusters are used becomes true; free-leaks: clusters that nothing uses are free again; fix-flags: what table entries say
 * of being the only user becomes true; drop-bitmaps: dirty bitmaps are given up; drop-snapshots: snapshots that can't be found are.
 */
export type RepairAction =
  | "clear-entry"
  | "fix-entry"
  | "copy-cluster"
  | "copy-table"
  | "rewrite-snapshots"
  | "drop-snapshots"
  | "drop-bitmaps"
  | "fix-refcounts"
  | "free-leaks"
  | "fix-flags"
  | "trim"
  | "clear-dirty-bit";

/** Bytes, of the guest's disk or of the file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** One thing that can be mended, to be chosen or not. Plain data. */
export interface OfferedRepair {
  /** The action and the place of the entry in the file: the same each time the unchanged image is looked at. */
  readonly id: string;
  readonly action: RepairAction;
  /** What is wrong, one sentence. */
  readonly problem: string;
  /** What the guest sees differently afterwards, one sentence. */
  readonly effect: string;
  /** Ranges of the guest's disk that read differently afterwards, all of them. */
  readonly guest: readonly ByteRange[];
  readonly risk: RepairRisk;
  /** Items that have to be chosen as well. */
  readonly needs: readonly string[];
  /** Chosen unless the person says otherwise. */
  readonly isDefault: boolean;
  /** The bytes of the file that are changed in place, or cut off. */
  readonly file: ByteRange;
  /** By how many bytes the file becomes longer. */
  readonly grows: number;
}

/** A write in place, and which item it belongs to. */
export interface ItemWrite extends RepairWrite {
  readonly item: string;
}

/**
 * What chosen items do to a file, in this order: it is cut to `cutSize`, made `newSize` long, ranges are copied behind
 * the cut, `patches` are laid over the copies or written behind them; all that is flushed before `writes` change anything in place; those are
 * flushed and read back before `last`, the dirty bit.
 */
export interface RepairScript {
  readonly items: readonly string[];
  readonly oldSize: number;
  readonly cutSize: number;
  readonly newSize: number;
  readonly copies: readonly { readonly from: number; readonly to: number; readonly length: number }[];
  readonly patches: readonly { readonly offset: number; readonly newBytes: Uint8Array }[];
  readonly writes: readonly ItemWrite[];
  readonly last: ItemWrite | undefined;
  /** Where what an item adds lies, each item's as one range, in the order of the file. */
  readonly places: readonly (ByteRange & { readonly item: string })[];
}

export interface LeakTotals {
  readonly ranges: number;
  readonly bytes: number;
}

/** All that can be mended in an image. */
export interface RepairOffer {
  readonly fileSize: number;
  readonly items: readonly OfferedRepair[];
  /** Items beyond the first 100,000: mended by a second repair after the first. */
  readonly dropped: number;
  /** What nothing here mends: tables that can't be read. */
  readonly unmended: readonly string[];
  /** Clusters of the file that nothing uses: the first 100,000 ranges. */
  readonly leaks: readonly ByteRange[];
  readonly leaked: LeakTotals;
  /** All ranges of leaked clusters, in the order of the file; then what it has behind its last whole cluster. */
  leakedRanges(): Iterable<ByteRange>;
  /** Throws EINVAL for an id that is not offered, or one whose needs are not chosen. */
  script(ids: Iterable<string>): RepairScript;
}
