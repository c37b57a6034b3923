// Words and numbers of a hex pane: addresses in the chosen base, boundaries and their labels, what a screen
// reader says of a byte. Pure.
import type { Prefs } from "../store/prefs.ts";
import { bytes, count, decimal } from "../widgets/format.ts";
import { type BytesRow, type FoldRow, outside, unreadable } from "./rowContent.ts";

export const sectorSize = 512;
const pageLineSize = 4096;

/** "00" to "FF". */
export const hexDigits: readonly string[] = Array.from({ length: 256 }, (_, value) =>
  value.toString(16).toUpperCase().padStart(2, "0"),
);

/** An address as the address column shows it, at least `chars` wide. */
export function address(offset: number, base: Prefs["addressBase"], chars: number): string {
  if (offset < 0) return "-".padStart(chars);
  if (base === "decimal") return String(offset).padStart(chars);
  if (base === "hex") return offset.toString(16).toUpperCase().padStart(chars, "0");
  const within = offset % sectorSize;
  return `${Math.floor(offset / sectorSize)}+${within.toString(16).toUpperCase().padStart(3, "0")}`.padStart(
    chars,
  );
}

/** Characters that every address below `extent` fits in: comfortably, and at least. */
export function addressChars(extent: number, base: Prefs["addressBase"]): { usual: number; least: number } {
  const least = Math.max(4, address(Math.max(0, extent - 1), base, 1).length);
  return { usual: base === "hex" ? Math.max(8, least) : least, least };
}

export type Boundary = "cluster" | "page" | "sector";
export interface BoundaryAt {
  readonly kind: Boundary;
  /** "c 16", "s 2048". */
  readonly label: string;
  /** First byte of the boundary, from the row's start. */
  readonly column: number;
}

/**
 * The strongest boundary that begins within [offset, offset + count) of the source. Clusters are those of the
 * guest disk; `clusterSize` is undefined where there are none.
 */
export function boundaryIn(
  offset: number,
  size: number,
  clusterSize: number | undefined,
  shown: Prefs["boundaries"],
): BoundaryAt | undefined {
  if (shown === "none") return undefined;
  const at = (unit: number) => Math.ceil(offset / unit) * unit;
  const within = (start: number) => start >= 0 && start < offset + size;
  if (shown !== "sector" && clusterSize !== undefined && within(at(clusterSize))) {
    const start = at(clusterSize);
    return { kind: "cluster", label: `c ${start / clusterSize}`, column: start - offset };
  }
  if (shown === "cluster" || !within(at(sectorSize))) return undefined;
  const start = at(sectorSize);
  const kind = start % pageLineSize === 0 ? "page" : "sector";
  return { kind, label: `s ${start / sectorSize}`, column: start - offset };
}

/** Characters of the longest label of a source; the space after its letter is drawn half as wide. */
export function gutterChars(
  extent: number,
  shown: Prefs["boundaries"],
  clusterSize: number | undefined,
): number {
  if (shown === "none") return 0;
  const unit = shown === "cluster" ? clusterSize : sectorSize;
  return unit === undefined ? 0 : 1.5 + String(Math.floor(Math.max(0, extent - 1) / unit)).length;
}

/** What a fold row says: "31 sectors equal (15.5 KiB)". */
export function foldText({ length }: FoldRow): string {
  const amount = length % sectorSize === 0 ? count(length / sectorSize, "sector") : count(length, "byte");
  return length >= 1024 && length % sectorSize === 0
    ? `${amount} equal (${bytes(length)})`
    : `${amount} equal`;
}

/** What a row outside the source says. */
export const outsideText = { before: "before the start", past: "past the end" } as const;

/** "offset 14000 hex" and the sector, for the name of a row. */
export function rowName(offset: number): string {
  if (offset < 0) return "before the start";
  const sector = Math.floor(offset / sectorSize);
  return `offset ${offset.toString(16).toUpperCase()} hex, sector ${decimal(sector)}`;
}

/** "offset 14010 hex, 7F, differs, other side 00". `offset` is the source's. */
export function cellName(row: BytesRow, column: number, offset: number): string {
  const place = `offset ${offset.toString(16).toUpperCase()} hex`;
  const value = row.values[column] ?? outside;
  const other = row.others?.[column];
  switch (row.marks[column]) {
    case "outside":
      return offset < 0 ? "before the start" : `${place}, past the end`;
    case "unreadable":
      return `${place}, unreadable${other !== undefined && other >= 0 ? `, other side ${hexDigits[other]}` : ""}`;
    case "missing":
      return `${place}, not loaded yet`;
    case "differs":
    case "current":
      return other !== undefined && other >= 0
        ? `${place}, ${hexDigits[value]}, differs, other side ${hexDigits[other]}`
        : `${place}, ${hexDigits[value]}, differs, other side has ended`;
    case "oneSide":
      return `${place}, ${hexDigits[value]}, only on this side`;
    default:
      return `${place}, ${hexDigits[value]}${other === unreadable ? ", other side unreadable" : ""}`;
  }
}
