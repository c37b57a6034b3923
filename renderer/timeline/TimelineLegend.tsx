// What the shapes of the plot mean, with how many of each there are.
import { Raster } from "../hex/raster.ts";
import { Swatch } from "../hex/Swatch.tsx";
import type { Theme } from "../hex/theme.ts";
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
          <Swatch
            side={swatchSide}
            className={styles.swatch}
            draw={(context, colours, scale) => draw(shape, context, colours, scale)}
          />
          <span>{name}</span>
          {number !== undefined && <span className={styles.number}>{decimal(number)}</span>}
        </li>
      ))}
    </ul>
  );
}

/** As the plot draws it. */
function draw(shape: Shape, context: CanvasRenderingContext2D, colours: Theme, scale: number): void {
  if (shape === "pass" || shape === "fail" || shape === "unknown")
    drawOutcome(context, shape, scale, colours);
  else drawShape(context, shape, scale, colours);
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
