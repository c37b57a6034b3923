// How each kind of cluster is shown (ux.md 13): the class that gives it its colour and pattern, the letter that tells
// it from others of its class once cells are large enough, and its words. Pure; canvas, legend, table and picture
// all read this and nothing else.
import { type ClusterKind, clusterKinds, firstProblem, kindNumber } from "../../core/block/structure.ts";

/** Classes of the legend in its order: problems first, then as the worst wins. The digit keys 1 to 9 follow it. */
export const mapClasses = [
  "corrupt",
  "leaked",
  "unreadable",
  "metadata",
  "shared",
  "compressed",
  "data",
  "zero",
  "free",
] as const;
export type MapClass = (typeof mapClasses)[number];

/** A shape drawn over the colour of a cell of at least `patternSide` CSS pixels. */
export type Pattern =
  | "none"
  | "ring"
  | "double-line"
  | "dots"
  | "frame"
  | "stripes"
  | "cross"
  | "hatch"
  | "sparse-hatch"
  | "corner";

/** CSS pixels of a cell's side from which on it has its pattern, and from which on its letter instead. */
export const patternSide = 6;
export const letterSide = 12;

/** CSS custom property of a colour, without its dashes. */
export type KindToken = `kind-${MapClass}` | "kind-unscanned";

export interface Look {
  /** At the start of a line: "Leaked". */
  readonly label: string;
  /** One character, or none. */
  readonly letter: string;
  readonly pattern: Pattern;
  readonly token: KindToken;
  /** Has a line around it: its colour alone is too close to the background. */
  readonly outlined: boolean;
}
export interface KindLook extends Look {
  readonly cls: MapClass;
}

/** The letter that no font need have: it is its pattern at every size. */
export const crossLetter = "✕";

export const classLooks: Readonly<Record<MapClass, Look>> = {
  corrupt: ofClass("corrupt", "Corrupt", crossLetter, "cross"),
  leaked: ofClass("leaked", "Leaked", "L", "stripes"),
  unreadable: ofClass("unreadable", "Unreadable, not known", "?", "hatch"),
  metadata: ofClass("metadata", "Metadata", "M", "frame"),
  shared: ofClass("shared", "Shared by snapshots", "S", "double-line"),
  compressed: ofClass("compressed", "Compressed", "Z", "dots"),
  data: ofClass("data", "Data", "", "none"),
  zero: ofClass("zero", "Zero", "0", "ring", true),
  free: ofClass("free", "Free", "", "none", true),
};

function ofClass(cls: MapClass, label: string, letter: string, pattern: Pattern, outlined = false): Look {
  return { label, letter, pattern, token: `kind-${cls}`, outlined };
}

export const kindLooks: Readonly<Record<ClusterKind, KindLook>> = {
  overlap: ofKind("corrupt", "Multiply referenced", crossLetter),
  "bad-entry": ofKind("corrupt", "Invalid table entry", "!"),
  "refcount-low": ofKind("corrupt", "Refcount too low", "<"),
  leaked: ofKind("leaked", "Leaked", "L"),
  "refcount-high": ofKind("leaked", "Refcount too high", ">"),
  unreadable: ofKind("unreadable", "Unreadable table", "?"),
  // No problem in itself: fainter than what can't be read.
  unknown: {
    ...ofKind("unreadable", "Not known", ""),
    pattern: "sparse-hatch",
    token: "kind-unscanned",
  },
  header: ofKind("metadata", "Header", "H"),
  "l1-table": ofKind("metadata", "L1 table", "1"),
  "l2-table": ofKind("metadata", "L2 table", "2"),
  "refcount-table": ofKind("metadata", "Refcount table", "R"),
  "refcount-block": ofKind("metadata", "Refcount block", "B"),
  "snapshot-table": ofKind("metadata", "Snapshot table", "T"),
  bitmap: ofKind("metadata", "Bitmap", "P"),
  snapshot: ofKind("shared", "Shared by snapshots", "S"),
  compressed: ofKind("compressed", "Compressed", "Z"),
  data: ofKind("data", "Data", ""),
  zero: ofKind("zero", "Zero", "0"),
  hole: { ...ofKind("free", "Hole, not stored", "–"), pattern: "corner" },
  free: ofKind("free", "Free", ""),
};

/** How `unknown` is called while the scan runs: nothing is wrong with it. */
export const unscannedLook: KindLook = { ...kindLooks.unknown, label: "Not scanned yet" };

function ofKind(cls: MapClass, label: string, letter: string): KindLook {
  return { ...classLooks[cls], cls, label, letter };
}

/** The kinds of a class, worst first. */
export function kindsOf(cls: MapClass): readonly ClusterKind[] {
  return clusterKinds.filter((kind) => kindLooks[kind].cls === cls).reverse();
}

export function isProblem(kind: ClusterKind): boolean {
  return kindNumber(kind) >= firstProblem;
}

/** The kind of a cell of a tile; undefined for anything that is none. */
export function kindOf(cell: number | undefined): ClusterKind | undefined {
  return cell === undefined ? undefined : clusterKinds[cell];
}

/** The class of a digit key: "1" is the first of the legend. */
export function classOfDigit(key: string): MapClass | undefined {
  return /^[1-9]$/.test(key) ? mapClasses[Number(key) - 1] : undefined;
}
