// The picture that is on screen, to take away: title, scale, offsets, cells and the legend with its numbers, in the
// colours of the theme in force. Drawn on a canvas of its own from cells asked for anew, so that nothing in it is a
// coarser stand-in.
import { BlockError } from "../../core/base/errors.ts";
import { Raster } from "../hex/raster.ts";
import { theme } from "../hex/theme.ts";
import { usePrefs } from "../store/prefs.ts";
import { bytes, count } from "../widgets/format.ts";
import type { LegendProps, MapLayout, MapViewState, PictureOptions } from "./contract.ts";
import { visibleCells, visibleClusters } from "./geometry.ts";
import { legendRows } from "./legendRows.ts";
import { lettersOf } from "./letters.ts";
import { type CellStyle, cellLook } from "./look.ts";
import { drawOverlay } from "./overlay.ts";
import { paintCells } from "./paint.ts";
import { readCells } from "./runs.ts";
import { drawSwatch, swatchSide } from "./swatch.ts";
import { rangeText, rowLabel, scaleText, shareText } from "./wording.ts";

/** CSS pixels. */
const margin = 16;
const headHeight = 56;
const legendLine = 24;
const legendColumn = 300;
const narrowest = 640;

interface Picture {
  readonly context: CanvasRenderingContext2D;
  readonly style: CellStyle;
  readonly font: string;
}

/** A PNG of what the view shows. Rejects when cells can't be read, or the browser can't make the picture. */
export async function exportPng({ source, view, title, summary, isPartial }: PictureOptions): Promise<Blob> {
  const state = view.getState();
  const { layout, topRow } = state;
  if (layout === undefined || layout.cells === 0) {
    throw new BlockError("EINVAL", "There is no map to make a picture of");
  }
  const cells = await readCells(source, { level: layout.level, ...visibleCells(layout, topRow) });
  const { scale } = layout;
  const mapHeight = Math.min(layout.height, layout.rowCount * layout.side + 2 * scale);
  const width = Math.max(layout.width, narrowest * scale) + 2 * margin * scale;
  const perLine = Math.max(1, Math.floor((width - 2 * margin * scale) / (legendColumn * scale)));
  const rows = legendRows(summary, isPartial).filter(
    (row) => row.digit !== undefined || row.id === "unscanned",
  );
  const legendHeight = Math.ceil(rows.length / perLine) * legendLine * scale;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = headHeight * scale + mapHeight + legendHeight + 3 * margin * scale;
  const context = canvas.getContext("2d");
  if (!context) throw new BlockError("ENOTSUP", "The picture is too large to be drawn");
  const colours = theme();
  const style = { theme: colours, scale, letters: lettersOf(colours.fontFamily) };
  const fontUi = getComputedStyle(document.documentElement).getPropertyValue("--font-ui").trim();
  const picture: Picture = { context, style, font: fontUi || "sans-serif" };
  context.fillStyle = colours.css.bg;
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawHead(picture, title, state, layout);
  drawMap(picture, { state, layout: { ...layout, height: mapHeight }, cells });
  drawLegend(picture, rows, summary, perLine, headHeight * scale + mapHeight + 2 * margin * scale);
  return toBlob(canvas);
}

function drawHead({ context, style, font }: Picture, title: string, state: MapViewState, layout: MapLayout) {
  const { scale, theme: colours } = style;
  const { shape, topRow } = state;
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillStyle = colours.css.text;
  context.font = `600 ${15 * scale}px ${font}`;
  context.fillText(title, margin * scale, 26 * scale);
  context.fillStyle = colours.css.muted;
  context.font = `${12 * scale}px ${font}`;
  const shown = rangeText(visibleClusters(layout, topRow, shape), shape);
  const text = `${shown} · ${scaleText(layout.clustersPerCell, shape)} · ${count(shape.clusters, "cluster")}`;
  context.fillText(text, margin * scale, 46 * scale);
}

interface Shown {
  readonly state: MapViewState;
  readonly layout: MapLayout;
  readonly cells: Uint8Array;
}

function drawMap({ context, style }: Picture, { state, layout, cells }: Shown): void {
  const { scale, theme: colours } = style;
  const raster = new Raster(layout.width, layout.height);
  paintCells(raster, layout, state.topRow, cells, cellLook(style, layout.side, state.isolated));
  context.putImageData(raster.image, margin * scale, headHeight * scale);
  const base = usePrefs.getState().addressBase;
  const unit = layout.clustersPerCell * state.shape.clusterSize;
  context.save();
  context.translate(margin * scale, headHeight * scale);
  drawOverlay(context, {
    layout,
    topRow: state.topRow,
    theme: colours,
    focused: false,
    cursor: undefined,
    selection: undefined,
    marked: [],
    changed: [],
    strength: 0,
    still: true,
    label: (cell) => rowLabel(cell * unit, base),
  });
  context.restore();
}

function drawLegend(
  { context, style, font }: Picture,
  rows: ReturnType<typeof legendRows>,
  summary: LegendProps["summary"],
  perLine: number,
  top: number,
): void {
  const { scale, theme: colours } = style;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const [index, row] of rows.entries()) {
    const x = Math.round((margin + (index % perLine) * legendColumn) * scale);
    const y = Math.round(top + Math.floor(index / perLine) * legendLine * scale);
    drawSwatch(context, style, row.look, x, y);
    const middle = y + (swatchSide * scale) / 2;
    context.fillStyle = colours.css.text;
    context.font = `${row.alarming ? "600 " : ""}${12 * scale}px ${font}`;
    context.fillText(row.label, x + (swatchSide + 7) * scale, middle);
    const named = context.measureText(row.label).width;
    if (!row.total || !summary) continue;
    context.fillStyle = colours.css.muted;
    context.font = `${12 * scale}px ${font}`;
    const numbers = `${bytes(row.total.bytes)}, ${shareText(row.total.bytes, summary.fileSize)}`;
    context.fillText(numbers, x + (swatchSide + 15) * scale + named, middle);
  }
}

function toBlob(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob) resolve(blob);
      else reject(new BlockError("ENOTSUP", "The picture could not be made: it is too large"));
    }, "image/png");
  });
}
