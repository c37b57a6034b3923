// Calls answered by the session worker: the one thread that holds the images a person is looking at.
// Its reads may block (a slow disk, a dead mount); neither the main process nor a scan waits for it.
import type { ImageSpec } from "../block/driver.ts";
import type { Child, ExtentState, NodeInfo } from "../block/node.ts";
import type { ByteRange, StructureAt } from "../block/structure.ts";
import type { FoundJournal, JournalFacts } from "../ops/repairRun.ts";
import type { ImageEvents } from "./imageEvents.ts";

/** Identifies an open image in its session. */
export type ImageId = number;

export interface ImageSummary {
  readonly image: ImageId;
  /** "raw", "qed": the top node's driver. */
  readonly format: string;
  /** Guest size in bytes. */
  readonly size: number;
  /** Size of the container file in bytes. */
  readonly fileSize: number;
  readonly readOnly: boolean;
  readonly info: NodeInfo;
  /** The nodes a person can look at: "" (guest) first, then "file", "backing", ... */
  readonly nodes: readonly NodeSummary[];
}

/** What opening answers to main, which keeps the paths to itself. */
export interface SessionImage extends ImageSummary {
  /** Absolute paths of all files the image stands on: its own, those of its backing chain. */
  readonly files: readonly string[];
}

export interface NodeSummary {
  /** Path of child names from the root; "" is the root. */
  readonly path: string;
  readonly driver: string;
  readonly size: number;
  /** What it is to the node above; undefined for the root. */
  readonly role: Child["role"] | undefined;
  /** Unique in its graph. */
  readonly name: string;
  readonly readOnly: boolean;
  /** The on-disk dirty bit, where the format has one. */
  readonly dirty: boolean;
  /** The file of a protocol node; main makes a name for show of the path. */
  readonly file: string | undefined;
  /** Options it was given itself, without those that name files and children: "vote-threshold", "2". */
  readonly options: readonly (readonly [name: string, value: string])[];
}

export interface Page {
  /** Bytes from `offset`, shorter than asked only at the node's end. Unreadable bytes are 0. */
  readonly bytes: Uint8Array;
  /** Unreadable ranges relative to `offset`, sector granular, with the reason. */
  readonly bad: readonly { readonly offset: number; readonly length: number; readonly message: string }[];
}

/** One layer's account of where a guest byte lies. */
export interface Location {
  readonly depth: number;
  readonly driver: string;
  readonly state: ExtentState;
  /** Byte in that layer's file, for `data` extents. */
  readonly hostOffset: number | undefined;
  /** Bytes of that layer's file among which the data lie, where they are compressed. */
  readonly stream?: ByteRange;
  /** What the format's tables say: "L1[0] -> L2 at 0x50000, L2[3] -> 0x80000". Empty for raw. */
  readonly path: string;
}

/** What the session tells without being asked. */
export interface SessionNotice {
  readonly events: ImageEvents;
}

export interface SessionCalls {
  open: { request: { spec: ImageSpec; format?: string; trustBacking?: boolean }; reply: SessionImage };
  close: { request: { image: ImageId }; reply: undefined };
  /** `length` at most 1 MiB. */
  read: { request: { image: ImageId; node: string; offset: number; length: number }; reply: Page };
  /** What the byte of a format's file is, as far as it is no guest data; `node` is the path of that file. */
  describe: {
    request: { image: ImageId; node: string; offset: number };
    reply: StructureAt | undefined;
  };
  /** Layers from the top to the one that answers for the guest byte at `offset`. */
  locate: { request: { image: ImageId; offset: number }; reply: readonly Location[] };
  /** What an undo journal says; both are paths. `image`: instead of the file that the journal names. */
  journal: { request: { journal: string; image?: string }; reply: JournalFacts };
  /** Gives a journal another name and answers that; paths, `image` where it is known. */
  journalAside: { request: { journal: string; image?: string }; reply: string };
  /** Deletes a journal that is of no use; paths. */
  journalDelete: { request: { journal: string; image?: string }; reply: undefined };
  /** The journal beside an image whose repair was cut off or never begun; `image` is its path. */
  journalBeside: { request: { image: string }; reply: FoundJournal | undefined };
}
