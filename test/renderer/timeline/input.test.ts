// Keys of the plot by their place on the keyboard, and the box of the minimap.
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { EntryRange } from "../../../renderer/timeline/contract.ts";
import { gripAt, handlePlotKey, type PlotTarget } from "../../../renderer/timeline/input.ts";
import { boxOf } from "../../../renderer/timeline/minimapPainter.ts";
import { createTimelineView } from "../../../renderer/timeline/view.ts";
import { spokenText } from "../../../renderer/timeline/wording.ts";

const entries = 10_000;

function plot() {
  const view = createTimelineView(entries);
  view.resize(1000, 400);
  const state = { entry: 5000, opened: -1, selection: undefined as EntryRange | undefined };
  const events = [100, 4000, 5200, 9000];
  const target = (): PlotTarget => ({
    view,
    source: {
      nextEvent: async (from, backwards) =>
        backwards ? events.findLast((one) => one < from) : events.find((one) => one > from),
    },
    entry: state.entry,
    selection: state.selection,
    select: (selection) => {
      state.selection = selection;
    },
    goTo: (entry) => {
      state.entry = entry;
    },
    open: (entry) => {
      state.opened = entry;
    },
    placeAt: () => undefined,
    anchorAt: () => undefined,
    onAxis: () => false,
    hover: () => undefined,
  });
  const press = (key: string, code = key, change: Partial<KeyboardEvent> = {}) =>
    handlePlotKey(
      {
        key,
        code,
        ctrlKey: false,
        metaKey: false,
        altKey: false,
        shiftKey: false,
        ...change,
      } as KeyboardEvent,
      target(),
    );
  return { view, state, press };
}

describe("keys of the timeline", () => {
  let at = plot();
  beforeEach(() => {
    at = plot();
  });

  it("step by an entry, with Shift by a hundred, and stop at the ends", () => {
    at.press("ArrowRight");
    expect(at.state.entry).toBe(5001);
    at.press("ArrowLeft", "ArrowLeft", { shiftKey: true });
    expect(at.state.entry).toBe(4901);
    at.press("Home");
    at.press("ArrowLeft");
    expect(at.state.entry).toBe(0);
    at.press("End");
    at.press("ArrowRight", "ArrowRight", { shiftKey: true });
    expect(at.state.entry).toBe(entries - 1);
  });

  it("zoom and move by where they are, whatever the layout calls them", () => {
    // AZERTY: the key above S says Z, and the one left of S says Q.
    expect(at.press("z", "KeyW")).toBe(true);
    const { first, end } = at.view.getState();
    expect(end - first).toBeCloseTo(entries / 1.5);
    expect((first + end) / 2).toBeCloseTo(5000, -1);
    at.press("q", "KeyA");
    expect(at.view.getState().first).toBeLessThan(first);
    at.press("d", "KeyD");
    expect(at.view.getState().first).toBeCloseTo(first);
    at.press("s", "KeyS");
    expect(at.view.getState()).toMatchObject({ first: 0, end: entries });
  });

  it("zoom the disk with Shift, and move along it", () => {
    at.press("W", "KeyW", { shiftKey: true });
    const { low, high } = at.view.getState();
    expect(high - low).toBeCloseTo(1 / 1.5);
    at.press("ArrowUp");
    expect(at.view.getState().low).toBeGreaterThan(low);
    at.press("ArrowDown");
    expect(at.view.getState().low).toBeCloseTo(low);
  });

  it("go to the next and previous flush or mark, and stay where there is none", async () => {
    at.press("]", "BracketRight");
    await vi.waitFor(() => expect(at.state.entry).toBe(5200));
    at.press("[", "BracketLeft");
    await vi.waitFor(() => expect(at.state.entry).toBe(4000));
    at.state.entry = 50;
    at.press("[", "BracketLeft");
    await new Promise((resolve) => setTimeout(resolve));
    expect(at.state.entry).toBe(50);
  });

  it("bring the entry they come to in sight", () => {
    at.view.fit({ first: 4990, end: 5010 });
    at.press("ArrowRight", "ArrowRight", { shiftKey: true });
    const { first, end } = at.view.getState();
    expect(first).toBeLessThanOrEqual(5100);
    expect(end).toBeGreaterThanOrEqual(5101);
  });

  it("fit the selection, and all where there is none; Escape drops it once", () => {
    at.state.selection = { first: 2000, end: 3000 };
    at.press("f", "KeyF");
    expect(at.view.getState().first).toBeCloseTo(1960);
    expect(at.press("Escape")).toBe(true);
    expect(at.state.selection).toBeUndefined();
    expect(at.press("Escape")).toBe(false);
    at.press("f", "KeyF");
    expect(at.view.getState()).toMatchObject({ first: 0, end: entries });
  });

  it("open the current entry", () => {
    at.press("Enter");
    expect(at.state.opened).toBe(5000);
  });

  it("with Ctrl, Cmd or Alt are not the plot's", () => {
    for (const held of ["ctrlKey", "metaKey", "altKey"]) {
      expect(at.press("w", "KeyW", { [held]: true })).toBe(false);
    }
    expect(at.press("m", "KeyM")).toBe(false);
  });
});

describe("the box of the minimap", () => {
  it("is where the view is, and wide enough to be taken hold of", () => {
    expect(boxOf({ first: 250, end: 500 }, 1000, 800)).toEqual({ left: 200, right: 400 });
    const thin = boxOf({ first: 500, end: 500.1 }, 1000, 800);
    expect(thin.right - thin.left).toBeCloseTo(8, 1);
    expect(boxOf({ first: 999.9, end: 1000 }, 1000, 800).right).toBe(800);
    expect(boxOf({ first: 0, end: 0.1 }, 1000, 800).left).toBe(0);
  });

  it("is taken by its sides to resize it, else to move it", () => {
    const box = { left: 100, right: 200 };
    expect(gripAt(98, box)).toBe("left");
    expect(gripAt(150, box)).toBe("middle");
    expect(gripAt(204, box)).toBe("right");
    expect(gripAt(50, box)).toBeUndefined();
    // However narrow it is, its middle moves it.
    expect(gripAt(104, { left: 100, right: 108 })).toBe("middle");
  });
});

describe("what is said of the current entry", () => {
  const source = {
    entries,
    diskSize: 0,
    sectorSize: 512,
    walls: [],
    bins: vi.fn(),
    used: vi.fn(),
    nextEvent: vi.fn(),
  };

  it("is what the panel knows, and how its state was tested", () => {
    const bisect = [{ entry: 7, outcome: "fail" as const }];
    expect(spokenText({ entry: 7, spoken: "Entry 7, write", bisect, notes: [7], source })).toBe(
      "Entry 7, write, the check of the state behind it failed, has a note",
    );
  });

  it("is its number while nothing else is known", () => {
    expect(spokenText({ entry: 1234, source })).toBe("Entry 1,234 of 10,000");
    expect(spokenText({ entry: 0, source: { ...source, entries: 0 } })).toBe("");
  });
});
