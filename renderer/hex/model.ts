// What hex panes, ruler, inspector and status bar share: the source of bytes, rows, marks and one caret.
import { createStore, type StoreApi } from "zustand/vanilla";
import type { ImageId } from "../../core/jobs/sessionContract.ts";

/** Bytes of one node of one open image. */
export interface ByteSource {
  readonly image: ImageId;
  /** "" is the guest disk, "file" the container. */
  readonly node: string;
  readonly size: number;
  /** Part of every cache key: grows when the image is reloaded. */
  readonly generation: number;
}

/** How rows map to offsets: plain (row * bytesPerRow) or with equal stretches folded to one row. */
export interface RowMap {
  readonly bytesPerRow: number;
  readonly rowCount: number;
  /** Changes whenever the mapping does. */
  readonly version: number;
  row(index: number): Row;
  /** The row showing `offset` (a fold row when it is folded away). */
  rowOf(offset: number): number;
}
export type Row =
  | { readonly kind: "bytes"; readonly offset: number }
  | { readonly kind: "fold"; readonly offset: number; readonly length: number };

/** Rows of `bytesPerRow` bytes over `size` bytes. */
export function plainRows(size: number, bytesPerRow: number): RowMap {
  const rowCount = Math.max(1, Math.ceil(size / bytesPerRow));
  return {
    bytesPerRow,
    rowCount,
    version: 0,
    row: (index) => ({ kind: "bytes", offset: index * bytesPerRow }),
    rowOf: (offset) => Math.floor(offset / bytesPerRow),
  };
}

/** Scroll position, caret and selection of a tab. Both panes of a locked comparison share one. */
export interface HexViewState {
  /** First visible row; may be fractional while dragging the thumb. */
  readonly topRow: number;
  /** Byte offset of the caret; the selection runs from `anchor` to `caret`, both included. */
  readonly caret: number;
  readonly anchor: number;
  /** Column that has the caret: both are faces of one selection. */
  readonly face: "hex" | "text";
  /** Rows that fit, as last measured by the pane. */
  readonly visibleRows: number;
  /** Jumps, oldest first, at most 200, and the place in it: back and forward. */
  readonly history: readonly number[];
  readonly historyIndex: number;
}
export interface HexView extends StoreApi<HexViewState> {
  /** Moves the caret; `extend` keeps the anchor. Scrolls no more than needed to show it. */
  moveTo(offset: number, rows: RowMap, extend?: boolean): void;
  /** As moveTo, but centres the row when it is out of sight, and remembers the jump. */
  jumpTo(offset: number, rows: RowMap): void;
  select(anchor: number, caret: number, rows: RowMap): void;
  scrollTo(topRow: number, rows: RowMap): void;
  back(rows: RowMap): void;
  forward(rows: RowMap): void;
}

export function createHexView(): HexView {
  const store = createStore<HexViewState>()(() => ({
    topRow: 0,
    caret: 0,
    anchor: 0,
    face: "hex",
    visibleRows: 30,
    history: [0],
    historyIndex: 0,
  }));
  const { getState: get, setState: set } = store;
  const clampTop = (top: number, rows: RowMap) =>
    Math.min(Math.max(0, top), Math.max(0, rows.rowCount - get().visibleRows + 1));
  const topFor = (offset: number, rows: RowMap, centre: boolean) => {
    const row = rows.rowOf(offset);
    const { topRow, visibleRows } = get();
    const last = topRow + visibleRows - 1;
    if (row >= topRow && row < last) return topRow;
    if (centre) return clampTop(row - Math.floor(visibleRows / 3), rows);
    return clampTop(row < topRow ? row : row - visibleRows + 2, rows);
  };
  const visit = (index: number, rows: RowMap) => {
    const offset = get().history[index];
    if (offset === undefined) return;
    set({ historyIndex: index, caret: offset, anchor: offset, topRow: topFor(offset, rows, true) });
  };
  return Object.assign(store, {
    moveTo(offset: number, rows: RowMap, extend = false) {
      set({ caret: offset, anchor: extend ? get().anchor : offset, topRow: topFor(offset, rows, false) });
    },
    jumpTo(offset: number, rows: RowMap) {
      const { history, historyIndex, caret } = get();
      const past = history.slice(0, historyIndex + 1);
      if (past.at(-1) !== caret) past.push(caret);
      if (past.at(-1) !== offset) past.push(offset);
      const kept = past.slice(-200);
      set({
        history: kept,
        historyIndex: kept.length - 1,
        caret: offset,
        anchor: offset,
        topRow: topFor(offset, rows, true),
      });
    },
    select(anchor: number, caret: number, rows: RowMap) {
      set({ anchor, caret, topRow: topFor(caret, rows, false) });
    },
    scrollTo(topRow: number, rows: RowMap) {
      set({ topRow: clampTop(topRow, rows) });
    },
    back(rows: RowMap) {
      visit(get().historyIndex - 1, rows);
    },
    forward(rows: RowMap) {
      visit(get().historyIndex + 1, rows);
    },
  });
}

/** Keeps the caret, the selection and the places visited inside an image that is `extent` bytes long now. */
export function keepWithin(view: HexView, extent: number): void {
  const { caret, anchor, history } = view.getState();
  const last = Math.max(0, extent - 1);
  if (Math.max(caret, anchor, ...history) <= last) return;
  const within = (offset: number) => Math.min(offset, last);
  view.setState({ caret: within(caret), anchor: within(anchor), history: history.map(within) });
}

/** Marks a comparison puts on bytes: the pane asks for those touching what is on screen. */
export interface DiffMarks {
  readonly side: "a" | "b";
  /** The other image, to mark the very bytes that differ; this pane's x stands against the other's x + shift. */
  readonly other: ByteSource;
  readonly shift: number;
  /** Mismatched runs that touch [from, to), ascending; `hollow`: the same bytes, stored differently. */
  runsIn(
    from: number,
    to: number,
  ): readonly { readonly offset: number; readonly length: number; readonly hollow?: boolean }[];
  readonly current: { readonly offset: number; readonly length: number } | undefined;
  /** Bytes scanned so far: past it the gutter is hatched. */
  readonly scannedTo: number;
  /** Changes whenever marks do. */
  readonly version: number;
}
