// The block node: one layer of an open image (a file, a format, a filter), and what it says of itself.
// Everything above this interface (compare, check, map, jobs, views) is independent of formats.

import type { ImageSpec } from "./driver.ts";
import type { CheckJob, CheckResult, Finding, PeerLines, RepairExtent, RepairPlan } from "./finding.ts";
import type { Structure } from "./structure.ts";

export interface WriteFlags {
  /** Force unit access: the write is durable when the promise resolves. */
  readonly fua?: boolean;
}

export interface ZeroFlags extends WriteFlags {
  /** The range may be deallocated as long as it reads as zeroes. */
  readonly mayUnmap?: boolean;
  /** Fail with ENOTSUP rather than write zero bytes. */
  readonly noFallback?: boolean;
}

export interface CompressedFlags {
  /** Clusters where something is stored already are written as they are, in place of an error. */
  readonly overwrite?: boolean;
}

export type Preallocation = "off" | "metadata" | "falloc" | "full";

export interface ResizeOptions {
  readonly preallocation?: Preallocation;
}

/** A random-access disk. Offsets and lengths are bytes, ranges half-open, integers up to 2^53 - 1. */
export interface BlockNode {
  /** Unique within its graph. */
  readonly name: string;
  readonly driver: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[];
  /** Bytes, now; only file and memory nodes grow, by a write past the end. */
  readonly size: number;
  readonly info: NodeInfo;
  /** Fills all of `target` or throws; there are no short reads. */
  read(offset: number, target: Uint8Array): Promise<void>;
  write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void>;
  writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void>;
  discard(offset: number, length: number): Promise<void>;
  flush(): Promise<void>;
  /** Changes `size`. New bytes read as zeroes. Throws ENOTSUP where the driver cannot. */
  resize(size: number, options?: ResizeOptions): Promise<void>;
  /** The extent at `offset`, 1 to `length` bytes long, as this layer alone knows it. */
  extentAt(offset: number, length: number): Promise<Extent>;
  /** What the format's tables say of the byte at `offset`: "L1[0] -> L2 at 0x50000, L2[3] -> 0x80000". */
  describeAt?(offset: number): Promise<string>;
  /** Checks the format's tables; formats that have a check. Changes nothing. Throws ECANCELED, EIO. */
  readonly check?: ((job: CheckJob) => Promise<CheckResult>) | undefined;
  /**
   * The writes that answer those findings which can be repaired, and the dirty bit's. `extent`: default all. Changes
   * nothing. `tell` hears all that the peer prints while it finds and mends the same, findings' lines among it. Throws
   * EIO where leaks can't be mended alone.
   */
  readonly planRepair?:
    | ((
        findings: readonly Finding[],
        result: CheckResult,
        extent?: RepairExtent,
        tell?: (lines: PeerLines) => void,
      ) => Promise<RepairPlan>)
    | undefined;
  /** The clusters of the file: kinds, references, names; formats that have clusters. Changes nothing. */
  readonly structure?: Structure | undefined;
  /** Forgets tables held in memory: the file was changed below. */
  readonly reload?: (() => Promise<void>) | undefined;
  /** Stores another backing file's name, or none. Throws ENOSPC (no room in the header), ENOTSUP. */
  readonly setBacking?: ((backing: BackingName | undefined) => Promise<void>) | undefined;
  /** Keeps other programs from writing the file meanwhile; files that can be locked. Throws EBUSY when one does. */
  readonly excludeWriters?: (() => Promise<void>) | undefined;
  /**
   * Writes whole clusters as compressed ones, as far as they get smaller; the last may be cut off by the end of the disk.
   * What is asked for without waiting is stored in the order in which it is asked for. Formats that can.
   * Throws EINVAL (no whole clusters), EIO (something is stored there already), ENOTSUP (not this image).
   */
  readonly writeCompressed?:
    | ((offset: number, source: Uint8Array, flags?: CompressedFlags) => Promise<void>)
    | undefined;
  /** Reads into several buffers, one after the other. They may overlap: the result is as if read in order. */
  readonly readVector?: ((offset: number, targets: readonly Uint8Array[]) => Promise<void>) | undefined;
  /**
   * As `read`, without a promise, where the system answers while the caller waits: for walks that read a few bytes here and
   * there, in which promises cost more than the bytes.
   */
  readonly readNow?: ((offset: number, target: Uint8Array) => void) | undefined;
  /**
   * The system's number of the open file, by which other threads of the process may read it as well, as long as the node is
   * open; files whose page cache is used.
   */
  readonly descriptor?: number | undefined;
  /**
   * Data with a `hostOffset` are read from there, and reading them does nothing else: who may read the file by its
   * descriptor gets the same bytes. Formats; a filter that counts, delays or breaks requests lacks it.
   */
  readonly readsInPlace?: boolean | undefined;
  /** Told by the node above of a step that blkdebug may break or fail at: "l2_update". */
  readonly raise?: ((event: string) => Promise<void>) | undefined;
  /** Breakpoints, where a driver has them. */
  readonly breakpoints?: Breakpoints | undefined;
  /** Takes children in and lets them go while it runs, where a driver can: quorum. */
  readonly childSet?: ChildSet | undefined;
  /** Makes, applies and deletes snapshots inside the image; formats that have them. `info` lists them. */
  readonly snapshots?: Snapshots | undefined;
  /** Dirty bitmaps kept in the image; formats that can keep some. `info` lists them. */
  readonly bitmaps?: Bitmaps | undefined;
  /** Changes options that were chosen when the image was made. Throws EINVAL, ENOTSUP: what it can't be. */
  readonly amend?: ((request: AmendRequest) => Promise<void>) | undefined;
  /** Gives up everything that the image holds: it reads as its backing file. Formats that can. */
  readonly makeEmpty?: (() => Promise<void>) | undefined;
  /** A machine's state, which lies behind the disk; formats that have room for one. */
  readonly vmState?: VmState | undefined;
  /** Notes a text in the log, where a driver keeps one. */
  readonly mark?: ((text: string) => Promise<void>) | undefined;
  /** Flushes and closes; a second call does nothing. Children are closed by the graph, leaves last. */
  close(): Promise<void>;
}

/** What a dirty bitmap says. */
export interface BitmapSource {
  /** Of the disk it speaks of, bytes. */
  readonly size: number;
  /** Guest ranges that were written to, in order, each of whole granules but for the end of the disk. */
  ranges(): AsyncIterable<{ readonly offset: number; readonly length: number }>;
}

/** A dirty bitmap that an image keeps. */
export interface BitmapFacts {
  readonly name: string;
  /** Bytes of one bit. */
  readonly granularity: number;
  /** Records what is written. */
  readonly isEnabled: boolean;
  /** A program that recorded in it did not store it: what it says is not to be believed. */
  readonly isInconsistent: boolean;
}

/**
 * Changes are durable when they return. Throws ENOENT (no such bitmap), EBUSY (one that a program did not store: it can only
 * be removed), ECORRUPT, EIO, ENOSPC.
 */
export interface Bitmaps {
  /** False where the image, as it is now, can't keep any: its version is too old. */
  readonly canKeep: boolean;
  /** In the image's order. */
  list(): Promise<readonly BitmapFacts[]>;
  /** Records from now on. `granularity`: bytes of one bit, a power of 2. Throws EINVAL, ENOTSUP, EFBIG. */
  add(name: string, granularity: number | undefined): Promise<void>;
  remove(name: string): Promise<void>;
  clear(name: string): Promise<void>;
  /** Records what is written from now on, or does not. */
  enable(name: string): Promise<void>;
  disable(name: string): Promise<void>;
  /** Adds what another says. Throws EINVAL (of a disk of another size). */
  merge(name: string, source: BitmapSource): Promise<void>;
  /** As it is now. */
  read(name: string): Promise<BitmapSource>;
}

export interface AmendRequest {
  /** By name, of their type: those of the driver's `amendOptions`. */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** 0 to 1. */
  progress?(part: number): void;
}

/** Durable when they return. What is named goes by id first, then by name. Throws ENOTSUP (not this image), EIO, ENOSPC. */
export interface Snapshots {
  /** Of the disk as it is. Throws EINVAL (the name; no room in refcounts), EFBIG (too many). */
  create(name: string): Promise<void>;
  /** The disk gets the content and the size it had then. Throws ENOENT, EBUSY (bitmaps), EFBIG. */
  apply(idOrName: string): Promise<void>;
  /** Throws ENOENT. */
  delete(idOrName: string): Promise<void>;
}

/** Offsets are from its beginning. It has no end. */
export interface VmState {
  /** What was never written reads as zeroes. Throws EIO. */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** Throws EROFS, EFBIG, ENOSPC, EIO. */
  write(offset: number, source: Uint8Array): Promise<void>;
}

export interface ChildSet {
  /** Children that have to say the same for an answer. */
  readonly threshold: number;
  /** Opens a child that takes part from the next request on. Throws what opening throws, EINVAL, EIO (its length). */
  add(spec: ImageSpec): Promise<void>;
  /** Closes the child of that option name: "children.1". Throws EINVAL, ENOENT. */
  remove(name: string): Promise<void>;
}

/** Requests that stop at a step until they are told to go on. Throws ENOENT for an unknown event or tag. */
export interface Breakpoints {
  add(event: string, tag: string): void;
  /** Also resumes what is stopped there. */
  remove(tag: string): void;
  resume(tag: string): void;
  isSuspended(tag: string): boolean;
  /** Resolves when a request is stopped at the tag. */
  waitFor(tag: string): Promise<void>;
}

export interface Child {
  /** The option's name: "file", "backing", "children.0". */
  readonly name: string;
  readonly role: "file" | "backing" | "data" | "log";
  readonly node: BlockNode;
}

export type ExtentState = "data" | "zero" | "unallocated";

export interface Extent {
  readonly offset: number;
  readonly length: number;
  /** unallocated: ask the backing file, else reads as zero. */
  readonly state: ExtentState;
  readonly compressed: boolean;
  /** Byte in the `file` child, or in `data-file` where there is one, when the extent is contiguous there. */
  readonly hostOffset: number | undefined;
  /**
   * Data whose holes in the file count, for the peer's map of the image too: clusters were laid down before anything was
   * written to them.
   */
  readonly isPreallocated?: boolean;
}

/** What `info` prints and the app's Files view shows. Members are present when the driver knows them. */
export interface NodeInfo {
  /** Path of a protocol node's file. */
  readonly path?: string;
  /** Cluster size in bytes; undefined for raw and protocols. */
  readonly clusterSize?: number;
  /** The on-disk dirty (need-check) bit. */
  readonly dirty?: boolean;
  /** Marked on disk as having faults in its tables: it is not written to until it was repaired. */
  readonly corrupt?: boolean;
  /**
   * Where the clusters that are counted as used end, bytes of the file, where the file ends before the last of them
   * begins: it was cut off. Known of a format that counts them, opened to be inspected.
   */
  readonly usedEnd?: number;
  readonly backing?: BackingInfo;
  /** Byte order of the format's own structures, for the inspector's default. */
  readonly byteOrder?: "little" | "big";
  /** Bytes allocated in the host file system, where known. */
  readonly actualSize?: number;
  /** Of a file that stands for one of this format, holding its tables without its guest's data: a bundle. */
  readonly metadataOf?: string;
  /** Format-specific facts in the order to show them; keys are lower-case-with-dashes. */
  readonly specific?: Readonly<Record<string, Fact>>;
  /** Whether the guest's data are encrypted. */
  readonly encrypted?: boolean;
  /** Snapshots inside the image, in its order. */
  readonly snapshots?: readonly SnapshotInfo[];
  /** Where a machine's state lies behind the disk, where the format has room for one. */
  readonly vmStateOffset?: number;
}

/** One format-specific fact, or a group of them. */
export type Fact = string | number | boolean | readonly Fact[] | { readonly [name: string]: Fact };

/** A snapshot inside an image. */
export interface SnapshotInfo {
  readonly id: string;
  readonly name: string;
  /** When it was made, since 1970. */
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  /** How long the machine had run. */
  readonly vmClockSeconds: number;
  readonly vmClockNanoseconds: number;
  /** Bytes of the machine's state; 0 without one. */
  readonly vmStateSize: number;
  /** Guest bytes of the disk then. */
  readonly diskSize: number;
  /** Instructions that the machine had run, where they were counted. */
  readonly icount?: number;
}

/** As it is to be stored in the image. */
export interface BackingName {
  readonly filename: string;
  /** Stored where the format can. */
  readonly format?: string;
}

export interface BackingInfo {
  /** As stored in the image. */
  readonly filename: string;
  /** Resolved against the image's folder, when resolvable. */
  readonly fullFilename?: string;
  /** As stored; undefined means the backing file is probed. */
  readonly format?: string;
}
