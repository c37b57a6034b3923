// Small moves of a comparison's hex views: a row shown in context, a caret refined, places kept when rows change.
import type { HexView, RowMap } from "../../hex/model.ts";

/** Moves the caret; a row out of sight is scrolled to with a third of the pane above it. */
export function reveal(view: HexView, offset: number, rows: RowMap): void {
  const { topRow, visibleRows } = view.getState();
  const row = rows.rowOf(offset);
  const inSight = row >= topRow && row < topRow + visibleRows - 1;
  if (!inSight) view.scrollTo(row - Math.floor(visibleRows / 3), rows);
  view.moveTo(offset, rows);
}

/** Moves a caret that is still at `from` on to `to`, and the jump that brought it there with it. */
export function refine(view: HexView, from: number, to: number, rows: RowMap): void {
  const { caret, anchor, history, historyIndex } = view.getState();
  if (caret !== from || anchor !== from) return;
  const visited = history.map((offset, index) => (index === historyIndex && offset === from ? to : offset));
  view.setState({ history: visited });
  reveal(view, to, rows);
}

/** Keeps caret and selection on the same bytes when offsets come to mean others. */
export function moveBy(view: HexView, distance: number, extent: number): void {
  const { caret, anchor } = view.getState();
  const moved = (offset: number) => Math.min(Math.max(0, offset + distance), Math.max(0, extent - 1));
  view.setState({ caret: moved(caret), anchor: moved(anchor) });
}

/**
 * Remembers what stands where on screen, the caret if it is in sight, else the top row; the function returned
 * puts it back there under another map of rows.
 */
export function keepPlace(view: HexView, rows: RowMap): (next: RowMap) => void {
  const { caret, topRow, visibleRows } = view.getState();
  const aboveCaret = rows.rowOf(caret) - topRow;
  const caretInSight = aboveCaret >= 0 && aboveCaret < visibleRows;
  const top = Math.floor(topRow);
  const offset = caretInSight ? caret : rows.row(top).offset;
  const above = caretInSight ? aboveCaret : top - topRow;
  return (next) => view.scrollTo(next.rowOf(offset) - above, next);
}
