// Props of the hex pane and its companions, so that panels can be written against them.
import type { ByteSource, DiffMarks, HexView, RowMap } from "./model.ts";

export interface HexPaneProps {
  /** Accessible name and header: "A disk.qed". */
  readonly label: string;
  readonly source: ByteSource;
  readonly rows: RowMap;
  readonly view: HexView;
  /** Offset in `source` = row offset + shift (only B of a shifted comparison has one). */
  readonly shift?: number;
  readonly clusterSize: number | undefined;
  /** "past the end" is shown beyond `source.size` up to this (the longer image's size). */
  readonly extent: number;
  readonly marks?: DiffMarks;
  /** Enter on a fold row. */
  onUnfold?(offset: number): void;
}

/** One lane of the overview ruler. `paint` fills one level (0 none, 1 to 255 worst-wins) per bin. */
export interface RulerLane {
  readonly id: string;
  readonly label: string;
  readonly tone: "differs" | "unreadable" | "history";
  paint(bins: number, size: number): Uint8Array;
  readonly version: number;
}
export interface OverviewRulerProps {
  readonly size: number;
  readonly rows: RowMap;
  readonly view: HexView;
  readonly lanes: readonly RulerLane[];
  readonly scannedTo: number;
}
