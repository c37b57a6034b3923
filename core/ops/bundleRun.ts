// A metadata-only bundle as plain data for threads and views: what the job is asked, and what it made.
import type { ImageSpec } from "../block/driver.ts";
import type { OmittedTable } from "../bundle/facts.ts";

export interface BundleParams {
  readonly spec: ImageSpec;
  /** Path of the node in the graph; "" (default) is the root. */
  readonly node?: string;
  /** The new file. */
  readonly to: string;
  /** Names of other files are blanked. */
  readonly redactNames: boolean;
  /** A file of that name may be there, and is lost. Never one that belongs to the image. */
  readonly replace: boolean;
}

export interface BundleTotals {
  /** Of tables written so far. */
  readonly bytes: number;
}

export interface BundleResult {
  readonly cancelled: boolean;
  /** Undefined when it was cancelled. */
  readonly written: WrittenBundle | undefined;
}

export interface WrittenBundle {
  /** Of the bundle, and of the tables in it, bytes. */
  readonly length: number;
  readonly tableBytes: number;
  /** Tables left out, the first ones, and how many there are. */
  readonly omitted: readonly OmittedTable[];
  readonly omittedTables: number;
}
