// What the shapes of the plot mean, with how many of each there are.
import { useLayoutEffect, useRef } from "react";
import { Raster } from "../hex/raster.ts";
import { type Theme, theme } from "../hex/theme.ts";
import { useThemeVersion } from "../hex/useThemeVersion.ts";
import { decimal } from "../widgets/format.ts";
import type { TimelineLegendProps } from "./contract.ts";
import { opColour } from "./looks.ts";
import styles from "./TimelineLegend.module.css";

type Outcome = "pass" | "fail" | "unknown";
type Shape = "write" | "metadata" | "fua" | "discard" | "flush" | "mark" | "dimmed" | Outcome;

const swatchSide = 14;

export function TimelineLegend({ totals, bisect, skipped, filtered }: TimelineLegendProps) {
  const rows: readonly (readonly [Shape, string, number | undefined])[] = [
    ["write", "Write", totals?.writes],
    ["metadata", "Metadata", totals?.metadata],
    ["fua", "FUA", totals?.fua],
    ["discard", "Discard", totals?.discards],
    ["flush", "Flush", totals?.flushes],
    ["mark", "Mark", totals?.marks],
    ...(filtered ? ([["dimmed", "Filtered out", undefined]] as const) : []),
    ...(bisect
      ? ([
          ["pass", "Passed", undefined],
          ["fail", "Failed", undefined],
        ] as const)
      : []),
    ...(skipped ? ([["unknown", "Skipped", undefined]] as const) : []),
  ];
  return (
    <ul className={styles.legend} aria-label="Shapes of the timeline">
      {rows.map(([shape, name, number]) => (
        <li key={shape} className={styles.item} data-none={number === 0 || undefined}>
          <Swatch shape={shape} />
          <span>{name}</span>
          {number !== undefined && <span className={styles.number}>{decimal(number)}</span>}
        </li>
      ))}
    </ul>
  );
}

/** The shape as the plot draws it. */
function Swatch({ shape }: { shape: Shape }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const themeVersion = useThemeVersion();
  useLayoutEffect(() => {
    // Its number stands for what the tokens hold.
    void themeVersion;
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const side = Math.round(swatchSide * window.devicePixelRatio);
    context.canvas.width = side;
    context.canvas.height = side;
    if (shape === "pass" || shape === "fail" || shape === "unknown")
      drawOutcome(context, shape, side / swatchSide, theme());
    else drawShape(context, shape, side / swatchSide, theme());
  });
  return (
    <canvas
      ref={canvas}
      className={styles.swatch}
      style={{ width: swatchSide, height: swatchSide }}
      aria-hidden
    />
  );
}

function drawShape(
  context: CanvasRenderingContext2D,
  shape: Exclude<Shape, Outcome>,
  scale: number,
  colours: Theme,
): void {
  const side = Math.round(swatchSide * scale);
  const raster = new Raster(side, side);
  const px = (css: number) => Math.round(css * scale);
  raster.fill(0, 0, side, side, colours.pixel.bg);
  if (shape === "flush") raster.fill(px(6), 0, px(2), side, opColour(colours, "flush"));
  else if (shape === "discard")
    raster.outline(px(4), px(3), px(6), px(10), opColour(colours, "discard"), px(1.5));
  else if (shape === "mark") {
    raster.fill(px(3), px(1), px(1.5), px(12), opColour(colours, "mark"));
    for (let row = 0; row < px(7); row++) {
      const reach = Math.round(px(8) * (1 - Math.abs((2 * row) / px(7) - 1)));
      raster.fill(px(4), px(1) + row, reach, 1, opColour(colours, "mark"));
    }
  } else {
    const op = shape === "dimmed" ? "write" : shape;
    raster.fill(px(4), px(5), px(6), px(8), opColour(colours, op, shape === "dimmed"));
    if (shape === "fua") raster.fill(px(2), px(1), px(10), px(2), opColour(colours, "fua"));
  }
  raster.putOn(context);
}

function drawOutcome(
  context: CanvasRenderingContext2D,
  outcome: Outcome,
  scale: number,
  { css }: Theme,
): void {
  const [middle, half] = [7 * scale, 4 * scale];
  context.beginPath();
  context.lineWidth = 2 * scale;
  if (outcome === "pass") {
    context.arc(middle, middle, half, 0, 2 * Math.PI);
    context.fillStyle = css.ok;
    context.fill();
    return;
  }
  if (outcome === "unknown") {
    context.arc(middle, middle, half, 0, 2 * Math.PI);
    context.strokeStyle = css.muted;
    context.stroke();
    return;
  }
  for (const side of [-1, 1]) {
    context.moveTo(middle - half, middle - side * half);
    context.lineTo(middle + half, middle + side * half);
  }
  context.strokeStyle = css.error;
  context.stroke();
}
