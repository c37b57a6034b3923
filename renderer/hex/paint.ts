// Paints one frame of a hex pane into the pixel buffer: bytes and text first, then what lies over them
// (outlines, boundary lines), then the columns that do not scroll sideways, then the header.
import type { Prefs } from "../store/prefs.ts";
import { textCells } from "./encoding.ts";
import { cellSpan, type Face, type Geometry } from "./geometry.ts";
import type { StyledGlyphs } from "./glyphs.ts";
import { address, type BoundaryAt, boundaryIn, foldText, hexDigits, outsideText } from "./labels.ts";
import type { DiffMarks } from "./model.ts";
import type { Raster } from "./raster.ts";
import type { BytesRow, FoldRow, RowContent } from "./rowContent.ts";
import type { Choice, HexStyles, Look } from "./styles.ts";
import type { Theme } from "./theme.ts";

export interface Scene {
  readonly geometry: Geometry;
  readonly styles: HexStyles;
  readonly theme: Theme;
  /** Device pixels per CSS pixel. */
  readonly scale: number;
  readonly scrollX: number;
  readonly contents: readonly RowContent[];
  readonly caret: number;
  readonly anchor: number;
  readonly face: Face;
  readonly focused: boolean;
  /** Source offset = row offset + shift. */
  readonly shift: number;
  readonly clusterSize: number | undefined;
  readonly current: DiffMarks["current"];
  readonly prefs: Pick<Prefs, "addressBase" | "boundaries" | "encoding">;
  /** The source's value at any of its offsets, negative where there is none. */
  valueAt(offset: number): number;
}

export function paint(raster: Raster, scene: Scene): void {
  const { geometry, theme, contents } = scene;
  raster.clip(0, geometry.width);
  raster.fill(0, 0, geometry.width, geometry.height, theme.pixel["hex-bg"]);
  raster.clip(geometry.contentX, geometry.width);
  for (const [index, content] of contents.entries()) {
    const y = geometry.bodyY + index * geometry.rowHeight;
    if (content.kind === "fold") paintFold(raster, scene, content, y);
    else paintBytes(raster, scene, content, y);
  }
  raster.clip(0, geometry.width);
  for (const [index, content] of contents.entries()) {
    paintMargin(raster, scene, content, geometry.bodyY + index * geometry.rowHeight);
  }
  paintGutterEdge(raster, scene);
  paintHeader(raster, scene);
}

function paintBytes(raster: Raster, scene: Scene, row: BytesRow, y: number): void {
  const { geometry, styles, scrollX } = scene;
  if (row.outside) {
    paintText(raster, styles.note, outsideText[row.outside], (geometry.hexX[0] ?? 0) - scrollX, y);
  } else {
    paintHex(raster, scene, row, y);
    paintTextColumn(raster, scene, row, y);
  }
  paintRunOutline(raster, scene, row, y);
  paintCaretOutline(raster, scene, row, y);
  const boundary = boundaryIn(
    row.offset + scene.shift,
    geometry.bytesPerRow,
    scene.clusterSize,
    scene.prefs.boundaries,
  );
  if (boundary && row.offset > 0) paintBoundary(raster, scene, boundary, y);
}

function lookOf(row: BytesRow, column: number): Look | "outside" {
  const mark = row.marks[column] ?? "outside";
  return mark === "plain" && row.values[column] === 0 ? "zero" : mark;
}

function choiceOf(scene: Scene, offset: number, face: Face): Choice {
  const { caret, anchor, focused } = scene;
  if (offset === caret && focused && scene.face === face) return "caret";
  if (caret === anchor || offset < Math.min(caret, anchor) || offset > Math.max(caret, anchor)) return "no";
  return focused ? "selected" : "selectedAway";
}

function paintHex(raster: Raster, scene: Scene, row: BytesRow, y: number): void {
  const { geometry, scrollX } = scene;
  let previousRight = 0;
  let previousBg: number | undefined;
  for (let column = 0; column < row.values.length; column++) {
    const look = lookOf(row, column);
    if (look === "outside") {
      previousBg = undefined;
      continue;
    }
    const choice = choiceOf(scene, row.offset + column, "hex");
    const glyphs = scene.styles.byte[look][choice];
    const x = (geometry.hexX[column] ?? 0) - scrollX;
    const { bg } = glyphs.style;
    // A tint runs on through the gap between bytes that share it.
    if (previousBg === bg && bg !== scene.theme.pixel["hex-bg"]) {
      raster.fill(previousRight, y, x - previousRight, geometry.rowHeight, bg);
      if (look === "unreadable" && choice === "no") {
        hatchUnreadable(raster, scene, previousRight, y, x - previousRight);
      }
    }
    paintByte(raster, scene, glyphs, look, choice, row.values[column] ?? 0, x, y);
    previousRight = x + 2 * geometry.charWidth;
    previousBg = bg;
  }
}

function paintByte(
  raster: Raster,
  scene: Scene,
  glyphs: StyledGlyphs,
  look: Look,
  choice: Choice,
  value: number,
  x: number,
  y: number,
): void {
  const width = 2 * scene.geometry.charWidth;
  if (look === "missing") raster.tile(x, y, glyphs.text("··", 2));
  else if (look !== "unreadable") raster.tile(x, y, glyphs.byte(value));
  else if (choice !== "no") raster.tile(x, y, glyphs.text("??", 2));
  else {
    raster.fill(x, y, width, scene.geometry.rowHeight, glyphs.style.bg);
    hatchUnreadable(raster, scene, x, y, width);
    raster.over(x, y, glyphs.text("??", 2));
  }
}

function hatchUnreadable(raster: Raster, scene: Scene, x: number, y: number, width: number): void {
  const color = scene.theme.pixel["diff-unreadable-hatch"];
  raster.hatch(x, y, width, scene.geometry.rowHeight, color, hatchOf(scene.scale));
}

const hatchOf = (scale: number) => ({ step: Math.round(6 * scale), thick: Math.max(1, Math.round(scale)) });

function paintTextColumn(raster: Raster, scene: Scene, row: BytesRow, y: number): void {
  const { geometry, scrollX } = scene;
  const start = row.offset + scene.shift;
  const own = (index: number) => row.values[index] ?? scene.valueAt(start + index);
  const cells = textCells(own, row.values.length, start, scene.prefs.encoding);
  for (let column = 0; column < row.values.length; column++) {
    const look = lookOf(row, column);
    const cell = cells[column];
    if (look === "outside" || !cell || cell.span === 0) continue;
    const x = geometry.textX + column * geometry.charWidth - scrollX;
    const choice = choiceOf(scene, row.offset + column, "text");
    if (look === "missing" || look === "unreadable") {
      paintNoText(raster, scene, look, choice, x, y);
      continue;
    }
    // What has no visible form recedes like a zero.
    const shown = cell.text === undefined && look === "plain" ? "zero" : look;
    raster.tile(x, y, scene.styles.byte[shown][choice].text(cell.text ?? "·", cell.span));
  }
}

function paintNoText(
  raster: Raster,
  scene: Scene,
  look: "missing" | "unreadable",
  choice: Choice,
  x: number,
  y: number,
): void {
  const { bg } = scene.styles.byte[look][choice].style;
  const { charWidth, rowHeight } = scene.geometry;
  raster.fill(x, y, charWidth, rowHeight, bg);
  if (look === "unreadable" && choice === "no") hatchUnreadable(raster, scene, x, y, charWidth);
}

/** The edge of the current run, in both faces, open towards rows that continue it. */
function paintRunOutline(raster: Raster, scene: Scene, row: BytesRow, y: number): void {
  const run = scene.current;
  const { geometry } = scene;
  if (!run) return;
  const [start, end] = [run.offset - row.offset, run.offset + run.length - row.offset];
  const last = Math.min(geometry.bytesPerRow, end) - 1;
  const first = Math.max(0, start);
  if (first > last) return;
  const color = scene.theme.pixel["diff-current-outline"];
  const thick = Math.max(2, Math.round(2 * scene.scale));
  for (const face of ["hex", "text"] as const) {
    const edge = (column: number) => {
      const { left, right } = cellSpan(geometry, face, column);
      const pad = thick + Math.round(scene.scale);
      return { left: left - pad - scene.scrollX, right: right + pad - scene.scrollX };
    };
    const bottom = y + geometry.rowHeight - thick;
    const line = (from: number, to: number, top: number) => {
      if (from > to) return;
      const x = edge(from).left;
      raster.fill(x, top, edge(to).right - x, thick, color);
    };
    line(first, Math.min(last, start + geometry.bytesPerRow - 1), y);
    line(Math.max(first, end - geometry.bytesPerRow), last, bottom);
    raster.fill(edge(first).left, y, thick, geometry.rowHeight, color);
    raster.fill(edge(last).right - thick, y, thick, geometry.rowHeight, color);
  }
}

/** The caret as a frame: in the face that has not got it, and in both without focus. */
function paintCaretOutline(raster: Raster, scene: Scene, row: BytesRow, y: number): void {
  const { geometry, caret, scrollX, scale } = scene;
  const column = caret - row.offset;
  if (column < 0 || column >= row.values.length) return;
  const color = scene.focused ? scene.theme.pixel["hex-caret"] : scene.theme.pixel["hex-address"];
  for (const face of ["hex", "text"] as const) {
    if (scene.focused && face === scene.face && !row.outside) continue;
    const { left, right } = cellSpan(geometry, face, column);
    const thick = Math.max(1, Math.round(scale));
    raster.outline(left - scrollX, y, right - left, geometry.rowHeight, color, thick);
  }
}

/** A line above the row; where the boundary falls inside the row (a shifted image), a step around it. */
function paintBoundary(raster: Raster, scene: Scene, boundary: BoundaryAt, y: number): void {
  const { geometry, scale, scrollX } = scene;
  const { color, thick } = lineOf(scene, boundary);
  const right = Math.min(geometry.width, geometry.textEnd - scrollX);
  if (boundary.column === 0) {
    raster.fill(geometry.contentX, y, right - geometry.contentX, thick, color);
    return;
  }
  const low = y + geometry.rowHeight - thick;
  const gap = Math.max(1, Math.round(scale));
  for (const face of ["hex", "text"] as const) {
    const { left } = cellSpan(geometry, face, boundary.column);
    const first = cellSpan(geometry, face, 0).left - scrollX;
    const last = cellSpan(geometry, face, geometry.bytesPerRow - 1).right - scrollX;
    const x = left - gap - scrollX;
    raster.fill(x, y, last - x, thick, color);
    raster.fill(x, y, thick, geometry.rowHeight, color);
    raster.fill(first, low, x - first, thick, color);
  }
}

function lineOf({ theme, scale }: Scene, { kind }: BoundaryAt): { color: number; thick: number } {
  const hair = Math.max(1, Math.round(scale));
  if (kind === "cluster") return { color: theme.pixel["hex-cluster-line"], thick: 2 * hair };
  return { color: theme.pixel[kind === "page" ? "hex-page-line" : "hex-sector-line"], thick: hair };
}

function paintFold(raster: Raster, scene: Scene, fold: FoldRow, y: number): void {
  const { geometry, styles, theme, scrollX, scale } = scene;
  const { contentX, rowHeight, width } = geometry;
  raster.fill(contentX, y, width - contentX, rowHeight, theme.pixel["hex-fold-bg"]);
  const left = (geometry.hexX[0] ?? contentX) - scrollX;
  paintText(raster, styles.fold, `··· ${foldText(fold)} · Enter to show`, left, y);
  const here = scene.caret >= fold.offset && scene.caret < fold.offset + fold.length;
  if (!here) return;
  const color = scene.focused ? theme.pixel["hex-caret"] : theme.pixel["hex-address"];
  const thick = Math.max(1, Math.round(scale));
  raster.outline(contentX, y, width - contentX, rowHeight, color, scene.focused ? 2 * thick : thick);
}

/** Address and gutter of a row: they stay when the bytes scroll sideways. */
function paintMargin(raster: Raster, scene: Scene, content: RowContent, y: number): void {
  const { geometry, styles, theme, prefs, shift } = scene;
  const length = content.kind === "fold" ? content.length : geometry.bytesPerRow;
  const here = scene.caret >= content.offset && scene.caret < content.offset + length;
  paintAddress(
    raster,
    scene,
    address(content.offset + shift, prefs.addressBase, geometry.addressChars),
    here,
    y,
  );
  if (content.kind === "fold") return;
  const { gutterX, gutterEnd, rowHeight, labelX } = geometry;
  if (content.unscanned) {
    raster.fill(gutterX, y, gutterEnd - gutterX, rowHeight, theme.pixel["diff-unscanned-bg"]);
    const color = theme.pixel["diff-unscanned-hatch"];
    raster.hatch(gutterX, y, gutterEnd - gutterX, rowHeight, color, hatchOf(scene.scale));
  }
  if (content.letter) raster.tile(gutterX, y, styles.letter[content.letter].text(content.letter, 1));
  else if (content.storedDifferently) paintStoredMark(raster, scene, y);
  const boundary = boundaryIn(
    content.offset + shift,
    geometry.bytesPerRow,
    scene.clusterSize,
    prefs.boundaries,
  );
  if (!boundary) return;
  const { color, thick } = lineOf(scene, boundary);
  if (boundary.column === 0 && content.offset > 0) {
    raster.fill(gutterX, y, geometry.contentX - gutterX, thick, color);
  }
  const glyphs = boundary.kind === "cluster" ? styles.clusterLabel : styles.label;
  paintLabel(raster, glyphs, boundary.label, labelX, y);
}

/** "s 2048" in the small font, its space half as wide. */
function paintLabel(raster: Raster, glyphs: StyledGlyphs, label: string, x: number, y: number): void {
  let at = x;
  for (const letter of label) {
    const tile = glyphs.text(letter, 1);
    raster.over(at, y, tile);
    at += letter === " " ? Math.round(tile.width / 2) : tile.width;
  }
}

/** Leading zeros recede, so that the digits that change stand out. */
function paintAddress(raster: Raster, scene: Scene, text: string, here: boolean, y: number): void {
  const { geometry, styles } = scene;
  const zeros = scene.prefs.addressBase === "hex" ? (/^0*(?=.)/.exec(text)?.[0].length ?? 0) : 0;
  for (const [index, letter] of [...text].entries()) {
    const glyphs = here ? styles.addressHere : index < zeros ? styles.addressZero : styles.address;
    raster.tile(geometry.addressX + index * geometry.charWidth, y, glyphs.text(letter, 1));
  }
}

/** A hollow square: same bytes, stored differently. */
function paintStoredMark(raster: Raster, scene: Scene, y: number): void {
  const { gutterX, charWidth, rowHeight } = scene.geometry;
  const side = Math.round(charWidth * 0.9);
  const color = scene.theme.pixel["diff-stored"];
  const thick = Math.max(1, Math.round(scene.scale * 1.5));
  raster.outline(gutterX, y + Math.round((rowHeight - side) / 2), side, side, color, thick);
}

function paintGutterEdge(raster: Raster, scene: Scene): void {
  const { geometry, theme, scale } = scene;
  const thick = Math.max(1, Math.round(scale));
  const height = geometry.height - geometry.bodyY;
  const color = theme.pixel["hex-sector-line"];
  raster.fill(geometry.contentX - thick, geometry.bodyY, thick, height, color);
}

function paintHeader(raster: Raster, scene: Scene): void {
  const { geometry, styles, theme, scrollX, scale, prefs } = scene;
  const { width, rowHeight } = geometry;
  raster.fill(0, 0, width, rowHeight, theme.pixel["hex-header-bg"]);
  const hereRow = scene.contents.find(
    (content) =>
      content.kind === "bytes" &&
      scene.caret >= content.offset &&
      scene.caret < content.offset + geometry.bytesPerRow,
  );
  raster.clip(geometry.contentX, width);
  for (const [column, x] of geometry.hexX.entries()) {
    const glyphs = hereRow && scene.caret - hereRow.offset === column ? styles.headerHere : styles.header;
    const text =
      prefs.addressBase === "decimal" ? String(column).padStart(2, " ") : (hexDigits[column] ?? "");
    raster.tile(x - scrollX, 0, glyphs.text(text, 2));
  }
  paintText(raster, styles.header, "text", geometry.textX - scrollX, 0);
  raster.clip(0, width);
  paintText(
    raster,
    styles.header,
    headerWord(prefs.addressBase, geometry.addressChars),
    geometry.addressX,
    0,
  );
  raster.fill(0, rowHeight - Math.round(scale), width, Math.round(scale), theme.pixel.border);
}

function headerWord(base: Prefs["addressBase"], chars: number): string {
  return (base === "sector" ? "sector+hex" : base === "hex" ? "offset" : "offset 10").slice(0, chars);
}

function paintText(raster: Raster, glyphs: StyledGlyphs, text: string, x: number, y: number): void {
  let at = x;
  for (const letter of text) {
    const tile = glyphs.text(letter, 1);
    raster.tile(at, y, tile);
    at += tile.width;
  }
}
