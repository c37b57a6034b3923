// What the cluster map shows and what its parts are given, so that panels can be written against them: the source of
// cells, the view that canvas, legend, breadcrumb and table share, and their props.
import type { StoreApi } from "zustand/vanilla";
import type { ClusterKind } from "../../core/block/structure.ts";
import type { MapFacts } from "../../core/ops/mapRun.ts";

/** Extent of a map, of the file or of the guest's disk. */
export interface MapShape {
  /** Cells of level 0. */
  readonly clusters: number;
  /** Bytes of a cell of level 0. The last one may be cut short by `fileSize`. */
  readonly clusterSize: number;
  /** Bytes of the space that the map shows: of the file, or of the guest's disk. */
  readonly fileSize: number;
  /** Level n has a cell for `4 ** n` clusters, the worst among them; the last level has one cell. */
  readonly levels: number;
}

/** Where cells come from. A new scan is a new object: nothing of one source is ever shown for another. */
export interface MapSource extends MapShape {
  /** Cells of a level from `first` on, fewer at the end: numbers of `clusterKinds`. Rejects when they can't be had. */
  tile(level: number, first: number, count: number): Promise<Uint8Array>;
  /**
   * There while the scan runs or stands still: cells are as far as they are known, `unknown` is not scanned yet. Calls the
   * listener whenever cells may be others than before; answers the way to stop.
   */
  readonly onGrowth?: ((listener: () => void) => () => void) | undefined;
}

/** "fit": the whole map at once. Else a cluster has a side of 2 ** zoom device pixels; below 0 cells stand for several. */
export type Zoom = "fit" | number;

/** The canvas, in device pixels. */
export interface MapBox {
  readonly width: number;
  readonly height: number;
  /** Device pixels of a CSS pixel. */
  readonly scale: number;
  /** Width of the column of offsets before the grid. */
  readonly gutter: number;
}

/** The grid as it lies on the canvas: row-major, `columns` cells a row. Pixels are device pixels. */
export interface MapLayout {
  readonly level: number;
  /** Clusters of one cell: `4 ** level`. */
  readonly clustersPerCell: number;
  /** Side of a cell. */
  readonly side: number;
  readonly columns: number;
  readonly rowCount: number;
  /** Cells of the level. */
  readonly cells: number;
  /** Left edge of the grid; the offsets of rows stand before it. */
  readonly left: number;
  readonly width: number;
  readonly height: number;
  readonly scale: number;
  /** Rows that show, counting one that shows only in part. */
  readonly visibleRows: number;
}

/** A cell and what it stands for. */
export interface MapCell {
  /** First cluster, and how many. */
  readonly cluster: number;
  readonly clusters: number;
  /** Bytes in the map's space. */
  readonly offset: number;
  readonly length: number;
  /** The worst of its clusters; undefined while it is not loaded. */
  readonly kind: ClusterKind | undefined;
}

/** Clusters [first, first + count). */
export interface ClusterRange {
  readonly first: number;
  readonly count: number;
}

/** A place that was zoomed in from, moved along when what shows has left it. */
export interface Crumb extends ClusterRange {
  readonly zoom: Zoom;
  readonly topRow: number;
}

export interface MapViewState {
  readonly shape: MapShape;
  readonly zoom: Zoom;
  /** First visible row; may be fractional while dragging. */
  readonly topRow: number;
  readonly visibleRows: number;
  /** As the canvas last measured it; undefined before that. */
  readonly layout: MapLayout | undefined;
  /** Cluster that has the cursor. */
  readonly cursor: number;
  /** Kinds that are shown while all others are dimmed; empty: all are shown. */
  readonly isolated: ReadonlySet<ClusterKind>;
  /** Where one zoomed in from, outermost first. */
  readonly crumbs: readonly Crumb[];
}

export type MapMove =
  | "left"
  | "right"
  | "up"
  | "down"
  | "pageUp"
  | "pageDown"
  | "rowStart"
  | "rowEnd"
  | "start"
  | "end";

/** Zoom, scroll position, cursor and filter of one map; made by `createMapView`. */
export interface MapView extends StoreApi<MapViewState> {
  /** A source of another shape: the cursor stays where it is if it can. */
  reshape(shape: MapShape): void;
  resize(box: MapBox): void;
  /** One step in or out, keeping the cluster at a place of the canvas (device pixels) where it is, else the cursor. False at the end. */
  zoomBy(step: 1 | -1, at?: { readonly x: number; readonly y: number }): boolean;
  zoomToFit(): void;
  /** Back to a crumb; those behind it are dropped. */
  goToCrumb(index: number): void;
  /** The largest zoom that shows the whole range, with the cursor on its first cluster. */
  showRange(range: ClusterRange): void;
  scrollTo(topRow: number): void;
  /** Moves the cursor, scrolling no more than needed. */
  moveTo(cluster: number): void;
  /** As moveTo, but centres the row when it is out of sight. */
  jumpTo(cluster: number): void;
  move(move: MapMove): void;
  /** Adds the kinds to those isolated, or takes them away when all of them are. */
  toggle(kinds: readonly ClusterKind[]): void;
  showAll(): void;
}

export interface MapCanvasProps {
  /** Accessible name: "Cluster map of disk.qed". */
  readonly label: string;
  readonly source: MapSource;
  readonly view: MapView;
  /** Read on focus: "8,192 clusters, 2 problems". */
  readonly summary?: string;
  /** "file" or "guest": which offsets these are. */
  readonly space: "file" | "guest";
  /** Drawn with a line around it: what the cluster card speaks of. */
  readonly selection?: ClusterRange | undefined;
  /** Clusters to point at, at most a few hundred: what the cursor's cluster refers to. */
  readonly marked?: readonly number[];
  /** What the cursor's cluster is called when more than its kind is known: "L2 table 3". */
  readonly nameOf?: (cell: MapCell) => string | undefined;
  /** The name of the cell at the cursor is on its way. */
  readonly isNaming?: boolean;
  /** The cell under the pointer; undefined when it left. */
  onHover?(cell: MapCell | undefined): void;
  /** The cursor came to a cell, or its kind became known. */
  onCursor?(cell: MapCell): void;
  /** Enter, double click, or zooming in beyond the last step: the caller shows bytes. */
  onOpen?(cell: MapCell): void;
}

export interface LegendProps {
  readonly view: MapView;
  /** Undefined while nothing is known yet: names without numbers. */
  readonly summary: Pick<MapFacts, "kinds" | "clusters" | "fileSize" | "hasTables"> | undefined;
  /** The scan is not over: counts are those of what is known. */
  readonly isPartial?: boolean;
}

export interface ZoomCrumbsProps {
  readonly view: MapView;
}

/** "View as table": the same cells as text, runs of equal kinds at the zoom of the view. */
export interface TableViewProps {
  readonly label: string;
  readonly source: MapSource;
  readonly view: MapView;
  onOpen?(cell: MapCell): void;
}

export interface PictureOptions {
  readonly source: MapSource;
  readonly view: MapView;
  /** "disk.qed, file order". */
  readonly title: string;
  readonly summary: LegendProps["summary"];
  readonly isPartial?: boolean;
}
