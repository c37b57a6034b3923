// The list of mismatched runs. Its active row is the run under the caret, both ways: moving in the list moves
// the panes, and the list follows the panes. Enter goes on to the bytes.
import { type Ref, useCallback, useEffect, useMemo, useState } from "react";
import { bytes, decimal, hex } from "../../widgets/format.ts";
import type { ClusterSizes } from "./filter.ts";
import styles from "./lists.module.css";
import type { Order, SortKey } from "./runSort.ts";
import type { Run, RunTable } from "./runTable.ts";
import type { RowOrder } from "./useRowOrder.ts";
import { type GridColumn, VirtualGrid } from "./VirtualGrid.tsx";
import { sectorRange, signatureLabel, signatureTests } from "./wording.ts";

type Key = SortKey | "sectors" | "cluster";

const columns: readonly GridColumn<Key>[] = [
  { key: "row", label: "#", width: 68, numeric: true, sortable: true },
  { key: "offset", label: "Guest offset", width: 122, sortable: true },
  { key: "sectors", label: "Sectors", width: 186, grow: 1 },
  { key: "length", label: "Length", width: 80, numeric: true, sortable: true },
  { key: "bytes", label: "Bytes differing", width: 110, numeric: true, sortable: true },
  { key: "signature", label: "Likely cause", width: 200, grow: 2, sortable: true },
];
const clusterColumn: GridColumn<Key> = { key: "cluster", label: "Cluster A / B", width: 120 };
/** For two raw images there is no such thing as a cluster. */
const withClusters = [...columns, clusterColumn];

interface MismatchListProps {
  readonly table: RunTable;
  /** Changes with the table. */
  readonly version: number;
  readonly order: Order;
  readonly shown: RowOrder;
  readonly clusters: ClusterSizes;
  /** Row of the run under the caret. */
  readonly current: number | undefined;
  readonly handle?: Ref<HTMLElement>;
  onOrder(order: Order): void;
  /** Shows a run in the panes; `open` also moves the focus there. */
  onRun(offset: number, open: boolean): void;
}

export function MismatchList(props: MismatchListProps) {
  const { table, order, shown, clusters, current, onOrder, onRun, handle } = props;
  const { rows } = shown;
  const rowCount = rows ? rows.length : table.count;
  const rowAt = useCallback((index: number) => (rows ? (rows[index] ?? -1) : index), [rows]);
  const [active, setActiveRow] = useActive(rows, current);

  const go = (index: number, open: boolean) => {
    const row = rowAt(index);
    if (row < 0) return;
    setActiveRow(row);
    onRun(table.offset(row), open);
  };
  const sortBy = (key: Key) => {
    if (key === "sectors" || key === "cluster") return;
    onOrder({ key, descending: order.key === key && !order.descending });
  };
  return (
    <VirtualGrid
      label="Mismatched runs"
      columns={clusters.a === undefined && clusters.b === undefined ? columns : withClusters}
      rowCount={rowCount}
      active={active < rowCount ? active : -1}
      sort={order}
      {...(handle && { handle })}
      onSort={sortBy}
      onMove={(index) => go(index, false)}
      onOpen={(index) => go(index, true)}
      cells={(index) => cellsOf(table.run(rowAt(index)), clusters)}
    />
  );
}

/**
 * The active position and what sets it to a row of the table. It follows the current run, else stays with its row, also
 * when the rows are put into another order; -1 when the row is not among them.
 */
function useActive(rows: Uint32Array | undefined, current: number | undefined) {
  const [row, setRow] = useState(-1);
  useEffect(() => {
    if (current !== undefined) setRow(current);
  }, [current]);
  const active = useMemo(() => (rows && row >= 0 ? rows.indexOf(row) : row), [rows, row]);
  return [active, setRow] as const;
}

function cellsOf(run: Run | undefined, clusters: ClusterSizes): Readonly<Record<Key, React.ReactNode>> {
  if (!run) return { row: "", offset: "", sectors: "", length: "", bytes: "", signature: "", cluster: "" };
  const label = signatureLabel(run);
  const merged = run.runs > 1 ? ` (${decimal(run.runs)} runs merged)` : "";
  return {
    row: decimal(run.row + 1),
    offset: (
      <span className="mono" title={`${hex(run.offset)} = ${decimal(run.offset)}`}>
        {hex(run.offset)}
      </span>
    ),
    sectors: <span title={`Sectors ${sectorRange(run)}`}>{sectorRange(run)}</span>,
    length: (
      <span title={`${decimal(run.length)} bytes, ${decimal(run.sectors)} sectors differ`}>
        {bytes(run.length)}
      </span>
    ),
    bytes: decimal(run.bytes),
    signature: (
      <span title={`${label}${merged}\n${signatureTests[run.signature]}`}>
        <span className={styles.mark} data-signature={run.signature} aria-hidden />
        {label}
        {merged}
      </span>
    ),
    cluster: clusterText(run, clusters),
  };
}

/** "17 / 17"; a raw image has no clusters and shows a dash. */
function clusterText(run: Run, { a, b, shift }: ClusterSizes): string {
  const at = (offset: number, clusterSize: number | undefined) =>
    clusterSize === undefined || offset < 0 ? "–" : decimal(Math.floor(offset / clusterSize));
  return `${at(run.offset, a)} / ${at(run.offset + shift, b)}`;
}
