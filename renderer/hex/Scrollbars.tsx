// The pane's own scrollbars. Down: proportional over up to 2^53 rows; while dragging, the pointer's sideways
// distance slows the thumb down for fine scrubbing, Shift snaps to clusters, and a label names the target.
// Sideways: only where the columns do not fit. Hidden from assistive technology, which has the grid.
import { type PointerEvent, useLayoutEffect, useRef, useState } from "react";
import { type StoreApi, useStore } from "zustand";
import type { Prefs } from "../store/prefs.ts";
import { hex } from "../widgets/format.ts";
import styles from "./HexPane.module.css";
import { address, sectorSize } from "./labels.ts";
import type { RowMap } from "./model.ts";
import type { HexPainter } from "./painter.ts";
import { dragSpeed, dragThumb, thumbOf } from "./scrolling.ts";

/** What is scrolled: the view of a hex pane or of a map. */
interface ScrolledView
  extends Pick<StoreApi<{ readonly topRow: number; readonly visibleRows: number }>, ReadableStore> {
  scrollTo(topRow: number, rows: RowMap): void;
}
type ReadableStore = "getState" | "getInitialState" | "subscribe";

interface DownScrollbarProps {
  readonly view: ScrolledView;
  readonly rows: RowMap;
  readonly shift: number;
  readonly clusterSize: number | undefined;
  readonly addressBase: Prefs["addressBase"];
}

interface Drag {
  readonly y: number;
  /** Exact, before snapping. */
  readonly row: number;
}

export function DownScrollbar({ view, rows, shift, clusterSize, addressBase }: DownScrollbarProps) {
  const track = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(0);
  const [drag, setDrag] = useState<Drag>();
  const topRow = useStore(view, (state) => state.topRow);
  const visibleRows = useStore(view, (state) => state.visibleRows);
  useLayoutEffect(() => {
    const element = track.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const range = { rowCount: rows.rowCount, visibleRows };
  const thumb = thumbOf(topRow, range, height);
  const begin = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0) return;
    // The pane keeps the focus it has.
    event.preventDefault();
    const y = event.clientY - event.currentTarget.getBoundingClientRect().top;
    const onThumb = y >= thumb.top && y < thumb.top + thumb.height;
    const row = onThumb ? topRow : dragThumb(topRow, y - thumb.top - thumb.height / 2, 1, range, height);
    if (!onThumb) view.scrollTo(Math.round(row), rows);
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrag({ y: event.clientY, row });
  };
  const move = (event: PointerEvent<HTMLDivElement>) => {
    if (!drag) return;
    const box = event.currentTarget.getBoundingClientRect();
    const away = Math.max(0, box.left - event.clientX, event.clientX - box.right);
    const row = dragThumb(drag.row, event.clientY - drag.y, dragSpeed(away), range, height);
    setDrag({ y: event.clientY, row });
    view.scrollTo(event.shiftKey ? snapped(row, rows, clusterSize ?? sectorSize) : Math.round(row), rows);
  };
  const end = () => setDrag(undefined);
  const target = rows.row(Math.min(rows.rowCount - 1, Math.floor(topRow))).offset + shift;
  return (
    <div
      ref={track}
      className={styles.track}
      aria-hidden
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={end}
      title="Drag away from the bar for finer steps; Shift snaps to clusters"
    >
      <div
        className={styles.thumb}
        data-dragging={drag !== undefined || undefined}
        style={{ height: thumb.height, transform: `translateY(${thumb.top}px)` }}
      />
      {drag && (
        <div className={styles.target} style={{ top: thumb.top + thumb.height / 2 }}>
          {addressBase === "hex" ? hex(Math.max(0, target)) : address(target, addressBase, 1)}
        </div>
      )}
    </div>
  );
}

/** The row that shows the start of the unit around a row. */
function snapped(row: number, rows: RowMap, unit: number): number {
  const { offset } = rows.row(Math.min(rows.rowCount - 1, Math.floor(row)));
  return rows.rowOf(Math.floor(offset / unit) * unit);
}

/** Pixels. */
const smallestThumb = 24;

export function SidewaysScrollbar({ painter }: { painter: HexPainter }) {
  const { scrollX, maxScrollX, width } = useStore(painter.store);
  const [grip, setGrip] = useState<{ x: number; scrollX: number }>();
  if (maxScrollX === 0) return null;
  const room = width / painter.scale;
  const length = Math.max(smallestThumb, (room * width) / (width + maxScrollX));
  const left = (scrollX / maxScrollX) * (room - length);
  const begin = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0) return;
    event.preventDefault();
    event.currentTarget.setPointerCapture(event.pointerId);
    setGrip({ x: event.clientX, scrollX });
  };
  const move = (event: PointerEvent<HTMLDivElement>) => {
    if (!grip) return;
    painter.scrollXTo(grip.scrollX + ((event.clientX - grip.x) / (room - length)) * maxScrollX);
  };
  return (
    <div
      className={styles.sideTrack}
      aria-hidden
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={() => setGrip(undefined)}
      onPointerCancel={() => setGrip(undefined)}
    >
      <div className={styles.sideThumb} style={{ width: length, transform: `translateX(${left}px)` }} />
    </div>
  );
}
