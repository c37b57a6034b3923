// What a timeline shows, as plain data: what its parts read and change.
import { createStore, type StoreApi } from "zustand/vanilla";
import type { PlainError } from "../../../core/base/errors.ts";
import type { LogDetail, LogHistoryEntry, LogSummary } from "../../../core/ops/logIndexRun.ts";
import type { EntryRange } from "../../timeline/contract.ts";
import type { LogBase } from "./baseChoices.ts";
import { type BisectForm, usualForm } from "./bisectForm.ts";
import type { BisectState } from "./bisectState.ts";
import type { Notes } from "./notes.ts";

export type DetailState =
  | { readonly kind: "none" }
  /** `before` is the last one, so that its room is kept. */
  | { readonly kind: "loading"; readonly before: LogDetail | undefined }
  | { readonly kind: "known"; readonly detail: LogDetail }
  | { readonly kind: "failed"; readonly error: PlainError };

export interface FilterState {
  /** As typed, and as it is in force: the last text that is right. */
  readonly text: string;
  readonly applied: string;
  /** What is wrong with the text, and where. */
  readonly wrong: { readonly message: string; readonly at: number; readonly length: number } | undefined;
  /** Why its entries can't be found. */
  readonly error: PlainError | undefined;
  /** Entries that pass; undefined while they are being found. */
  readonly total: number | undefined;
}

export interface HistoryState {
  readonly offset: number;
  readonly length: number;
  /** What there is to know of the range besides. */
  readonly note: string | undefined;
  /** Newest first. */
  readonly entries: readonly LogHistoryEntry[];
  readonly next: number | undefined;
  readonly isLoading: boolean;
  readonly error: PlainError | undefined;
}

export type DetailTab = "entry" | "history" | "notes" | "bisect";

export interface ShownLog {
  readonly job: number;
  readonly summary: LogSummary;
  /** Grows when entries come or change: what was asked before is of other entries. */
  readonly generation: number;
}

export interface TimelineState {
  /** The renderer's id of the job that runs or ran last. */
  readonly job: number | undefined;
  readonly shown: ShownLog | undefined;
  /** The scrub line. */
  readonly entry: number;
  /** Position of that entry among those that pass; undefined where it does not. */
  readonly place: number | undefined;
  /** Where it is or would be among them, as far as that is known: the table stays around it. */
  readonly near: number | undefined;
  readonly filter: FilterState;
  /** Grows when rows have come. */
  readonly rows: number;
  readonly detail: DetailState;
  /** First byte that the detail shows, from the entry's beginning. */
  readonly from: number;
  readonly tab: DetailTab;
  readonly history: HistoryState | undefined;
  readonly playing: boolean;
  /** Entries a second. */
  readonly rate: number;
  readonly following: boolean;
  /** Entries are being looked for behind the damage. */
  readonly recovering: boolean;
  /** Generation of what is shown behind whose wall nothing was found. */
  readonly nothingBehind: number | undefined;
  readonly notes: Notes;
  /** The entry whose state was remembered, to be compared with another. */
  readonly pinned: number | undefined;
  /** The disk before the first entry; undefined where it is not known. */
  readonly base: LogBase | undefined;
  /** What states have where the disk discarded. */
  readonly discards: "zero" | "unknown";
  /** Without the plot: the table is all there is. */
  readonly asTable: boolean;
  /** Entries that were selected in the plot. */
  readonly selection: EntryRange | undefined;
  /** The search for the first state that fails; undefined before there was one. */
  readonly bisect: BisectState | undefined;
  /** As its dialog was filled in last. */
  readonly bisectForm: BisectForm;
}

export const rates = [1, 5, 20, 100, 1000] as const;
/** Bytes that the detail shows at once. */
export const shownBytes = 256;
const noFilter: FilterState = { text: "", applied: "", wrong: undefined, error: undefined, total: undefined };

export type TimelineStore = StoreApi<TimelineState>;

export function createTimelineStore(): TimelineStore {
  return createStore<TimelineState>()(() => ({
    job: undefined,
    shown: undefined,
    entry: 0,
    place: 0,
    near: 0,
    filter: noFilter,
    rows: 0,
    detail: { kind: "none" },
    from: 0,
    tab: "entry",
    history: undefined,
    playing: false,
    rate: 5,
    following: false,
    recovering: false,
    nothingBehind: undefined,
    notes: new Map(),
    pinned: undefined,
    base: undefined,
    discards: "zero",
    asTable: false,
    selection: undefined,
    bisect: undefined,
    bisectForm: usualForm,
  }));
}
