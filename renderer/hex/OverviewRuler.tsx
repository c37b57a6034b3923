// The overview ruler: its height is the whole image, lanes show the worst of what each pixel stands for, a box
// shows what the pane shows. A lens beside it magnifies the neighbourhood of the pointer or of the keyboard's
// position 32 times, and can be clicked for a finer jump.
import { type KeyboardEvent, type PointerEvent, useLayoutEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { bytes, hex, percent } from "../widgets/format.ts";
import type { OverviewRulerProps } from "./contract.ts";
import styles from "./OverviewRuler.module.css";
import { type Lens, lensAround, lensOffset, offsetAt, pixelOfOffset } from "./rulerMath.ts";
import { paintLens, paintRuler } from "./rulerPaint.ts";
import { useThemeVersion } from "./useThemeVersion.ts";

/** CSS pixels. */
const lensHeight = 192;

export function OverviewRuler({ size, rows, view, lanes, scannedTo }: OverviewRulerProps) {
  const root = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height, setHeight] = useState(0);
  const [looked, setLooked] = useState<number>();
  const [dragging, setDragging] = useState(false);
  const themeVersion = useThemeVersion();
  const topRow = useStore(view, (state) => state.topRow);
  const visibleRows = useStore(view, (state) => state.visibleRows);
  const caret = useStore(view, (state) => state.caret);

  useLayoutEffect(() => {
    const element = root.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const rowOffset = (row: number) =>
    rows.row(Math.min(rows.rowCount - 1, Math.max(0, Math.floor(row)))).offset;
  const viewport = { from: rowOffset(topRow), to: rowOffset(topRow + visibleRows - 1) + rows.bytesPerRow };
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element || height === 0) return;
    // Versions stand for what the lanes and tokens hold.
    void themeVersion;
    paintRuler(element, { size, lanes, scannedTo, viewport, caret, height });
  });

  const centreOn = (offset: number) => view.scrollTo(rows.rowOf(offset) - Math.floor(visibleRows / 2), rows);
  const at = (event: PointerEvent<HTMLElement>) =>
    offsetAt(event.clientY - event.currentTarget.getBoundingClientRect().top, height, size);
  const press = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0 || size === 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setDragging(true);
    centreOn(at(event));
  };
  const move = (event: PointerEvent<HTMLElement>) => {
    const offset = at(event);
    setLooked(offset);
    if (dragging) centreOn(offset);
  };
  const release = (event: PointerEvent<HTMLElement>) => {
    if (!dragging) return;
    setDragging(false);
    view.jumpTo(rowStart(at(event), rows.bytesPerRow), rows);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = keyTarget(event.key, viewport.from, size, visibleRows * rows.bytesPerRow);
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    view.scrollTo(rows.rowOf(rowStart(to, rows.bytesPerRow)), rows);
    setLooked(to);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: leaving either part hides the lens; the slider acts
    <div
      className={styles.ruler}
      onPointerLeave={() => !dragging && setLooked(undefined)}
      onBlur={() => setLooked(undefined)}
    >
      {looked !== undefined && height > 0 && size > 0 && (
        <LensView
          offset={looked}
          size={size}
          lanes={lanes}
          scannedTo={scannedTo}
          viewport={viewport}
          caret={caret}
          rulerHeight={height}
          onJump={(offset) => view.jumpTo(rowStart(offset, rows.bytesPerRow), rows)}
        />
      )}
      <div
        ref={root}
        className={styles.bar}
        role="slider"
        tabIndex={0}
        aria-label="Overview of the whole image"
        aria-orientation="vertical"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent(viewport.from, size)}
        aria-valuetext={`From ${hex(viewport.from)}, ${percent(viewport.from, size)} % of ${bytes(size)}`}
        onPointerDown={press}
        onPointerMove={move}
        onPointerUp={release}
        onPointerCancel={() => setDragging(false)}
        onKeyDown={onKeyDown}
      >
        <canvas ref={canvas} className={styles.canvas} aria-hidden />
      </div>
    </div>
  );
}

const rowStart = (offset: number, bytesPerRow: number) => Math.floor(offset / bytesPerRow) * bytesPerRow;

/** Where a key moves the view to: a screen, a sixty-fourth of the image, or an end. */
function keyTarget(key: string, from: number, size: number, screen: number): number | undefined {
  const leap = Math.max(screen, size / 64);
  const steps: Readonly<Record<string, number>> = {
    ArrowUp: from - screen,
    ArrowDown: from + screen,
    ArrowLeft: from - screen,
    ArrowRight: from + screen,
    PageUp: from - leap,
    PageDown: from + leap,
    Home: 0,
    End: size - 1,
  };
  const to = steps[key];
  return to === undefined ? undefined : Math.max(0, Math.min(size - 1, Math.floor(to)));
}

interface LensViewProps extends Pick<OverviewRulerProps, "size" | "lanes" | "scannedTo"> {
  readonly offset: number;
  readonly viewport: { readonly from: number; readonly to: number };
  readonly caret: number;
  readonly rulerHeight: number;
  onJump(offset: number): void;
}

function LensView({ offset, size, lanes, scannedTo, viewport, caret, rulerHeight, onJump }: LensViewProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const themeVersion = useThemeVersion();
  const lens = lensAround(offset, lensHeight, rulerHeight, size);
  useLayoutEffect(() => {
    void themeVersion;
    if (canvas.current) {
      paintLens(
        canvas.current,
        lens,
        { size, lanes, scannedTo, viewport, caret, height: lensHeight },
        offset,
      );
    }
  });
  const centre = pixelOfOffset(offset, rulerHeight, size);
  const top = Math.max(0, Math.min(rulerHeight - lensHeight - 44, centre - lensHeight / 2 - 22));
  const jump = (event: PointerEvent<HTMLElement>) => {
    event.stopPropagation();
    onJump(lensOffset(lens, event.clientY - event.currentTarget.getBoundingClientRect().top, size));
  };
  return (
    <div className={styles.lens} style={{ top }} aria-hidden>
      <span className={styles.edge}>{edgeText(lens, 0, size)}</span>
      <canvas
        ref={canvas}
        className={styles.lensCanvas}
        style={{ height: lensHeight }}
        onPointerDown={jump}
      />
      <span className={styles.edge}>{edgeText(lens, lensHeight, size)}</span>
    </div>
  );
}

const edgeText = (lens: Lens, y: number, size: number): string =>
  lens.first + y >= lens.bins ? hex(size) : hex(lensOffset(lens, y, size));
