// What is said of a cell, to the eye on one line and to a screen reader: its clusters, its place, its worst kind.
import { address } from "../hex/labels.ts";
import type { Prefs } from "../store/prefs.ts";
import { bytes, count, decimal, hex } from "../widgets/format.ts";
import type { ClusterRange, MapCanvasProps, MapCell, MapShape } from "./contract.ts";
import { kindLooks } from "./kinds.ts";

/** "Cluster 42, offset 0x2a0000, L2 table", or "Clusters 40 to 55, offset 0x280000, 1 MiB, worst: L2 table"; `isPartial`: as
 * far as a scan that is not over knows. */
export function cellText(
  cell: MapCell,
  space: MapCanvasProps["space"],
  { name, isPartial = false }: { readonly name?: string | undefined; readonly isPartial?: boolean } = {},
): string {
  const isUnscanned = isPartial && cell.kind === "unknown";
  const place = `${space === "guest" ? "guest offset" : "offset"} ${hex(cell.offset)}`;
  const kind =
    cell.kind === undefined ? "not loaded yet" : isUnscanned ? "not scanned yet" : kindLooks[cell.kind].label;
  if (cell.clusters <= 1) return `Cluster ${decimal(cell.cluster)}, ${place}, ${name ?? kind}`;
  const range = `Clusters ${decimal(cell.cluster)} to ${decimal(cell.cluster + cell.clusters - 1)}`;
  // Several clusters have no name in common.
  const isKnown = cell.kind !== undefined && !isUnscanned;
  const worst = isKnown ? `${isPartial ? "worst so far" : "worst"}: ${kind}` : kind;
  return `${range}, ${place}, ${bytes(cell.length)}, ${worst}`;
}

/** The bytes of a range of clusters; the last one of the map may be cut short. */
export function rangeBytes({ first, count: clusters }: ClusterRange, shape: MapShape): number {
  const end = Math.min(shape.fileSize, (first + clusters) * shape.clusterSize);
  return Math.max(0, end - first * shape.clusterSize);
}

/** "All 16 TiB", or "0x280000, 1 MiB". */
export function rangeText(range: ClusterRange, shape: MapShape): string {
  const size = bytes(rangeBytes(range, shape));
  if (range.first === 0 && range.count >= shape.clusters) return `All ${size}`;
  return `${hex(range.first * shape.clusterSize)}, ${size}`;
}

/** "1 cell = 256 clusters = 16 MiB". */
export function scaleText(clustersPerCell: number, { clusterSize }: MapShape): string {
  const size = bytes(clustersPerCell * clusterSize);
  return clustersPerCell === 1
    ? `1 cell = 1 cluster = ${size}`
    : `1 cell = ${count(clustersPerCell, "cluster")} = ${size}, shown by the worst of them`;
}

/** Share of a whole to read: "0 %", "< 0.1 %", "12.3 %", "100 %"; never rounded up to all or down to nothing. */
export function shareText(part: number, whole: number): string {
  if (part <= 0 || whole <= 0) return "0 %";
  if (part >= whole) return "100 %";
  const percent = (part / whole) * 100;
  if (percent < 0.1) return "< 0.1 %";
  return `${Math.min(99.9, percent).toFixed(1)} %`;
}

/** The offset before a row: "0x2a0000", or as the person wants offsets. */
export function rowLabel(offset: number, base: Prefs["addressBase"]): string {
  return base === "hex" ? hex(offset) : address(offset, base, 1);
}
