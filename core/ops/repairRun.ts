// A repair as plain data for threads and views. Three jobs: one looks and answers questions about what could be done,
// one does it, one finishes or takes back what a journal says. Only the last two write, and only what they were told.
import type { PlainError } from "../base/errors.ts";
import type { ByteRange, CheckResult, OfferedRepair, RepairRisk } from "../block/finding.ts";

/** The looking job: opens the image read-only, makes the offer, tells it, answers until it is cancelled. */
export interface RepairPlanParams {
  /** The image's own file; the format as the person sees it. */
  readonly filename: string;
  readonly format: string;
}

/** Told once the offer is made. */
export interface RepairOffered {
  readonly fileSize: number;
  /** The dirty (need-check) bit is set. */
  readonly dirty: boolean;
  /** The image is marked as corrupt. */
  readonly corrupt: boolean;
  /** Items that can be chosen, in the order of the plan; those beyond the limit are left to a second repair. */
  readonly items: number;
  readonly dropped: number;
  readonly unmended: readonly string[];
  /** Clusters of the file that nothing uses, and their bytes. */
  readonly leaks: { readonly ranges: number; readonly bytes: number };
  readonly check: CheckResult;
}

/** Told once; the job then answers questions until it is cancelled. */
export interface RepairPlanItem {
  readonly offered: RepairOffered;
}

export interface RepairPlanResult {
  /** Before the offer was made. */
  readonly cancelled: boolean;
  /** Undefined when it was cancelled. */
  readonly offered: RepairOffered | undefined;
}

export interface RepairTotals {
  /** Items looked at, changes written, whatever the phase counts. */
  readonly count: number;
}

/** What the chosen items would do to the file. */
export interface RepairChoice {
  /** Ids in the order of the plan: those asked for, with all that they need. */
  readonly ids: readonly string[];
  /** Writes in place, bytes copied to the end of the file, bytes cut off it. */
  readonly writes: number;
  readonly copiedBytes: number;
  readonly cutBytes: number;
  readonly newSize: number;
  /** Items by risk. */
  readonly risks: Readonly<Record<RepairRisk, number>>;
  /** Bytes of the guest's disk that read differently afterwards. */
  readonly guestBytes: number;
  /** Bytes of the undo journal, holes left out: the most that it can be where zeroes are cut off. */
  readonly journalBytes: number;
  /** SHA-256 of all that would be done, hexadecimal: what is written has to be what was seen. */
  readonly digest: string;
}

/** One change of bytes, for show: at most 4096 bytes of each side. */
export interface ShownChange {
  readonly kind: "write" | "copy" | "cut" | "grow";
  readonly offset: number;
  /** Bytes of the whole change. */
  readonly length: number;
  /** Where a copy is taken from. */
  readonly from?: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

export type PreflightId =
  | "readable"
  | "writable"
  | "in-use"
  | "same-file"
  | "journal-place"
  | "journal-space"
  | "unfinished"
  | "backing"
  | "copy-space";

export interface PreflightCheck {
  readonly id: PreflightId;
  /** refused: writing to the image itself is not possible as things are. */
  readonly state: "ok" | "warn" | "refused";
  /** One sentence. */
  readonly text: string;
  readonly hint?: string;
  /** The journal of an earlier repair that has the name of the new one. */
  readonly earlier?: EarlierJournal;
}

export interface EarlierJournal {
  readonly journal: string;
  /** Undefined: it can't be read. */
  readonly state: JournalFacts["state"] | undefined;
  /** The name that it would be kept under. */
  readonly aside: string;
}

export interface RepairAsks {
  /** A page of items. */
  items: {
    question: { readonly first: number; readonly count: number };
    answer: readonly OfferedRepair[];
  };
  /** "default": what is chosen unless the person says otherwise. Ids that are not offered: EINVAL. */
  choose: { question: { readonly ids: readonly string[] | "default" }; answer: RepairChoice };
  /** Adds what an item needs to `ids`, or takes it away with all that need it. */
  toggle: {
    question: { readonly ids: readonly string[]; readonly id: string; readonly on: boolean };
    answer: RepairChoice;
  };
  /** What one item changes, were these chosen: the first thousand changes. */
  changes: {
    question: { readonly ids: readonly string[]; readonly id: string };
    answer: readonly ShownChange[];
  };
  /**
   * Kinds of clusters before and after (numbers of `clusterKinds`, the worst of a cell), both as many: what the file has
   * no cluster for, before or after, is unknown (0). A newer question ends an older one: ECANCELED.
   */
  map: {
    question: { readonly ids: readonly string[]; readonly cells: number };
    answer: {
      readonly clustersPerCell: number;
      readonly before: Uint8Array;
      readonly after: Uint8Array;
    };
  };
  preflight: {
    question: {
      readonly ids: readonly string[];
      readonly journal?: string;
      /** Another job of this program writes to the image now. */
      readonly writtenHere?: boolean;
    };
    answer: readonly PreflightCheck[];
  };
}

/** The writing job. */
export interface RepairWriteParams {
  readonly filename: string;
  readonly format: string;
  readonly ids: readonly string[];
  /** Of the choice that the person saw: anything else is refused before the first byte is written. */
  readonly digest: string;
  /** Default: beside the image. */
  readonly journal?: string;
  /** Mend a copy made here (which must not exist), and leave the image alone. */
  readonly copyTo?: string;
}

export interface RepairWritten {
  readonly cancelled: boolean;
  /** The file that was changed, and its undo journal; undefined when nothing was begun. */
  readonly target: string;
  readonly journal: string | undefined;
  /** undone, planned: the file is as it was. applying: between; it can be finished or taken back. */
  readonly state: "planned" | "applying" | "applied" | "verified" | "undone";
  readonly changes: { readonly done: number; readonly total: number };
  /** Why it did not come to its end. */
  readonly error: PlainError | undefined;
  /** A check afterwards, and what could be mended still; undefined when it was not made. */
  readonly after:
    | {
        readonly check: CheckResult;
        readonly dirty: boolean;
        readonly itemsLeft: number;
        readonly unmended: readonly string[];
      }
    | undefined;
  /** SHA-256 of the file before and after; undefined where the file is too large to be read for it. */
  readonly hashes: { readonly before: string; readonly after: string } | undefined;
}

/** The rescuing job: what lies in leaked clusters, into a file of its own; the image is only read. */
export interface RepairRescueParams {
  readonly filename: string;
  readonly format: string;
  /** The new file, which must not exist; its index is named so with ".json" behind it. */
  readonly to: string;
}

export interface RepairRescued {
  readonly cancelled: boolean;
  /** Undefined when it was cancelled: nothing is left behind then. Bytes. */
  readonly rescued:
    | { readonly written: number; readonly zero: number; readonly unreadable: number }
    | undefined;
}

/** The finishing job: does or takes back what a journal says. */
export interface RepairFinishParams {
  readonly journal: string;
  readonly mode: "undo" | "resume";
  /** Default: the file of the image's name beside the journal; one elsewhere has to be named. */
  readonly image?: string;
  /** Only says whether it can be done, and shows it. */
  readonly dryRun: boolean;
}

/** A journal, looked at. */
export interface JournalFacts {
  readonly journal: string;
  readonly imagePath: string;
  /** elsewhere: named by the journal alone, in another folder; it was not touched, not even to see whether it is there. */
  readonly imageState: "found" | "missing" | "elsewhere";
  readonly state: "planned" | "applying" | "applied" | "verified" | "undone";
  /** When the journal was written to last, milliseconds since the epoch, and whose file it is, where that is known. */
  readonly changedAt: number;
  readonly owner: "you" | "other" | undefined;
  /** Writes that are in the image; undefined where that is not known. */
  readonly written: number | undefined;
  readonly oldSize: number;
  readonly newSize: number;
  readonly writes: number;
  readonly copies: number;
  /** The first thousand writes: what undoing brings back. */
  readonly shown: readonly ShownChange[];
  /** Why neither finishing nor undoing is possible: the image has changed since, it is missing, it was not looked at. */
  readonly refusal: PlainError | undefined;
  /** What the repair changes, copies to or cuts off, in the order of the file: the first thousand. */
  readonly ranges: readonly ByteRange[];
}

/** A journal beside an image: of a repair that was cut off or never begun, or one that can't be used. */
export type FoundJournal =
  | { readonly journal: string; readonly facts: JournalFacts; readonly error: undefined }
  | { readonly journal: string; readonly facts: undefined; readonly error: PlainError };

export interface RepairFinished {
  readonly cancelled: boolean;
  readonly facts: JournalFacts;
}
