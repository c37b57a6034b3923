// What part of a log shows: entries from left to right, shares of the disk from bottom to top. Plot and minimap move it,
// nobody else keeps a second one. Pure.
import { createStore } from "zustand/vanilla";
import type { EntryRange, TimelineView, TimelineViewState } from "./contract.ts";

/** CSS pixels of an entry at the deepest zoom. */
export const widestEntry = 48;
/** Sectors at the deepest zoom of the vertical axis. */
const fewestSectors = 16;
/** A range that is fitted has this much around it, as a share of what shows. */
const fitMargin = 0.04;

export function createTimelineView(entries: number): TimelineView {
  const store = createStore<TimelineViewState>()(() => ({
    entries,
    first: 0,
    end: Math.max(1, entries),
    low: 0,
    high: 1,
    scale: "linear",
    width: 0,
    height: 0,
    leastShare: 1 / 4096,
  }));
  const { getState: now, setState } = store;
  const show = (first: number, end: number) => setState(clampEntries(first, end, now()));
  const showDisk = (low: number, high: number) => setState(clampDisk(low, high, now()));
  return {
    ...store,
    setEntries(count) {
      const before = now();
      const wasWhole = before.first <= 0 && before.end >= before.entries;
      // What showed the end of a growing log goes on showing it.
      const wasEnd = before.end >= before.entries;
      setState({ entries: count });
      if (wasWhole) show(0, count);
      else if (wasEnd) show(count - (before.end - before.first), count);
      else show(before.first, before.end);
    },
    resize(width, height) {
      if (width === now().width && height === now().height) return;
      setState({ width, height });
      show(now().first, now().end);
    },
    setDisk(length, sectorSize) {
      const leastShare = Math.min(1, (fewestSectors * sectorSize) / Math.max(1, length));
      if (leastShare === now().leastShare) return;
      setState({ leastShare });
      showDisk(now().low, now().high);
    },
    zoom(factor, at) {
      const { first, end } = now();
      const span = clampSpan((end - first) / factor, now());
      const share = (at - first) / (end - first);
      show(at - share * span, at - share * span + span);
    },
    zoomDisk(factor, at) {
      const { low, high, leastShare } = now();
      const span = Math.min(1, Math.max(leastShare, (high - low) / factor));
      const share = (at - low) / (high - low);
      showDisk(at - share * span, at - share * span + span);
    },
    pan(by, share = 0) {
      const { first, end, low, high } = now();
      setState({
        ...clampEntries(first + by, end + by, now()),
        ...clampDisk(low + share, high + share, now()),
      });
    },
    fit({ first, end }) {
      const margin = fitMargin * (end - first);
      show(first - margin, end + margin);
    },
    fitAll() {
      setState({ ...clampEntries(0, now().entries, now()), low: 0, high: 1 });
    },
    reveal(entry) {
      const { first, end } = now();
      const span = end - first;
      if (entry < first) show(entry - span * 0.1, entry + span * 0.9);
      else if (entry + 1 > end) show(entry + 1 - span * 0.9, entry + 1 + span * 0.1);
    },
    setScale(scale) {
      if (scale !== now().scale) setState({ scale, low: 0, high: 1 });
    },
  };
}

/** Entries that may show: all of them at most, and as many as are as wide as can be at least. */
function clampSpan(span: number, { entries, width }: TimelineViewState): number {
  const most = Math.max(1, entries);
  return Math.min(most, Math.max(Math.min(most, Math.max(1, width / widestEntry)), span));
}

function clampEntries(
  first: number,
  end: number,
  state: TimelineViewState,
): Pick<TimelineViewState, "first" | "end"> {
  const span = clampSpan(end - first, state);
  // A range that is too short or too long keeps its middle.
  const from = (first + end) / 2 - span / 2;
  const start = Math.min(Math.max(0, from), Math.max(1, state.entries) - span);
  return { first: start, end: start + span };
}

function clampDisk(
  low: number,
  high: number,
  { leastShare }: TimelineViewState,
): Pick<TimelineViewState, "low" | "high"> {
  const span = Math.min(1, Math.max(leastShare, high - low));
  const start = Math.min(Math.max(0, (low + high) / 2 - span / 2), 1 - span);
  return { low: start, high: start + span };
}

/** Where an entry's middle is, in pixels from the left edge of a plot `width` wide. */
export function xOf(entry: number, { first, end }: EntryRange, width: number): number {
  return ((entry + 0.5 - first) / (end - first)) * width;
}

/** The entry (fractional) at a place of the plot. */
export function entryAt(x: number, { first, end }: EntryRange, width: number): number {
  return first + (x / Math.max(1, width)) * (end - first);
}

/** The entry nearest to a place; undefined for a log without any. */
export function nearestEntry(
  x: number,
  range: EntryRange,
  width: number,
  entries: number,
): number | undefined {
  if (entries === 0) return undefined;
  return Math.min(entries - 1, Math.max(0, Math.floor(entryAt(x, range, width))));
}
