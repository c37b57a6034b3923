// What part of a log shows: zoom keeps a place, nothing beyond the log shows, a log that grows goes on showing.
import { describe, expect, it } from "vitest";
import {
  createTimelineView,
  entryAt,
  nearestEntry,
  widestEntry,
  xOf,
} from "../../../renderer/timeline/view.ts";

function viewOf(entries: number) {
  const view = createTimelineView(entries);
  view.resize(1000, 500);
  return view;
}

describe("the view of a timeline", () => {
  it("begins with the whole log and the whole disk", () => {
    expect(viewOf(5000).getState()).toMatchObject({ first: 0, end: 5000, low: 0, high: 1, scale: "linear" });
  });

  it("zooms around an entry, which stays where it is", () => {
    const view = viewOf(100_000);
    const at = 30_000.25;
    const before = xOf(at - 0.5, view.getState(), 1000);
    view.zoom(8, at);
    const state = view.getState();
    expect(state.end - state.first).toBeCloseTo(12_500);
    expect(xOf(at - 0.5, state, 1000)).toBeCloseTo(before);
  });

  it("never shows what is before the first entry or behind the last", () => {
    const view = viewOf(1000);
    view.zoom(4, 0);
    view.pan(-500);
    expect(view.getState()).toMatchObject({ first: 0, end: 250 });
    view.pan(5000);
    expect(view.getState()).toMatchObject({ first: 750, end: 1000 });
    view.zoom(0.001, 800);
    expect(view.getState()).toMatchObject({ first: 0, end: 1000 });
  });

  it("makes an entry no wider than it is of use, but shows a short log as a whole", () => {
    const view = viewOf(100_000);
    view.zoom(1e9, 5);
    const { first, end } = view.getState();
    expect(end - first).toBeCloseTo(1000 / widestEntry);
    const short = viewOf(3);
    short.zoom(10, 1);
    expect(short.getState()).toMatchObject({ first: 0, end: 3 });
  });

  it("zooms and moves along the disk within its bounds, down to 16 sectors", () => {
    const view = viewOf(1000);
    view.setDisk(2 ** 30, 512);
    view.zoomDisk(4, 0.5);
    expect(view.getState()).toMatchObject({ low: 0.375, high: 0.625 });
    view.pan(0, 3);
    expect(view.getState()).toMatchObject({ low: 0.75, high: 1 });
    view.zoomDisk(1e12, 0.9);
    const { low, high } = view.getState();
    expect((high - low) * 2 ** 30).toBeCloseTo(16 * 512);
    view.fitAll();
    expect(view.getState()).toMatchObject({ low: 0, high: 1 });
  });

  it("fits a range with a margin, and brings an entry in sight without moving more than it must", () => {
    const view = viewOf(100_000);
    view.fit({ first: 40_000, end: 50_000 });
    expect(view.getState().first).toBeCloseTo(39_600);
    expect(view.getState().end).toBeCloseTo(50_400);
    const before = view.getState();
    view.reveal(45_000);
    expect(view.getState().first).toBe(before.first);
    view.reveal(60_000);
    const { first, end } = view.getState();
    expect(end - first).toBeCloseTo(10_800);
    expect(first).toBeLessThan(60_000);
    expect(end).toBeGreaterThan(60_001);
  });

  it("goes on showing the whole of a log that grows, its end, or the place one looks at", () => {
    const whole = viewOf(1000);
    whole.setEntries(1500);
    expect(whole.getState()).toMatchObject({ first: 0, end: 1500 });
    const end = viewOf(1000);
    end.zoom(10, 1000);
    end.setEntries(1200);
    expect(end.getState()).toMatchObject({ first: 1100, end: 1200 });
    const middle = viewOf(1000);
    middle.zoom(10, 500);
    const { first } = middle.getState();
    middle.setEntries(2000);
    expect(middle.getState().first).toBe(first);
    middle.setEntries(100);
    expect(middle.getState().end).toBeLessThanOrEqual(100);
  });

  it("starts over along the disk when another scale is chosen", () => {
    const view = viewOf(10);
    view.zoomDisk(2, 0);
    view.setScale("used");
    expect(view.getState()).toMatchObject({ scale: "used", low: 0, high: 1 });
  });
});

describe("places of entries", () => {
  it("are the middles of their columns, and lead back to them", () => {
    const range = { first: 10, end: 20 };
    expect(xOf(10, range, 1000)).toBe(50);
    expect(xOf(19, range, 1000)).toBe(950);
    for (const entry of [10, 13, 19]) {
      expect(nearestEntry(xOf(entry, range, 1000), range, 1000, 100)).toBe(entry);
    }
    expect(entryAt(500, range, 1000)).toBe(15);
  });

  it("beside the plot lead to the nearest entry that there is", () => {
    const range = { first: 0, end: 5 };
    expect(nearestEntry(-40, range, 100, 5)).toBe(0);
    expect(nearestEntry(140, range, 100, 5)).toBe(4);
    expect(nearestEntry(10, range, 100, 0)).toBeUndefined();
  });
});
