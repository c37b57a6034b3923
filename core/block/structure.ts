// What a format says of the clusters of its file: the kind of each, who refers to it, and names for the bytes of its
// tables. Nothing here belongs to one format: a format fills ClusterMarks in one pass and answers two questions.
import type { Sharing } from "../base/sharing.ts";
import type { ClusterMarks } from "./clusterMarks.ts";

/**
 * Kinds of clusters by their number, from the most harmless to the worst: where many clusters are shown as one cell,
 * the cell has the largest number among them. Problems come last, then metadata, then what guests have.
 *
 * unknown: nobody refers to it as far as tables could be read, and some could not. free: the format says that it is not
 * in use. hole: the file has no bytes there. zero: stored, but read as zeroes. snapshot: guest data that snapshots
 * share. unreadable: a table that can't be read. refcount-high: in use, and stored to be so more often than it is.
 * leaked: in use by nobody, and never used again. refcount-low: in use, and stored to be free. bad-entry: a table in which
 * an entry points nowhere it may. overlap: more references than the format allows.
 */
export const clusterKinds = [
  "unknown",
  "free",
  "hole",
  "zero",
  "data",
  "compressed",
  "snapshot",
  "bitmap",
  "snapshot-table",
  "refcount-block",
  "refcount-table",
  "l2-table",
  "l1-table",
  "header",
  "unreadable",
  "refcount-high",
  "leaked",
  "refcount-low",
  "bad-entry",
  "overlap",
] as const;

export type ClusterKind = (typeof clusterKinds)[number];

const numbers = new Map<ClusterKind, number>(clusterKinds.map((kind, number) => [kind, number]));

/** The number that stands for the kind in typed arrays. */
export function kindNumber(kind: ClusterKind): number {
  return numbers.get(kind) ?? 0;
}

/** The first kind that is a problem; those behind it are problems as well. */
export const firstProblem = kindNumber("unreadable");

export interface Structure {
  /** As the file is now. The last cluster may be cut short by its end. */
  readonly clusterSize: number;
  readonly fileSize: number;
  /**
   * One pass over all tables, marking every cluster on `marks`, which has one place for each. Throws ECANCELED. Tables
   * that can't be read are counted, not thrown.
   */
  scan(marks: ClusterMarks, job: StructureJob): Promise<ScannedStructure>;
  /** What the byte of the file at `offset` belongs to, as far as it is no guest data. Throws EIO. */
  describe(offset: number): Promise<StructureAt | undefined>;
  /**
   * Fields and entries of the cluster at `offset` that point somewhere or ought to, at most `limit` of them listed; none
   * for what is no table. Throws EIO, ECANCELED.
   */
  pointers(offset: number, limit: number, signal?: AbortSignal): Promise<Pointers>;
  /** What the top layer's tables say of the byte of the guest's disk at `offset`. Wrong entries are an answer. */
  guestEntry(offset: number): Promise<GuestEntry>;
  /**
   * What the header's area holds that has a meaning, in the order of the file; what lies between is nobody's. Throws EIO.
   */
  headerParts(): Promise<readonly HeaderPart[]>;
  /** What the format itself stores of how often a cluster of the file is in use, where it does. Throws EIO. */
  readonly storedReferences?: ((cluster: number) => Promise<StoredReferences>) | undefined;
}

/** Of formats that store refcounts: the one of a cluster of the file. Throws EIO. */
export interface StoredReferences {
  /** Undefined where the place that should say it breaks a rule. */
  readonly count: number | undefined;
}

/** The entry on which the way to a byte of the guest's disk ends, from one table to the next. */
export interface GuestEntry {
  /** hole (nothing), zero, data and its like, bad-entry, unreadable. */
  readonly kind: ClusterKind;
  readonly entry: Reference;
  /** The byte's place in the file, where it is stored in that one: a format may have another file for data. */
  readonly fileOffset: number | undefined;
  /** Of a compressed cluster: the bytes of the file among which its data lie, others' maybe beside them. */
  readonly stream?: ByteRange;
}

export interface HeaderPart extends ByteRange {
  /** "header", "backing file name". */
  readonly name: string;
  /** The name of another file, as far as it can be shown. */
  readonly text?: string;
}

export interface StructureJob {
  readonly signal: AbortSignal;
  /** Only their ratio counts. */
  progress(done: number, total: number, bytesRead: number): void;
  /**
   * Asked for at each turn in which a cancel can arrive, instead of only letting messages in: it may look at the marks as
   * they are, and take as long as a person has the pass stand still.
   */
  rest?(): Promise<void>;
  /** How a large image is shared out over threads. Default `usualSharing`. */
  readonly sharing?: Sharing | undefined;
}

/** What a pass found besides the marks, and what it remembers to find references again. */
export interface ScannedStructure {
  /** Entries that point nowhere they may. */
  readonly badEntries: number;
  /** References to clusters that have their owner already, tables counted by their clusters. */
  readonly extraReferences: number;
  /** Tables that could not be read, and tables left unread because they overlap what is in use. */
  readonly unreadableTables: number;
  readonly skippedTables: number;
  readonly guest: GuestClusters;
  readonly bytesRead: number;
  /** References to one cluster of the file, in the order of the tables; at most `limit` are listed. Throws ECANCELED. */
  references(cluster: number, limit: number, signal?: AbortSignal): Promise<References>;
  /**
   * The worst kind among each `clusters` guest clusters into the next byte of `kinds`, by what the top layer's tables
   * say: hole (nothing), zero, data and its like, overlap (stored where others are), bad-entry, unreadable. Throws
   * ECANCELED.
   */
  guestKinds(kinds: Uint8Array, clusters: number, signal: AbortSignal): Promise<void>;
}

export interface Pointers {
  readonly list: readonly StructureField[];
  /** All that there are, also those behind the limit. */
  readonly total: number;
}

/** Clusters of the guest's disk by what the top layer's tables say of them. */
export interface GuestClusters {
  readonly total: number;
  readonly allocated: number;
  /** Read as zeroes by a flag of their entry. */
  readonly zero: number;
}

export interface References {
  readonly list: readonly Reference[];
  /** All that there are, also those behind the limit. */
  readonly total: number;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface Reference {
  /** "header, l1_table_offset", "L1[0]", "L1[0] -> L2[3]". */
  readonly by: string;
  /** Bytes of the file in which the reference stands. */
  readonly offset: number;
  readonly length: number;
  /** The guest's range behind it. */
  readonly guest?: ByteRange;
}

/** A structure of the file and the field of it in which a byte lies. */
export interface StructureAt {
  /** "header", "L1 table", "L2 table 3". */
  readonly name: string;
  readonly kind: ClusterKind;
  /** The whole structure in the file. */
  readonly offset: number;
  readonly length: number;
  /** Undefined in parts of it that mean nothing. */
  readonly field: StructureField | undefined;
}

export interface StructureField {
  /** "cluster_size", "entry 17". */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** As stored, all bits: "65536", "0x2a0000". */
  readonly value: string;
  /** What it says: "64 KiB", "-> cluster 0x2A". */
  readonly meaning: string;
  /** Where it points to in the file, if that can be gone to. */
  readonly target?: ByteRange;
  /** The guest's range it speaks of. */
  readonly guest?: ByteRange;
}
