// What the harness has to know of an image's format: how it is opened, what a guest can ask of it, and what a crash
// is allowed to leave. Everything else of the harness is the same for all formats.
import type { Finding } from "../../core/block/finding.ts";
import type { AmendRequest } from "../../core/block/node.ts";
import type { Random } from "../build/random.ts";
import type { KnownBitmap } from "./bitmapModel.ts";
import type { GuestContent, Zone } from "./guestModel.ts";

export interface CrashFormat {
  readonly driver: "qed" | "qcow2";
  /** In a report, what tells its images apart. */
  readonly words: string;
  /** Options of the driver besides its children. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether the peer can open it. */
  readonly hasPeer: boolean;
  readonly can: Abilities;
  /** Clusters that tables lost in a crash point to may be unreadable until the repair. */
  readonly failsUntilRepaired: boolean;
  /** The bit in the image's header that tells the next one to open it that it has to be checked. */
  isMarked(file: Uint8Array): boolean;
  /** Corruption that may be there without that bit being set, since nothing bad comes of it. `all`: what else was found. */
  isHarmless(finding: Finding, all: readonly Finding[]): boolean;
}

/** What the guest's life consists of besides writes, zeroes, flushes and disks that grow. */
export interface Abilities {
  readonly discard: "nothing" | "whole clusters";
  readonly shrink: boolean;
  readonly compress: boolean;
  readonly snapshots: boolean;
  /** An image that has snapshots can be resized. */
  readonly resizeWithSnapshots: boolean;
  /** Dirty bitmaps, which exclude that snapshots are applied. */
  readonly bitmaps: boolean;
  /** Options that are changed on the way, as sets of one request each. */
  readonly amends: readonly AmendRequest["options"][];
}

/** What stays the same over all parts of a life. */
export interface Setting {
  readonly format: CrashFormat;
  readonly clusterSize: number;
  /** Guest bytes that one L2 table speaks of. */
  readonly perTable: number;
  readonly backingSize: number | undefined;
  /** Guest ranges in use; the last one ends where the disk can grow to. */
  readonly zones: readonly Zone[];
}

/** Where a part starts: a file and what the guest sees on it. */
export interface Start {
  readonly bytes: Uint8Array;
  readonly content: GuestContent;
  /** The tables are damaged until the opening has repaired them. */
  readonly damaged: boolean;
  readonly snapshots: readonly KnownSnapshot[];
  readonly bitmaps: readonly KnownBitmap[];
}

/** A snapshot that is there from the start. */
export interface KnownSnapshot {
  readonly name: string;
  readonly content: GuestContent;
}

/** The first setting and image of a life. */
export type Chooser = (random: Random) => { readonly setting: Setting; readonly start: Start };
