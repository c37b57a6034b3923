// A table of up to 500,000 rows of which only those in sight exist: one Tab stop, arrows move the active row
// (aria-activedescendant), headers sort. An element cannot be taller than about 16 million pixels at 200 % zoom,
// hence the limit on rows.
// biome-ignore-all lint/a11y/useSemanticElements: rows that are placed one by one cannot be those of a <table>.
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and tells the active row.
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the grid handles the keys of its rows.
import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  type RefObject,
  useCallback,
  useEffect,
  useId,
  useImperativeHandle,
  useRef,
} from "react";
import { DownIcon, UpIcon } from "../../widgets/icons.ts";
import { rowHeight, scrollTopFor } from "./listScroll.ts";
import styles from "./VirtualGrid.module.css";

export const rowLimit = 500_000;
const rowPadding = 8;

export interface GridColumn<K extends string> {
  readonly key: K;
  readonly label: string;
  /** Least width in pixels; what is left is shared by weight of `grow`. */
  readonly width: number;
  readonly grow?: number;
  readonly numeric?: boolean;
  readonly sortable?: boolean;
}
export interface GridSort<K extends string> {
  readonly key: K;
  readonly descending: boolean;
}

interface VirtualGridProps<K extends string> {
  readonly label: string;
  readonly columns: readonly GridColumn<K>[];
  readonly rowCount: number;
  /** Position of the active row, or -1. */
  readonly active: number;
  readonly sort?: GridSort<K>;
  readonly handle?: Ref<HTMLElement>;
  onSort?(key: K): void;
  /** The active row was moved by key or click. */
  onMove(index: number): void;
  /** Enter or a double click on the active row. */
  onOpen(index: number): void;
  /** Space on the active row. */
  onToggle?(index: number): void;
  /** Cells of a row by column. */
  cells(index: number): Readonly<Record<K, ReactNode>>;
}

export function VirtualGrid<K extends string>(props: VirtualGridProps<K>) {
  const { label, columns, active, sort, onSort, onMove, onOpen, onToggle, cells, handle } = props;
  const rowCount = Math.min(props.rowCount, rowLimit);
  const id = useId();
  const element = useRef<HTMLDivElement>(null);
  useImperativeHandle(handle, () => element.current as HTMLElement, []);
  const withActive = useCallback(
    (range: Range) => {
      const inSight = defaultRangeExtractor(range);
      if (active < 0 || active >= range.count || inSight.includes(active)) return inSight;
      return [...inSight, active].sort((left, right) => left - right);
    },
    [active],
  );
  const rows = useVirtualizer({
    count: rowCount,
    getScrollElement: () => element.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    rangeExtractor: withActive,
  });
  useKeptInSight(element, active);
  // Rows that come while the list is looked through do not take it back to the active one.
  const exists = active >= 0 && active < rowCount;
  useEffect(() => {
    if (exists && element.current) element.current.scrollTop = scrollTopFor(active, element.current);
  }, [active, exists]);

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (
      event.target !== event.currentTarget ||
      event.ctrlKey ||
      event.altKey ||
      event.metaKey ||
      event.shiftKey
    )
      return;
    const page = Math.max(1, Math.floor((element.current?.clientHeight ?? 0) / rowHeight) - 2);
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: active + 1,
      ArrowUp: active < 0 ? 0 : active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: rowCount - 1,
    };
    const target = targets[event.key];
    if (event.key === "Enter" && active >= 0) onOpen(active);
    else if (event.key === " " && onToggle && active >= 0) onToggle(active);
    else if (target !== undefined && rowCount > 0) onMove(Math.min(rowCount - 1, Math.max(0, target)));
    else return;
    event.preventDefault();
  };

  const template = {
    gridTemplateColumns: columns
      .map(({ width, grow }) => (grow ? `minmax(${width}px, ${grow}fr)` : `${width}px`))
      .join(" "),
  };
  const minWidth = columns.reduce((sum, { width }) => sum + width, 2 * rowPadding);
  return (
    <div
      ref={element}
      className={styles.grid}
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rowCount + 1}
      aria-colcount={columns.length}
      aria-activedescendant={exists ? `${id}-${active}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" className={styles.head} style={{ minWidth }}>
        <div role="row" aria-rowindex={1} className={styles.row} style={template}>
          {columns.map((column) => (
            <HeaderCell key={column.key} column={column} sort={sort} onSort={onSort} />
          ))}
        </div>
      </div>
      <div role="rowgroup" className={styles.body} style={{ height: rows.getTotalSize(), minWidth }}>
        {rows.getVirtualItems().map(({ index, start }) => (
          <GridRow
            key={index}
            id={`${id}-${index}`}
            index={index}
            start={start}
            active={index === active}
            template={template}
            columns={columns}
            cells={cells(index)}
            onMove={onMove}
            onOpen={onOpen}
          />
        ))}
      </div>
    </div>
  );
}

/** A list that gets lower keeps the active row in sight if it was. */
function useKeptInSight(element: RefObject<HTMLDivElement | null>, active: number): void {
  const latest = useRef(active);
  latest.current = active;
  useEffect(() => {
    const list = element.current;
    if (!list) return;
    let { clientHeight } = list;
    const observer = new ResizeObserver(() => {
      const before = { scrollTop: list.scrollTop, clientHeight };
      clientHeight = list.clientHeight;
      const row = latest.current;
      if (row >= 0 && scrollTopFor(row, before) === before.scrollTop)
        list.scrollTop = scrollTopFor(row, list);
    });
    observer.observe(list);
    return () => observer.disconnect();
  }, [element]);
}

interface HeaderCellProps<K extends string> {
  readonly column: GridColumn<K>;
  readonly sort: GridSort<K> | undefined;
  readonly onSort: ((key: K) => void) | undefined;
}

function HeaderCell<K extends string>({ column, sort, onSort }: HeaderCellProps<K>) {
  const sorted = sort?.key === column.key;
  const direction = sorted ? (sort.descending ? "descending" : "ascending") : undefined;
  const Arrow = sort?.descending ? DownIcon : UpIcon;
  return (
    <div
      role="columnheader"
      className={styles.cell}
      data-numeric={column.numeric || undefined}
      aria-sort={column.sortable ? (direction ?? "none") : undefined}
    >
      {column.sortable ? (
        <button
          type="button"
          className={styles.sort}
          title={`Sort by ${column.label.toLowerCase()}`}
          onClick={() => onSort?.(column.key)}
        >
          {column.label}
          {sorted && <Arrow size={12} aria-hidden />}
        </button>
      ) : (
        column.label
      )}
    </div>
  );
}

interface GridRowProps<K extends string> {
  readonly id: string;
  readonly index: number;
  readonly start: number;
  readonly active: boolean;
  readonly template: { readonly gridTemplateColumns: string };
  readonly columns: readonly GridColumn<K>[];
  readonly cells: Readonly<Record<K, ReactNode>>;
  onMove(index: number): void;
  onOpen(index: number): void;
}

function GridRow<K extends string>({
  id,
  index,
  start,
  active,
  template,
  columns,
  cells,
  onMove,
  onOpen,
}: GridRowProps<K>) {
  return (
    // The grid holds the focus and its keys; a row only takes the pointer.
    <div
      id={id}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={active}
      className={styles.row}
      style={{ ...template, transform: `translateY(${start}px)` }}
      onClick={() => onMove(index)}
      onDoubleClick={() => onOpen(index)}
    >
      {columns.map(({ key, numeric }) => (
        <div key={key} role="gridcell" className={styles.cell} data-numeric={numeric || undefined}>
          {cells[key]}
        </div>
      ))}
    </div>
  );
}
