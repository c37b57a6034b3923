// A log of writes as plain data for threads and views: what its job is asked, and its answers.
import type { ImageSpec } from "../block/driver.ts";
import type { ByteRange } from "../block/finding.ts";
import type { Bins, BinsRequest, UsedRange } from "../writelog/bins.ts";
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

/** Longest stretch of bytes in one answer. */
export const longestDetail = 64 * 1024;

/** What is known of one entry. */
export interface LogDetail {
  readonly row: LogRow;
  /** Entries with the flag FLUSH before this one. */
  readonly flush: number;
  /** The entry with which it became durable; undefined where none did. Which of the flushes that is, from 1, if it is one. */
  readonly durableWith: number | undefined;
  readonly durableFlush: number | undefined;
  /** Of writes and discards, from the place that was asked for on. */
  readonly bytes: LogChange | undefined;
}

export interface LogChange {
  /** Byte of the disk. */
  readonly offset: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** Who had written the bytes before, by whole sectors; entry -1 where none had: the log does not know them. */
  readonly writers: readonly { readonly offset: number; readonly length: number; readonly entry: number }[];
  /** Of the whole entry: bytes that differ, and where the first of them is, from the entry's beginning; not of a long one. */
  readonly differing: number | undefined;
  readonly firstDiffering: number | undefined;
}

/** An entry that wrote or discarded bytes of a range. */
export interface LogHistoryEntry {
  readonly entry: number;
  readonly kind: "write" | "discard";
  readonly flags: number;
  /** Bytes of the disk that it covers, and those of them that were asked for. */
  readonly range: ByteRange;
  readonly touched: ByteRange;
  readonly durableWith: number | undefined;
  /** Which of the flushes made it durable, from 1; undefined where none did, and for FUA. */
  readonly durableFlush: number | undefined;
}

export interface LogHistory {
  /** Newest first. */
  readonly entries: readonly LogHistoryEntry[];
  /** `before` of the next page; undefined when there are no older ones. */
  readonly next: number | undefined;
}

export interface LogIndexAsks {
  /**
   * A page of the entries that pass a display filter ("" passes all); `total` of them there are. Another filter ends the
   * search for this one, which then rejects with ECANCELED; EINVAL for a filter that is wrong.
   */
  rows: {
    question: Page & { readonly filter: string };
    answer: { readonly total: number; readonly rows: readonly LogRow[] };
  };
  /** Where an entry is among those that pass, or the next behind it. */
  place: {
    question: { readonly filter: string; readonly entry: number };
    answer: { readonly total: number; readonly at: number; readonly passes: boolean };
  };
  /** `offset` from the entry's beginning, and at most `longestDetail` bytes from there. */
  detail: {
    question: { readonly entry: number; readonly offset: number; readonly length: number };
    answer: LogDetail;
  };
  /** Who wrote a range of the disk. */
  history: {
    question: {
      readonly offset: number;
      readonly length: number;
      readonly before?: number;
      readonly limit: number;
    };
    answer: LogHistory;
  };
  /** What the plot shows of a stretch of entries; with the entries that pass a filter apart, as `rows` finds them. */
  bins: { question: BinsRequest & { readonly filter: string }; answer: Bins };
  /** Stretches of the disk that the log touches. */
  used: { question: undefined; answer: readonly UsedRange[] };
  /** The format that the disk's first bytes say, after the last entry that is counted; "raw" for none that is known. */
  format: { question: undefined; answer: string };
  /** The disk before the first entry, from now on; without a spec it is not known, and shows as zeroes. */
  base: { question: { readonly spec: ImageSpec | undefined }; answer: undefined };
  /**
   * The last entry that wrote there, whether `bytes` are as it left them, and where not the newest of all older versions
   * that equals them, by the entry that made it; -1 for what was there before the log, undefined where none does. Of very
   * many versions the newest are compared: `searched` says how many, where none of these equals.
   */
  versions: {
    question: { readonly offset: number; readonly bytes: Uint8Array };
    answer: {
      readonly last: LogHistoryEntry | undefined;
      readonly isCurrent: boolean;
      readonly older: number | undefined;
      readonly searched: number | undefined;
    };
  };
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
  /** Ends looking for entries behind the wall, which then rejects with ECANCELED. */
  stopRecovery: { question: undefined; answer: undefined };
}
