// Where things stand in a hex pane: address | gutter | bytes in groups | text, in device pixels, and which of
// them is at a point. Pure: the painter, the accessible grid and the mouse all ask here.

export interface GeometryInput {
  /** Room, device pixels. */
  readonly width: number;
  readonly height: number;
  readonly rowHeight: number;
  /** One character of the main font and of the small one (gutter labels). */
  readonly charWidth: number;
  readonly smallCharWidth: number;
  readonly bytesPerRow: number;
  /** Bytes without a gap between them. */
  readonly group: number;
  /** Characters of an address: where there is room, and at least. */
  readonly addressChars: { readonly usual: number; readonly least: number };
  /** Characters of the longest gutter label; its space is half of one. */
  readonly gutterChars: number;
}

export interface Geometry {
  readonly width: number;
  readonly height: number;
  readonly rowHeight: number;
  readonly charWidth: number;
  readonly bytesPerRow: number;
  readonly addressChars: number;
  readonly addressX: number;
  readonly gutterX: number;
  /** The difference letter stands first in the gutter, then the boundary's number. */
  readonly labelX: number;
  readonly gutterEnd: number;
  /** Left of what scrolls sideways. */
  readonly contentX: number;
  /** How far the content can be scrolled sideways. */
  readonly maxScrollX: number;
  readonly hexEnd: number;
  readonly textX: number;
  readonly textEnd: number;
  /** Top of row 0, below the header. */
  readonly bodyY: number;
  /** Left of each byte in the hex column, unscrolled. */
  readonly hexX: readonly number[];
}

/** Space between things: `gap` between groups of bytes, `pad` beside the columns. */
interface Spacing {
  readonly gap: number;
  readonly pad: number;
  readonly addressChars: number;
}

/** Fits the columns: full spacing when there is room, tight before anything must scroll sideways. */
export function layOut(input: GeometryInput): Geometry {
  const { charWidth: char, addressChars, width } = input;
  const roomy: Spacing = { gap: char, pad: Math.ceil(char * 0.75), addressChars: addressChars.usual };
  const full = place(input, roomy);
  if (full.textEnd <= width) return full;
  const short = place(input, { ...roomy, addressChars: addressChars.least });
  if (short.textEnd <= width) return short;
  // The widest gap with which everything fits, if one does.
  const least = Math.max(2, Math.ceil(char * 0.3));
  const tight = { pad: Math.ceil(char * 0.5), addressChars: addressChars.least };
  for (let gap = char; gap > least; gap--) {
    const geometry = place(input, { ...tight, gap });
    if (geometry.textEnd <= width) return geometry;
  }
  return place(input, { ...tight, gap: least });
}

function place(input: GeometryInput, { gap, pad, addressChars }: Spacing): Geometry {
  const { charWidth: char, bytesPerRow, group, rowHeight, width, height } = input;
  const half = Math.ceil(pad / 2);
  const addressX = pad;
  const gutterX = addressX + addressChars * char + pad;
  const labelX = gutterX + char + half;
  const gutterEnd = labelX + Math.ceil(input.gutterChars * input.smallCharWidth) + half;
  const contentX = gutterEnd + half;
  // The outline of a run stands left of the first byte.
  const firstX = contentX + Math.max(half, Math.ceil(char * 0.4));
  const hexX = hexColumns(firstX, bytesPerRow, group, char, gap);
  const hexEnd = (hexX.at(-1) ?? contentX) + 2 * char;
  const textX = hexEnd + Math.max(char + half, Math.ceil(gap * 1.5));
  const textEnd = textX + bytesPerRow * char + half;
  return {
    width,
    height,
    rowHeight,
    charWidth: char,
    bytesPerRow,
    addressChars,
    addressX,
    gutterX,
    labelX,
    gutterEnd,
    contentX,
    maxScrollX: Math.max(0, textEnd - width),
    hexEnd,
    textX,
    textEnd,
    bodyY: rowHeight,
    hexX,
  };
}

/** Bytes of a group touch; groups are `gap` apart, and every eighth byte begins a little further right. */
function hexColumns(left: number, count: number, group: number, char: number, gap: number): number[] {
  const columns: number[] = [];
  let x = left;
  for (let column = 0; column < count; column++) {
    if (column > 0) x += 2 * char;
    if (column > 0 && column % group === 0) x += gap;
    if (column > 0 && column % 8 === 0) x += Math.ceil(gap * 0.6);
    columns.push(x);
  }
  return columns;
}

export type Face = "hex" | "text";
export interface Hit {
  readonly zone: "address" | "gutter" | Face;
  /** Rows below the first visible one; may lie outside the pane while dragging. */
  readonly row: number;
  readonly column: number;
}

/** What is at a point; the nearest byte of a face when between two. */
export function hitTest(geometry: Geometry, x: number, y: number, scrollX: number): Hit {
  const { bodyY, rowHeight, gutterX, contentX, hexEnd, textX } = geometry;
  const row = Math.floor((y - bodyY) / rowHeight);
  if (x < gutterX) return { zone: "address", row, column: 0 };
  if (x < contentX) return { zone: "gutter", row, column: 0 };
  const inside = x + scrollX;
  const inText = inside > (hexEnd + textX) / 2;
  const column = inText ? textColumn(geometry, inside) : hexColumn(geometry, inside);
  return { zone: inText ? "text" : "hex", row, column };
}

function textColumn({ textX, charWidth, bytesPerRow }: Geometry, x: number): number {
  return Math.min(bytesPerRow - 1, Math.max(0, Math.floor((x - textX) / charWidth)));
}

function hexColumn({ hexX, charWidth }: Geometry, x: number): number {
  let nearest = 0;
  for (const [column, left] of hexX.entries()) {
    const previous = column > 0 ? (hexX[column - 1] ?? 0) + 2 * charWidth : left;
    if (x >= (previous + left) / 2) nearest = column;
  }
  return nearest;
}

/** Left and right of a byte in a face, unscrolled. */
export function cellSpan(geometry: Geometry, face: Face, column: number): { left: number; right: number } {
  const { hexX, textX, charWidth } = geometry;
  const left = face === "hex" ? (hexX[column] ?? 0) : textX + column * charWidth;
  return { left, right: left + (face === "hex" ? 2 : 1) * charWidth };
}

/** How far to scroll sideways so that a byte shows. */
export function scrollToColumn(geometry: Geometry, face: Face, column: number, scrollX: number): number {
  const { left, right } = cellSpan(geometry, face, column);
  const margin = geometry.charWidth;
  const least = right + margin - geometry.width;
  const most = left - margin - geometry.contentX;
  return clampScrollX(geometry, Math.min(Math.max(scrollX, least), Math.max(0, most)));
}

export function clampScrollX(geometry: Geometry, scrollX: number): number {
  return Math.min(geometry.maxScrollX, Math.max(0, Math.round(scrollX)));
}
