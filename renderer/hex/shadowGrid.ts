// The accessible grid over the canvas: real rows and cells, without paint, at the very places of the painted
// ones, for visible rows only. Elements are kept and only what changed is written.
import { cellSpan, type Geometry } from "./geometry.ts";
import { cellName, foldText, hexDigits, outsideText, rowName } from "./labels.ts";
import type { RowMap } from "./model.ts";
import type { BytesRow, RowContent } from "./rowContent.ts";

/** Rows beyond this many can't be told to a screen reader (a signed 32-bit number). */
const mostRows = 2 ** 31 - 1;

export interface GridScene {
  readonly geometry: Geometry;
  /** Device pixels per CSS pixel. */
  readonly scale: number;
  readonly scrollX: number;
  readonly rows: RowMap;
  readonly topRow: number;
  readonly contents: readonly RowContent[];
  readonly shift: number;
  readonly caret: number;
  readonly anchor: number;
}

interface Cell {
  readonly element: HTMLElement;
  written: string;
  /** Left and width as last written. */
  place: string;
}
interface GridRow {
  readonly element: HTMLElement;
  readonly cells: Cell[];
  written: string;
  place: string;
}

export class ShadowGrid {
  readonly #root: HTMLElement;
  readonly #id: string;
  readonly #rows: GridRow[] = [];
  #rootWritten = "";

  constructor(root: HTMLElement, id: string) {
    this.#root = root;
    this.#id = id;
  }

  update(scene: GridScene): void {
    for (const [index, content] of scene.contents.entries()) this.#updateRow(scene, index, content);
    while (this.#rows.length > scene.contents.length) this.#rows.pop()?.element.remove();
    this.#updateRoot(scene);
  }

  #updateRoot({ rows, contents, caret }: GridScene): void {
    const count = rows.rowCount > mostRows ? -1 : rows.rowCount;
    const row = contents.findIndex((content) => holds(content, caret));
    const content = contents[row];
    const column = content?.kind === "bytes" && !content.outside ? caret - content.offset : 0;
    const active = content ? this.#cellId(row, column) : "";
    const written = `${count}/${rows.bytesPerRow}/${active}`;
    if (written === this.#rootWritten) return;
    this.#rootWritten = written;
    this.#root.setAttribute("aria-rowcount", String(count));
    this.#root.setAttribute("aria-colcount", String(rows.bytesPerRow));
    if (active) this.#root.setAttribute("aria-activedescendant", active);
    else this.#root.removeAttribute("aria-activedescendant");
  }

  #cellId(row: number, column: number): string {
    return `${this.#id}-${row}-${column}`;
  }

  #updateRow(scene: GridScene, index: number, content: RowContent): void {
    const row = this.#rowAt(index);
    const { geometry, scale, rows, topRow, shift } = scene;
    const top = (geometry.bodyY + index * geometry.rowHeight) / scale;
    const place = `${top}/${geometry.rowHeight / scale}`;
    if (row.place !== place) {
      row.place = place;
      row.element.style.top = `${top}px`;
      row.element.style.height = `${geometry.rowHeight / scale}px`;
    }
    const number = topRow + index + 1;
    const name = rowName(content.offset + shift);
    const written = `${content.offset}/${number}/${name}`;
    if (row.written !== written) {
      row.written = written;
      row.element.dataset.offset = String(content.offset);
      row.element.setAttribute("aria-label", name);
      if (rows.rowCount <= mostRows) row.element.setAttribute("aria-rowindex", String(number));
      else row.element.removeAttribute("aria-rowindex");
    }
    this.#updateCells(scene, row, index, content);
  }

  #updateCells(scene: GridScene, row: GridRow, index: number, content: RowContent): void {
    const single = content.kind === "fold" || content.outside;
    const count = single ? 1 : content.values.length;
    for (let column = 0; column < count; column++) {
      const cell = this.#cellAt(row, index, column);
      if (single) this.#writeSingle(scene, cell, content);
      else this.#writeCell(scene, cell, content, column);
    }
    while (row.cells.length > count) row.cells.pop()?.element.remove();
  }

  /** One cell for the whole row: a fold, or a row that the image does not have. */
  #writeSingle(scene: GridScene, cell: Cell, content: RowContent): void {
    const { geometry } = scene;
    const here = holds(content, scene.caret);
    const name =
      content.kind === "fold"
        ? `${foldText(content)}, press Enter to show`
        : outsideText[content.outside ?? "past"];
    this.#place(scene, cell, geometry.hexX[0] ?? 0, geometry.textEnd);
    write(cell, name, here, undefined, geometry.bytesPerRow);
  }

  #writeCell(scene: GridScene, cell: Cell, row: BytesRow, column: number): void {
    const { left, right } = cellSpan(scene.geometry, "hex", column);
    this.#place(scene, cell, left, right);
    const offset = row.offset + column;
    const selected =
      offset >= Math.min(scene.anchor, scene.caret) && offset <= Math.max(scene.anchor, scene.caret);
    const value = row.values[column] ?? -1;
    write(cell, cellName(row, column, offset + scene.shift), selected, hexDigits[value], 1);
  }

  #place({ scale, scrollX }: GridScene, cell: Cell, left: number, right: number): void {
    const place = `${(left - scrollX) / scale}/${(right - left) / scale}`;
    if (cell.place === place) return;
    cell.place = place;
    cell.element.style.left = `${(left - scrollX) / scale}px`;
    cell.element.style.width = `${(right - left) / scale}px`;
  }

  #rowAt(index: number): GridRow {
    const known = this.#rows[index];
    if (known) return known;
    const element = document.createElement("div");
    element.setAttribute("role", "row");
    this.#root.append(element);
    const row: GridRow = { element, cells: [], written: "", place: "" };
    this.#rows.push(row);
    return row;
  }

  #cellAt(row: GridRow, index: number, column: number): Cell {
    const known = row.cells[column];
    if (known) return known;
    const element = document.createElement("div");
    element.setAttribute("role", "gridcell");
    element.id = this.#cellId(index, column);
    element.setAttribute("aria-colindex", String(column + 1));
    row.element.append(element);
    const cell: Cell = { element, written: "", place: "" };
    row.cells.push(cell);
    return cell;
  }
}

function holds(content: RowContent, offset: number): boolean {
  const length = content.kind === "fold" ? content.length : content.values.length;
  return offset >= content.offset && offset < content.offset + length;
}

function write(cell: Cell, name: string, selected: boolean, byte: string | undefined, span: number): void {
  const written = `${name}/${selected}/${byte}/${span}`;
  if (cell.written === written) return;
  cell.written = written;
  const { element } = cell;
  element.setAttribute("aria-label", name);
  element.setAttribute("aria-selected", String(selected));
  if (span > 1) element.setAttribute("aria-colspan", String(span));
  else element.removeAttribute("aria-colspan");
  if (byte === undefined) delete element.dataset.byte;
  else element.dataset.byte = byte;
}
