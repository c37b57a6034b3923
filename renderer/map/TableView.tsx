// The map as a table: runs of cells of one kind, at the level of detail of the view. The same data for those who do
// not see the canvas, and to copy from. Of a large map it holds a window, with steps to the one before and behind.
import { useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import { type GridColumn, rowLimit, VirtualGrid } from "../panels/compare/VirtualGrid.tsx";
import { bytes, count, decimal, hex } from "../widgets/format.ts";
import type { MapCell, MapShape, MapSource, MapViewState, TableViewProps } from "./contract.ts";
import { cellInfo, cellsOf, visibleCells } from "./geometry.ts";
import { kindLooks, unscannedLook } from "./kinds.ts";
import { type KindRuns, kindRuns, readCells, runsOf } from "./runs.ts";
import styles from "./TableView.module.css";
import { type CellSpan, pageCells } from "./tiles.ts";
import { rangeText } from "./wording.ts";

/** Cells of a window. */
const windowCells = 2 ** 22;

type Column = "kind" | "clusters" | "count" | "offset" | "length";
const columns: readonly GridColumn<Column>[] = [
  { key: "kind", label: "Kind", width: 160, grow: 1 },
  { key: "clusters", label: "Clusters", width: 130, grow: 1 },
  { key: "count", label: "Count", width: 90, numeric: true },
  { key: "offset", label: "Offset", width: 130, numeric: true },
  { key: "length", label: "Length", width: 90, numeric: true },
];

type Loaded =
  | { readonly state: "loading" }
  | { readonly state: "failed"; readonly error: PlainError }
  | {
      readonly state: "read";
      readonly source: MapSource;
      readonly span: CellSpan;
      readonly runs: KindRuns;
    };
const loading: Loaded = { state: "loading" };

function isSpan(loaded: Extract<Loaded, { state: "read" }>, span: CellSpan, source: MapSource): boolean {
  const { level, first } = loaded.span;
  return loaded.source === source && level === span.level && first === span.first;
}

export function TableView({ label, source, view, onOpen }: TableViewProps) {
  const level = useStore(view, (state) => levelOf(state));
  const isolated = useStore(view, (state) => state.isolated);
  const cursor = useStore(view, (state) => state.cursor);
  const [page, setPage] = useState(() => pageOf(view.getState()));
  const [attempt, setAttempt] = useState(0);
  const [growth, setGrowth] = useState(0);
  const [loaded, setLoaded] = useState<Loaded>(loading);

  useEffect(() => source.onGrowth?.(() => setGrowth((times) => times + 1)), [source]);

  useEffect(() => {
    // Numbers of attempts and of growths only ask again.
    void attempt;
    void growth;
    const stop = new AbortController();
    const span = spanOf(source, level, page);
    // The same cells as they were known before stay until they are there anew.
    setLoaded((before) => (before.state === "read" && isSpan(before, span, source) ? before : loading));
    readCells(source, span, stop.signal)
      .then((cells) =>
        setLoaded({ state: "read", source, span, runs: kindRuns(cells, span.first, rowLimit) }),
      )
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setLoaded({ state: "failed", error: toPlain(error) });
      });
    return () => stop.abort();
  }, [source, level, page, attempt, growth]);

  if (loaded.state === "failed") {
    return (
      <p className={styles.note} role="alert">
        Can't read the map: {loaded.error.message}.{" "}
        <button type="button" className="button" onClick={() => setAttempt(attempt + 1)}>
          Retry
        </button>
      </p>
    );
  }
  if (loaded.state === "loading") {
    return (
      <p className={styles.note} role="status">
        Reading the map…
      </p>
    );
  }
  return (
    <div className={styles.table}>
      <WindowBar shape={source} span={loaded.span} runs={loaded.runs} onPage={(by) => setPage(page + by)} />
      <RunsGrid
        label={label}
        shape={source}
        isPartial={source.onGrowth !== undefined}
        span={loaded.span}
        runs={loaded.runs}
        isolated={isolated}
        cursor={cursor}
        onMove={(cluster) => view.jumpTo(cluster)}
        onOpen={(cell) => onOpen?.(cell)}
      />
    </div>
  );
}

/** That of the canvas, or one that has few cells if it was never drawn. */
function levelOf({ layout, shape }: MapViewState): number {
  if (layout !== undefined) return Math.min(layout.level, shape.levels - 1);
  let level = 0;
  while (cellsOf(shape, level) > pageCells && level < shape.levels - 1) level++;
  return level;
}

/** The window in which the map's first visible cell is. */
function pageOf({ layout, topRow }: MapViewState): number {
  return layout === undefined ? 0 : Math.floor(visibleCells(layout, topRow).first / windowCells);
}

function spanOf(shape: MapShape, level: number, page: number): CellSpan {
  const cells = cellsOf(shape, level);
  const last = Math.max(0, Math.ceil(cells / windowCells) - 1);
  const first = Math.min(page, last) * windowCells;
  return { level, first, end: Math.min(cells, first + windowCells) };
}

interface WindowBarProps {
  readonly shape: MapShape;
  readonly span: CellSpan;
  readonly runs: KindRuns;
  onPage(by: 1 | -1): void;
}

/** What the table holds of the map, where that is not all of it. */
function WindowBar({ shape, span, runs, onPage }: WindowBarProps) {
  const perCell = 4 ** span.level;
  const first = span.first * perCell;
  const range = { first, count: Math.min(shape.clusters, runs.end * perCell) - first };
  const whole = span.first === 0 && span.end >= cellsOf(shape, span.level);
  return (
    <div className={styles.bar}>
      <span>
        {count(runs.starts.length, "run")} of clusters of one kind
        {!whole && ` · ${rangeText(range, shape)}`}
        {runs.cut && ` · only the first ${decimal(rowLimit)} runs are listed: zoom out for fewer`}
      </span>
      {!whole && (
        <span className={styles.steps}>
          <button type="button" className="button" disabled={span.first === 0} onClick={() => onPage(-1)}>
            Previous part
          </button>
          <button
            type="button"
            className="button"
            disabled={span.end >= cellsOf(shape, span.level)}
            onClick={() => onPage(1)}
          >
            Next part
          </button>
        </span>
      )}
    </div>
  );
}

interface RunsGridProps {
  readonly label: string;
  readonly shape: MapShape;
  /** The scan is not over. */
  readonly isPartial: boolean;
  readonly span: CellSpan;
  readonly runs: KindRuns;
  readonly isolated: MapViewState["isolated"];
  readonly cursor: number;
  onMove(cluster: number): void;
  onOpen(cell: MapCell): void;
}

function RunsGrid(props: RunsGridProps) {
  const { label, shape, isPartial, span, runs, isolated, cursor, onMove, onOpen } = props;
  const perCell = 4 ** span.level;
  const listed = useMemo(() => runsOf(runs, isolated), [runs, isolated]);
  const active = useMemo(
    () => positionOf(listed, runs, Math.floor(cursor / perCell)),
    [listed, runs, cursor, perCell],
  );
  const runAt = (position: number): MapCell => {
    const index = listed[position] ?? 0;
    const from = runs.starts[index] ?? 0;
    const to = runs.starts[index + 1] ?? runs.end;
    const first = cellInfo(shape, { clustersPerCell: perCell }, from, runs.kinds[index]);
    const clusters = Math.min(shape.clusters, to * perCell) - first.cluster;
    const end = Math.min(shape.fileSize, (first.cluster + clusters) * shape.clusterSize);
    return { ...first, clusters, length: Math.max(0, end - first.offset) };
  };
  return (
    <VirtualGrid
      label={label}
      columns={columns}
      rowCount={listed.length}
      active={active}
      onMove={(position) => onMove(runAt(position).cluster)}
      onOpen={(position) => onOpen(runAt(position))}
      cells={(position) => {
        const run = runAt(position);
        const last = run.cluster + run.clusters - 1;
        return {
          kind: kindText(run.kind, isPartial),
          clusters: run.clusters === 1 ? decimal(run.cluster) : `${decimal(run.cluster)} to ${decimal(last)}`,
          count: decimal(run.clusters),
          offset: hex(run.offset),
          length: bytes(run.length),
        };
      }}
    />
  );
}

function kindText(kind: MapCell["kind"], isPartial: boolean): string {
  if (kind === undefined) return "Not known";
  return (isPartial && kind === "unknown" ? unscannedLook : kindLooks[kind]).label;
}

/** Where in the list the run is that has the cell; -1 when it is not listed. */
function positionOf(listed: readonly number[], runs: KindRuns, cell: number): number {
  let low = 0;
  let high = listed.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((runs.starts[listed[middle] ?? 0] ?? 0) <= cell) low = middle + 1;
    else high = middle;
  }
  const index = listed[low - 1];
  if (index === undefined) return -1;
  return cell < (runs.starts[index + 1] ?? runs.end) ? low - 1 : -1;
}
