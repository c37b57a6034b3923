// What a driver is: a kind of node, its options stated once as a schema, and how it is opened.
import type * as z from "zod";
import type { BlockNode, Child } from "./node.ts";

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
 * Which backing files named in images are opened: all; only those in the image's own folder or below it, since a
 * name in an image from elsewhere may point at any file here; or none, for `info`, which must work without.
 */
export type BackingPolicy = "open" | "beside" | "none";

export interface OpenContext {
  /** Name for the node being opened; unique in its graph. */
  readonly name: string;
  readonly readOnly: boolean;
  /** Folder against which relative file names in options are resolved. */
  readonly baseDir: string;
  readonly backing: BackingPolicy;
  /**
   * Said by a protocol that opened a file: identity (device and inode) and path. Throws when an image above
   * in the backing chain is that very file.
   */
  fileOpened(identity: string, path: string): void;
  /** Opens a child. Backing children are always opened read-only and count against the nesting limit. */
  openChild(name: string, role: Child["role"], spec: ImageSpec): Promise<BlockNode>;
}

export interface Driver<S extends z.ZodType = z.ZodType> {
  readonly kind: "protocol" | "format" | "filter";
  readonly options: S;
  /** Score 0 to 100 for the first 512 bytes (fewer for a short file); formats only. */
  readonly probe?: (head: Uint8Array) => number;
  readonly open: (options: z.output<S>, context: OpenContext) => Promise<BlockNode>;
}

/** Keeps the schema's type for `open`; the registry lists the results. */
export function defineDriver<S extends z.ZodType>(driver: Driver<S>): Driver<S> {
  return driver;
}
