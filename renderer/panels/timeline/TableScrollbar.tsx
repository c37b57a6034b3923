// The entry table's scrollbar: proportional over millions of rows, slower the further the pointer is drawn away sideways,
// with a label that names the row. Hidden from assistive technology, which has the grid.
import { type PointerEvent, useState } from "react";
import { dragSpeed, dragThumb, type ScrollRange, thumbOf } from "../../hex/scrolling.ts";
import styles from "./EntryTable.module.css";

interface TableScrollbarProps extends ScrollRange {
  readonly topRow: number;
  /** Pixels. */
  readonly height: number;
  readonly label: string;
  onScroll(topRow: number): void;
}

interface Drag {
  readonly y: number;
  /** Exact, before rounding. */
  readonly row: number;
}

export function TableScrollbar({
  topRow,
  rowCount,
  visibleRows,
  height,
  label,
  onScroll,
}: TableScrollbarProps) {
  const [drag, setDrag] = useState<Drag>();
  const range = { rowCount, visibleRows };
  const thumb = thumbOf(topRow, range, height);
  if (rowCount < visibleRows) return null;
  const begin = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0) return;
    event.preventDefault();
    const y = event.clientY - event.currentTarget.getBoundingClientRect().top;
    const onThumb = y >= thumb.top && y < thumb.top + thumb.height;
    const row = onThumb ? topRow : dragThumb(topRow, y - thumb.top - thumb.height / 2, 1, range, height);
    if (!onThumb) onScroll(Math.round(row));
    event.currentTarget.setPointerCapture(event.pointerId);
    setDrag({ y: event.clientY, row });
  };
  const move = (event: PointerEvent<HTMLDivElement>) => {
    if (!drag) return;
    const box = event.currentTarget.getBoundingClientRect();
    const away = Math.max(0, box.left - event.clientX, event.clientX - box.right);
    const row = dragThumb(drag.row, event.clientY - drag.y, dragSpeed(away), range, height);
    setDrag({ y: event.clientY, row });
    onScroll(Math.round(row));
  };
  const end = () => setDrag(undefined);
  return (
    <div
      className={styles.track}
      aria-hidden
      title="Drag away from the bar for finer steps"
      onPointerDown={begin}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={end}
    >
      <div
        className={styles.thumb}
        data-dragging={drag !== undefined || undefined}
        style={{ height: thumb.height, transform: `translateY(${thumb.top}px)` }}
      />
      {drag && (
        <div className={styles.target} style={{ top: thumb.top + thumb.height / 2 }}>
          {label}
        </div>
      )}
    </div>
  );
}
