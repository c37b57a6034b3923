// Keys of the map as changes of its view, with events made by hand.
import { beforeEach, describe, expect, it } from "vitest";
import type { MapCell, MapView } from "../../../renderer/map/contract.ts";

Object.assign(globalThis, { navigator: { userAgent: "Linux" } });
const { handleFilterKey, handleMapKey } = await import("../../../renderer/map/input.ts");
const { createMapView } = await import("../../../renderer/map/view.ts");

const cell: MapCell = { cluster: 7, clusters: 1, offset: 458_752, length: 65_536, kind: "data" };
let view: MapView;
let opened: MapCell[];

beforeEach(() => {
  view = createMapView({ clusters: 10_000, clusterSize: 65_536, fileSize: 655_360_000, levels: 8 });
  view.resize({ width: 1000, height: 600, scale: 1, gutter: 100 });
  opened = [];
});

function press(key: string, modifiers: Partial<KeyboardEvent> = {}): boolean {
  const none = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
  const event = { key, ...none, ...modifiers } as KeyboardEvent;
  return handleMapKey(event, {
    view,
    scale: 1,
    hit: () => cell,
    point: () => undefined,
    cursor: () => cell,
    open: (at) => opened.push(at),
  });
}
const state = () => view.getState();

describe("keys of the map", () => {
  it("move the cursor by cell, row, page and to the ends", () => {
    const { columns } = state().layout ?? { columns: 0 };
    press("ArrowRight");
    expect(state().cursor).toBe(1);
    press("ArrowDown");
    expect(state().cursor).toBe(1 + columns);
    press("End");
    expect(state().cursor).toBe(2 * columns - 1);
    press("Home");
    expect(state().cursor).toBe(columns);
    press("End", { ctrlKey: true });
    expect(state().cursor).toBe(9999);
    press("Home", { ctrlKey: true });
    expect(state().cursor).toBe(0);
    press("PageDown");
    expect(state().cursor).toBeGreaterThan(columns);
    press("PageUp");
    expect(state().cursor).toBe(0);
  });

  it("zoom in to the largest cells, and beyond those open bytes", () => {
    let steps = 0;
    while (opened.length === 0 && steps < 20) {
      press("+");
      steps++;
    }
    expect(state().layout?.side).toBe(32);
    expect(opened).toEqual([cell]);
    const { zoom } = state();
    press("-");
    expect(state().zoom).toBe((zoom as number) - 1);
    press("0");
    expect(state().zoom).toBe("fit");
    press("Enter");
    expect(opened).toHaveLength(2);
  });

  it("toggle classes by digit, and show all again by Escape", () => {
    press("1");
    expect([...state().isolated].sort()).toEqual(["bad-entry", "overlap", "refcount-low"]);
    press("7");
    expect(state().isolated.has("data")).toBe(true);
    press("1");
    expect([...state().isolated]).toEqual(["data"]);
    expect(press("Escape")).toBe(true);
    expect(state().isolated.size).toBe(0);
    // Nothing is left to take back: the key is for others.
    expect(press("Escape")).toBe(false);
  });

  it("are not those of commands with modifiers", () => {
    expect(press("+", { ctrlKey: true })).toBe(false);
    expect(press("1", { ctrlKey: true })).toBe(false);
    expect(press("ArrowLeft", { altKey: true })).toBe(false);
    expect(press("a")).toBe(false);
    expect(state()).toMatchObject({ cursor: 0, zoom: "fit" });
    const digit = { key: "2", ctrlKey: false, metaKey: false, altKey: false } as KeyboardEvent;
    expect(handleFilterKey(digit, view)).toBe(true);
    expect([...state().isolated]).toEqual(["leaked", "refcount-high"]);
  });
});
