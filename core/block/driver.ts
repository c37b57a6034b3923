// What a driver is: a kind of node, its options stated once as a schema, and how it is opened.
import type * as z from "zod";
import type { PeerWords } from "../base/errors.ts";
import type { NodeEvent } from "./events.ts";
import type { BackingName, BlockNode, Child } from "./node.ts";

/**
 * Options of one node: `driver` and that driver's own; children are nested. Parsed strictly by the driver.
 * Without `driver` the format is probed from what `file` holds.
 */
export interface NodeOptions {
  readonly driver?: string;
  readonly [key: string]: unknown;
}

/** A plain file name (its format is probed) or a whole option tree. */
export type ImageSpec = string | NodeOptions;

/**
 * Which backing files named in images are opened. open: whatever a name on the command line could open, protocols and
 * json: among them, as the peer does; plain: plain files anywhere; beside: only those in the image's own folder or below
 * it, since a name in an image from elsewhere may point at any file here; none, for `info`, which must work without.
 */
export type BackingPolicy = "open" | "plain" | "beside" | "none";

/**
 * What happens to an image whose dirty (need-check) bit is set when it is opened for writing: report: it is checked and
 * the findings are reported, nothing is repaired; repair: it is checked and repaired as the peer does; skip: nothing,
 * since the caller is about to check it; untouched: the same, and opening writes nothing at all: the caller will write to
 * the image's file itself, and take it back byte by byte.
 */
export type DirtyPolicy = "report" | "repair" | "skip" | "untouched";

/** How a file is shared with other programs that take the peer's byte-range locks. */
export interface Sharing {
  /** Takes no locks and ignores those of others; read-only opens only. */
  readonly forceShare: boolean;
}

/** Where writes go through: as the peer's cache modes none, writeback, writethrough, directsync, unsafe. */
export interface CacheMode {
  /** Every write of the top node is durable when it returns. */
  readonly writethrough: boolean;
  /** The host's page cache is bypassed where the system can; asked for, not needed. */
  readonly direct: boolean;
  /** Flushes do nothing. */
  readonly noFlush: boolean;
}

/**
 * use: whatever breaks a rule of the format is refused. check: what the peer's check opens too. inspect: the structure is
 * to be looked at or mended, so that what the disk's own tables do not depend on may be damaged.
 */
export type OpenPurpose = "use" | "check" | "inspect";

export interface OpenContext {
  /** Name for the node being opened; unique in its graph. */
  readonly name: string;
  readonly readOnly: boolean;
  /** Folder against which relative file names in options are resolved. */
  readonly baseDir: string;
  readonly backing: BackingPolicy;
  readonly dirty: DirtyPolicy;
  readonly purpose: OpenPurpose;
  readonly sharing: Sharing;
  readonly cache: CacheMode;
  /**
   * The format was guessed from the image's first bytes, not given: what would be guessed from others. A raw image
   * refuses to become one of another format then.
   */
  readonly guessFormat?: ((head: Uint8Array) => string) | undefined;
  /** Says something the person should know: one line, in the peer's words where it has some. */
  warn(message: string): void;
  /** Says what the node noticed. */
  event(event: NodeEvent): void;
  /**
   * Said by a protocol that opened a file: identity (device and inode) and path. Throws when an image above
   * in the backing chain is that very file.
   */
  fileOpened(identity: string, path: string): void;
  /**
   * Opens a child. Backing children are always opened read-only and count against the nesting limit. `guessed` is told
   * the format where it is found by the first bytes, before anything is opened in it; what it throws, opening throws.
   */
  openChild(
    name: string,
    role: Child["role"],
    spec: ImageSpec,
    guessed?: (format: string) => void,
  ): Promise<BlockNode>;
  /**
   * Closes a child and opens it again: as its file is now, whose size a node knows from when it was opened. What was opened
   * after that child is closed too.
   */
  reopenChild(name: string, role: Child["role"], spec: ImageSpec): Promise<BlockNode>;
}

/** One `-o` option of a format that can be created: parsed, shown by `-o help` and listed in `Formatting`. */
export interface CreateOption {
  /** With underscores, as the peer has it: "cluster_size". */
  readonly name: string;
  readonly type: "size" | "bool" | "str" | "num";
  readonly help: string;
  /** What `Formatting` shows and creation uses when it is not given. */
  readonly default?: string | number | boolean;
}

export interface CreateRequest {
  /** Guest size, bytes. */
  readonly size: number;
  readonly backing?: BackingName;
  /**
   * Options by name, of their type; those without a value or default are left out. Size and backing are not in it, but
   * for a backing_fmt without a backing file.
   */
  readonly options: Readonly<Record<string, string | number | boolean>>;
}

export interface Measurement {
  /** Bytes of file for the data there is, and for an image with every cluster allocated. */
  readonly required: number;
  readonly fullyAllocated: number;
  /** Bytes more for the source's bitmaps, where both formats can have some. */
  readonly bitmaps?: number;
}

export interface MeasuredBitmap {
  readonly name: string;
  /** Guest bytes of one bit. */
  readonly granularity: number;
}

/** The image whose contents a new one is to hold. */
export interface MeasureSource {
  /** Its persistent bitmaps that can be copied; undefined where it can have none. */
  readonly bitmaps?: readonly MeasuredBitmap[] | undefined;
}

/** How a new image comes to be. */
export interface Creation {
  /** The format's own, in the order in which `Formatting` shows them. */
  readonly options: readonly CreateOption[];
  readonly supportsBacking: boolean;
  /** Throws what is wrong with the request, before anything is made. */
  check(request: CreateRequest): void;
  /** Name of a further file that the image is to have, which is made with it; relative ones start in its folder. */
  dataFile?(request: CreateRequest): string | undefined;
  /**
   * Lays an empty image down on `file`, an empty file open for writing; `dataFile` is the further one, also empty. Data
   * reach the disk when they are closed.
   */
  create(file: BlockNode, request: CreateRequest, dataFile?: BlockNode): Promise<void>;
  /**
   * Space a new image needs; `allocated` yields the ranges that hold data, `source` is what they are in, where there is
   * something. Formats without it can't be measured.
   */
  measure?(
    request: CreateRequest,
    allocated: AsyncIterable<{ offset: number; length: number }>,
    source?: MeasureSource,
  ): Promise<Measurement>;
}

export interface Driver<S extends z.ZodType = z.ZodType> {
  readonly kind: "protocol" | "format" | "filter";
  readonly options: S;
  /** Score 0 to 100 for the first 512 bytes (fewer for a short file); formats only. */
  readonly probe?: (head: Uint8Array) => number;
  readonly creation?: Creation;
  /** The options that its images can change later: `amend`. */
  readonly amendOptions?: readonly CreateOption[];
  /** Its images can give up all that they hold: `makeEmpty`. */
  readonly empties?: boolean;
  /**
   * What of its options can be changed while an image is open, and how new ones are laid over those that it was opened
   * with, where later ones don't simply replace earlier ones.
   */
  readonly reopening?: {
    readonly options: readonly string[];
    join?(old: NodeOptions, given: NodeOptions): NodeOptions;
  };
  /** Its images can hold compressed clusters, and take them: `writeCompressed`. */
  readonly compresses?: boolean;
  /** Its images have tables that can be checked: `check`. */
  readonly checks?: boolean;
  /** The peer counts it among its protocols, as names may begin with its own: "blkdebug:". */
  readonly isPrefix?: boolean;
  /** The peer's text for an option that the schema refuses, where it is none of those that all drivers share. */
  readonly peerWords?: (path: readonly string[], issue: z.core.$ZodIssue) => PeerWords | undefined;
  readonly open: (options: z.output<S>, context: OpenContext) => Promise<BlockNode>;
}

/** Keeps the schema's type for `open`; the registry lists the results. */
export function defineDriver<S extends z.ZodType>(driver: Driver<S>): Driver<S> {
  return driver;
}
