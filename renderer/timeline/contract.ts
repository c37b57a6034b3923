// What the timeline's plot shows and what its parts are given, so that panels can be written against them: the source of
// bins, the view that plot and minimap share, and their props.
import type { StoreApi } from "zustand/vanilla";
import type { Bins, BinsRequest, UsedRange } from "../../core/writelog/bins.ts";

/** Where the log's entries end, or where some are missing before those that were recovered. */
export interface Wall {
  /** The wall stands before this entry, which may be the one behind the last. */
  readonly entry: number;
  /** A sentence: why. */
  readonly reason: string;
}

/**
 * Where bins come from. A log that has grown, or another filter, is a new object; what shows stays until its bins are
 * there. Another log is another view.
 */
export interface TimelineSource {
  readonly entries: number;
  /** Bytes of the disk: at least the end of the furthest entry. 0 for a log that writes nothing. */
  readonly diskSize: number;
  /** The log's unit, bytes. */
  readonly sectorSize: number;
  readonly walls: readonly Wall[];
  /** Bins with `passing` when there is a filter in force. Rejects when they can't be had. */
  bins(request: BinsRequest): Promise<Bins>;
  /** What the log touches: at most `mostUsedRanges`. Asked for when only used ranges are shown. */
  used(): Promise<readonly UsedRange[]>;
  /** The nearest entry with the flag FLUSH or a mark behind or before `from`; undefined where there is none. */
  nextEvent(from: number, backwards: boolean): Promise<number | undefined>;
}

/** How the disk is laid out along the vertical axis. */
export type DiskScale = "linear" | "used";

/** Entries [first, end). */
export interface EntryRange {
  readonly first: number;
  readonly end: number;
}

/** What shows. Entries are fractional: the left edge may lie within one. */
export interface Viewport {
  /** Entry at the left edge, and at the right. */
  readonly first: number;
  readonly end: number;
  /** Bottom and top, as shares of the vertical axis: 0 and 1 show the whole disk. */
  readonly low: number;
  readonly high: number;
}

export interface TimelineViewState extends Viewport {
  readonly entries: number;
  readonly scale: DiskScale;
  /** CSS pixels of the plot's inside. */
  readonly width: number;
  readonly height: number;
  /** Of the vertical axis: what shows at the deepest zoom. */
  readonly leastShare: number;
}

/** What part of a log shows; made by `createTimelineView`. The plot tells it its size. */
export interface TimelineView extends StoreApi<TimelineViewState> {
  /** The log has as many entries now. One that was seen to its end, as a whole, stays so. */
  setEntries(entries: number): void;
  resize(width: number, height: number): void;
  /** The plot tells how long the vertical axis is, bytes, and the log's unit. */
  setDisk(length: number, sectorSize: number): void;
  /** Zooms entries by a factor (above 1: in) and keeps the entry `at` (fractional) where it is. */
  zoom(factor: number, at: number): void;
  /** The same of the vertical axis; `at` is a share of it. */
  zoomDisk(factor: number, at: number): void;
  /** Moves what shows, by entries and by shares of the vertical axis. */
  pan(entries: number, share?: number): void;
  /** Shows exactly this range, as far as there is room, with a margin around it. */
  fit(range: EntryRange): void;
  /** All entries and the whole disk. */
  fitAll(): void;
  /** Moves no more than needed to have the entry in sight. */
  reveal(entry: number): void;
  setScale(scale: DiskScale): void;
}

/** A state that was tested: the one after `entry`. */
export interface BisectPoint {
  readonly entry: number;
  readonly outcome: "pass" | "fail" | "unknown";
}

/** What the pointer is over. */
export interface PlotPlace {
  readonly entry: number;
  /** Byte of the disk; undefined beside the plot. */
  readonly offset: number | undefined;
}

export interface TimelinePlotProps {
  /** Accessible name: "Timeline of log.bin". */
  readonly label: string;
  readonly source: TimelineSource;
  readonly view: TimelineView;
  /** The current entry: the scrub line stands behind it. */
  readonly entry: number;
  /** Chosen by key or mouse. */
  onEntry(entry: number): void;
  /** Read on focus: "5,000,000 entries, 412 flushes, 3 marks". */
  readonly summary?: string;
  /** What the live region says of the current entry: "Entry 18,233: write, sector 2048, 8 sectors, before flush 412". */
  readonly spoken?: string;
  /** Bytes of the disk that the current entry covers, for the crosshair; undefined for flushes and marks. */
  readonly covers?: { readonly offset: number; readonly length: number } | undefined;
  readonly selection?: EntryRange | undefined;
  /** Drawn with Shift and the mouse, by Shift+click, cleared with Escape. Without it nothing can be selected. */
  onSelection?(selection: EntryRange | undefined): void;
  readonly bisect?: readonly BisectPoint[];
  /** Entries that have a note. */
  readonly notes?: readonly number[];
  /** A range of the disk that is asked about: a band across the plot. */
  readonly history?: { readonly offset: number; readonly length: number } | undefined;
  onHover?(place: PlotPlace | undefined): void;
  /** Enter or double click. */
  onOpen?(entry: number): void;
}

export interface MinimapProps {
  /** "Whole log of log.bin". */
  readonly label: string;
  readonly source: TimelineSource;
  readonly view: TimelineView;
  readonly entry: number;
  readonly selection?: EntryRange | undefined;
  readonly bisect?: readonly BisectPoint[];
}

/** Totals beside the shapes; a kind without one has no number. */
export interface TimelineLegendProps {
  readonly totals?: {
    readonly writes: number;
    readonly metadata: number;
    readonly fua: number;
    readonly discards: number;
    readonly flushes: number;
    readonly marks: number;
  };
  /** Points of a bisection are shown. */
  readonly bisect?: boolean;
  /** Some of them could not be judged. */
  readonly skipped?: boolean;
  /** Filtered-out entries are dimmed. */
  readonly filtered?: boolean;
}
