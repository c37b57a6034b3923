// A log of writes as plain data for threads and views: what its job is asked, and its answers.
import type { ImageSpec } from "../block/driver.ts";
import type { EntryKind, IndexEnd, LogSuperblock, LogTotals, RecoveredRun } from "../writelog/logIndex.ts";

export interface LogIndexParams {
  /** The log's file or device, as a protocol node. */
  readonly spec: ImageSpec;
  /** Look for entries behind damage at once. */
  readonly recover?: boolean;
  /** The log is being written: entries are taken when its superblock counts them, and `extend` finds more. */
  readonly growing?: boolean;
}

export interface LogIndexTotals {
  /** Entries found so far; with the last progress all. */
  readonly entries: number;
}

export interface LogSummary {
  /** Bytes of the log's file. */
  readonly size: number;
  readonly superblock: LogSuperblock;
  readonly sectorSize: number;
  readonly entries: number;
  /** Of these, entries the superblock counts. */
  readonly counted: number;
  readonly end: IndexEnd;
  readonly totals: LogTotals;
  /** End of the furthest write or discard, bytes. */
  readonly diskEnd: number;
  readonly recovered: readonly RecoveredRun[];
}

/** Told once the log has been read; the job then answers questions until it is cancelled. */
export interface LogIndexItem {
  readonly summary: LogSummary;
}

export interface LogIndexResult {
  /** Before the log had been read; being stopped later is how answering ends. */
  readonly cancelled: boolean;
  /** As it is in the end; undefined when it was cancelled. */
  readonly summary: LogSummary | undefined;
}

export interface LogRow {
  readonly entry: number;
  readonly kind: EntryKind;
  /** As on disk (`entryFlags`). */
  readonly flags: number;
  /** Bytes of the disk. */
  readonly offset: number;
  readonly length: number;
  /** Bytes of the log: where its header is, its data or text, and how many bytes of those there are. */
  readonly header: number;
  readonly payload: number;
  readonly payloadLength: number;
  /** Of a mark. */
  readonly text: string | undefined;
  readonly counted: boolean;
  readonly recovered: boolean;
}

export interface LogMark {
  readonly entry: number;
  readonly text: string;
}

export interface Page {
  readonly first: number;
  /** At most `longestPage`. */
  readonly count: number;
}

export const longestPage = 4096;

/** Entries of one of these kinds or with one of these flags (a mask of `entryFlags`). */
export interface NextEntryRequest {
  readonly from: number;
  readonly kinds?: readonly EntryKind[];
  readonly flags?: number;
  readonly backwards?: boolean;
}

export interface LogIndexAsks {
  /** Fewer rows at the end of the log. */
  page: { question: Page; answer: readonly LogRow[] };
  /** The first such entry at or behind `from`, or at or before it; without going around. */
  next: { question: NextEntryRequest; answer: number | undefined };
  /** `first` and `count` of the marks, not of the entries. */
  marks: { question: Page; answer: { readonly total: number; readonly marks: readonly LogMark[] } };
  /**
   * Reads on: the log has grown. `changed` is the first entry that is new or may be another than before. Rejects with
   * EINVAL when the log was begun anew.
   */
  extend: {
    question: { readonly growing?: boolean };
    answer: { readonly changed: number; readonly summary: LogSummary };
  };
  /** Looks for entries behind the wall; `run` is undefined when there are none. */
  recover: {
    question: { readonly diskSize?: number };
    answer: { readonly run: RecoveredRun | undefined; readonly summary: LogSummary };
  };
}
