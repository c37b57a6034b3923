// The entries of a log as a table of any number of rows: only those in sight exist, the top row is a number and nothing is
// as tall as all of them. One Tab stop; arrows move the scrub line. This is also the plot's data for those who can't see it.
// biome-ignore-all lint/a11y/useSemanticElements: rows that are placed one by one cannot be those of a <table>.
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and tells the active row.
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the grid handles the keys of its rows.
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import type { LogRow } from "../../../core/ops/logIndexRun.ts";
import { lastTopRow, wheelRows } from "../../hex/scrolling.ts";
import { bytes, decimal } from "../../widgets/format.ts";
import { NoteIcon } from "../../widgets/icons.ts";
import styles from "./EntryTable.module.css";
import { KindMark } from "./KindMark.tsx";
import type { TimelineSession } from "./session.ts";
import { TableScrollbar } from "./TableScrollbar.tsx";
import { flagText, kindText, sectorText } from "./wording.ts";

const rowHeight = 24;
/** Rows of a page key that stay in sight. */
const kept = 1;
/** Rows that some assistive technology can count. */
const mostCounted = 2 ** 31 - 2;

interface EntryTableProps {
  readonly session: TimelineSession;
  readonly label: string;
  onOpen(): void;
}

export function EntryTable({ session, label, onOpen }: EntryTableProps) {
  const { shown, place, near, entry, filter, notes } = useStore(session.store);
  useStore(session.store, ({ rows }) => rows);
  const id = useId();
  const body = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(0);
  const [top, setTop] = useState(0);
  const rest = useRef(0);
  useLayoutEffect(() => {
    const element = body.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const { rowCount } = session.filter;
  const visibleRows = Math.max(1, Math.ceil(height / rowHeight));
  const whole = Math.max(1, Math.floor(height / rowHeight));
  const last = lastTopRow({ rowCount, visibleRows });
  const topRow = Math.min(top, last);
  const scrollTo = (row: number) => setTop(Math.min(last, Math.max(0, row)));

  // The scrub line was moved, here or in the plot, or the filter: its row, or where it would be, comes into sight.
  useEffect(() => {
    if (near === undefined) return;
    setTop((before) => {
      if (near < before) return near;
      if (near >= before + whole) return Math.max(0, near - whole + 1);
      return before;
    });
  }, [near, whole]);
  // The wheel must not scroll anything else, which takes a listener that is not passive.
  useEffect(() => {
    const element = body.current;
    if (!element) return;
    const onWheel = (event: WheelEvent) => {
      if (event.ctrlKey) return;
      event.preventDefault();
      const perRow = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 1 : rowHeight;
      const moved = wheelRows(rest.current, event.deltaY, perRow);
      rest.current = moved.rest;
      if (moved.rows !== 0)
        setTop((before) => Math.min(last, Math.max(0, Math.min(before, last) + moved.rows)));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [last]);

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const by: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      ArrowRight: event.shiftKey ? 100 : 1,
      ArrowLeft: event.shiftKey ? -100 : -1,
      PageDown: Math.max(1, whole - kept),
      PageUp: -Math.max(1, whole - kept),
    };
    const step = by[event.key];
    if (event.key === "Enter") onOpen();
    else if (event.key === "Home") void session.goToRow(0);
    else if (event.key === "End") void session.goToRow(Math.max(0, rowCount - 1));
    else if (step !== undefined) void session.step(step);
    else return;
    event.preventDefault();
  };

  const sectorSize = shown?.summary.sectorSize ?? 512;
  const positions = Array.from({ length: Math.min(visibleRows, rowCount - topRow) }, (_, i) => topRow + i);
  const inSight = place !== undefined && place >= topRow && place < topRow + positions.length;
  const first = session.filter.pages.at(topRow);
  return (
    <div
      className={styles.grid}
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rowCount > mostCounted ? -1 : rowCount + 1}
      aria-colcount={5}
      aria-activedescendant={inSight ? `${id}-${place}` : undefined}
      aria-busy={filter.applied !== "" && filter.total === undefined}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" className={styles.head}>
        <div role="row" aria-rowindex={1} className={styles.row}>
          <Head numeric>Entry</Head>
          <Head>Kind</Head>
          <Head numeric>Sector + count</Head>
          <Head numeric>Length</Head>
          <Head>Flags, text, note</Head>
        </div>
      </div>
      <div role="rowgroup" ref={body} className={styles.body}>
        {positions.map((position) => {
          const row = session.filter.pages.at(position);
          return (
            <div
              key={position}
              id={`${id}-${position}`}
              role="row"
              aria-rowindex={position + 2}
              aria-selected={row !== undefined && row.entry === entry}
              data-doubtful={row !== undefined && !row.counted ? "" : undefined}
              className={styles.row}
              style={{ transform: `translateY(${(position - topRow) * rowHeight}px)` }}
              onClick={() => void session.goToRow(position)}
              onDoubleClick={onOpen}
            >
              <Cells row={row} sectorSize={sectorSize} note={row && notes.get(row.entry)} />
            </div>
          );
        })}
        <TableScrollbar
          topRow={topRow}
          rowCount={rowCount}
          visibleRows={visibleRows}
          height={height}
          label={first === undefined ? `row ${decimal(topRow + 1)}` : `entry ${decimal(first.entry)}`}
          onScroll={scrollTo}
        />
      </div>
    </div>
  );
}

function Head({ children, numeric }: { children: string; numeric?: boolean }) {
  return (
    <div role="columnheader" className={styles.cell} data-numeric={numeric || undefined}>
      {children}
    </div>
  );
}

interface CellsProps {
  readonly row: LogRow | undefined;
  readonly sectorSize: number;
  readonly note: string | undefined;
}

function Cells({ row, sectorSize, note }: CellsProps) {
  if (row === undefined) {
    return (
      <>
        <div role="gridcell" className={styles.cell} data-numeric>
          <span className={styles.waiting}>···</span>
        </div>
        {[1, 2, 3, 4].map((column) => (
          <div key={column} role="gridcell" className={styles.cell} />
        ))}
      </>
    );
  }
  const doubt = row.recovered ? "recovered" : row.counted ? undefined : "not counted";
  return (
    <>
      <div role="gridcell" className={styles.cell} data-numeric>
        {decimal(row.entry)}
      </div>
      <div role="gridcell" className={styles.cell}>
        <KindMark kind={row.kind} flags={row.flags} /> {kindText[row.kind]}
      </div>
      <div role="gridcell" className={styles.cell} data-numeric>
        {sectorText(row, sectorSize)}
      </div>
      <div role="gridcell" className={styles.cell} data-numeric>
        {row.length > 0 ? bytes(row.length) : ""}
      </div>
      <div role="gridcell" className={styles.cell}>
        {doubt && <span className={styles.doubt}>{doubt} </span>}
        {flagText(row)} {row.text !== undefined && <q>{row.text}</q>}
        {note !== undefined && (
          <span className={styles.note} title={note}>
            <NoteIcon size={12} aria-label="Note:" /> {note}
          </span>
        )}
      </div>
    </>
  );
}
