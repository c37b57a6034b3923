// Keys of a hex pane as changes of its view, with events made by hand.
import { beforeEach, describe, expect, it } from "vitest";

Object.assign(globalThis, { navigator: { userAgent: "Linux" } });
const { handleKey, selectMore } = await import("../../../renderer/hex/input.ts");
const { createHexView, plainRows } = await import("../../../renderer/hex/model.ts");

type Target = Parameters<typeof handleKey>[1];
const extent = 1 << 20;
const rows = plainRows(extent, 16);
let view: ReturnType<typeof createHexView>;
let unfolded: number[];
let target: Target;

beforeEach(() => {
  view = createHexView();
  view.setState({ visibleRows: 21 });
  unfolded = [];
  target = {
    view,
    rows,
    extent,
    clusterSize: 65_536,
    rowHeight: 20,
    hit: () => undefined,
    scrollXBy: () => undefined,
    onUnfold: (offset) => unfolded.push(offset),
  };
});

function press(key: string, modifiers: Partial<KeyboardEvent> = {}): boolean {
  const event = { key, ctrlKey: false, altKey: false, shiftKey: false, metaKey: false, ...modifiers };
  return handleKey(event as KeyboardEvent, target);
}

describe("keys of a hex pane", () => {
  it("move the caret, and with Shift the end of the selection", () => {
    press("ArrowDown");
    press("ArrowRight");
    expect(view.getState()).toMatchObject({ caret: 17, anchor: 17 });
    press("End", { shiftKey: true });
    expect(view.getState()).toMatchObject({ caret: 31, anchor: 17 });
  });

  it("keep the caret's place on screen when a page is turned", () => {
    press("ArrowDown");
    press("PageDown");
    // A page is 21 - 2 rows.
    expect(view.getState()).toMatchObject({ topRow: 19, caret: 20 * 16 });
    press("PageUp");
    expect(view.getState()).toMatchObject({ topRow: 0, caret: 16 });
  });

  it("leave commands with Ctrl and Alt to the app", () => {
    expect(press("PageDown", { ctrlKey: true })).toBe(false);
    expect(press("ArrowDown", { altKey: true })).toBe(false);
    expect(press("c", { ctrlKey: true })).toBe(false);
    expect(press("F8")).toBe(false);
    expect(view.getState().caret).toBe(0);
  });

  it("leave Ctrl+A to the command, which selects the cluster, then the image, without scrolling", () => {
    view.setState({ caret: 70_000, anchor: 70_000, topRow: 4370 });
    expect(press("a", { ctrlKey: true })).toBe(false);
    selectMore(target);
    expect(view.getState()).toMatchObject({ anchor: 65_536, caret: 131_071, topRow: 4370 });
    selectMore(target);
    expect(view.getState()).toMatchObject({ anchor: 0, caret: extent - 1, topRow: 4370 });
  });

  it("collapse the selection with Escape, and leave the next Escape to the app", () => {
    view.setState({ anchor: 5, caret: 9 });
    expect(press("Escape")).toBe(true);
    expect(view.getState()).toMatchObject({ anchor: 9, caret: 9 });
    expect(press("Escape")).toBe(false);
  });

  it("show a fold with Enter, and leave Enter alone elsewhere", () => {
    expect(press("Enter")).toBe(false);
    target = {
      ...target,
      rows: {
        ...rows,
        row: (index) =>
          index === 0 ? { kind: "fold", offset: 0, length: 64 } : { kind: "bytes", offset: index * 16 },
      },
    };
    expect(press("Enter")).toBe(true);
    expect(unfolded).toEqual([0]);
  });

  it("do nothing in an empty image", () => {
    target = { ...target, extent: 0, rows: plainRows(0, 16) };
    expect(press("ArrowRight")).toBe(false);
    expect(view.getState().caret).toBe(0);
  });
});
