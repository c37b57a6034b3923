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

export interface ClassLook {
  /** "Corrupt", at the start of a line. */
  readonly label: string;
  readonly letter: string;
  readonly pattern: Pattern;
  /** CSS custom property of the colour, without its dashes. */
  readonly token: KindToken;
  /** Has a line around it: its colour alone is too close to the background. */
  readonly outlined: boolean;
}
export type KindToken = `kind-${MapClass}` | "kind-unscanned";

export interface KindLook {
  readonly cls: MapClass;
  /** What a cluster of it is called: "L2 table". */
  readonly label: string;
  /** One character, or none. */
  readonly letter: string;
  readonly pattern: Pattern;
}

export const classLooks: Readonly<Record<MapClass, ClassLook>> = {
  corrupt: look("corrupt", "Corrupt", "✕", "cross"),
  leaked: look("leaked", "Leaked", "L", "stripes"),
  unreadable: look("unreadable", "Unreadable or not known", "?", "hatch"),
  metadata: look("metadata", "Metadata", "M", "frame"),
  shared: look("shared", "Shared by snapshots", "S", "double-line"),
  compressed: look("compressed", "Compressed", "Z", "dots"),
  data: look("data", "Data", "", "none"),
  zero: look("zero", "Zero", "0", "ring", true),
  free: look("free", "Free", "", "none", true),
};

function look(cls: MapClass, label: string, letter: string, pattern: Pattern, outlined = false): ClassLook {
  return { label, letter, pattern, token: `kind-${cls}`, outlined };
}

export const kindLooks: Readonly<Record<ClusterKind, KindLook>> = {
  overlap: { cls: "corrupt", label: "Referenced more than allowed", letter: "✕", pattern: "cross" },
  "bad-entry": { cls: "corrupt", label: "Table with an invalid entry", letter: "!", pattern: "cross" },
  leaked: { cls: "leaked", label: "Leaked", letter: "L", pattern: "stripes" },
  unreadable: { cls: "unreadable", label: "Unreadable table", letter: "?", pattern: "hatch" },
  unknown: { cls: "unreadable", label: "Not known", letter: "", pattern: "sparse-hatch" },
  header: { cls: "metadata", label: "Header", letter: "H", pattern: "frame" },
  "l1-table": { cls: "metadata", label: "L1 table", letter: "1", pattern: "frame" },
  "l2-table": { cls: "metadata", label: "L2 table", letter: "2", pattern: "frame" },
  "refcount-table": { cls: "metadata", label: "Refcount table", letter: "R", pattern: "frame" },
  "refcount-block": { cls: "metadata", label: "Refcount block", letter: "B", pattern: "frame" },
  "snapshot-table": { cls: "metadata", label: "Snapshot table", letter: "T", pattern: "frame" },
  bitmap: { cls: "metadata", label: "Bitmap", letter: "P", pattern: "frame" },
  snapshot: { cls: "shared", label: "Shared by snapshots", letter: "S", pattern: "double-line" },
  compressed: { cls: "compressed", label: "Compressed", letter: "Z", pattern: "dots" },
  data: { cls: "data", label: "Data", letter: "", pattern: "none" },
  zero: { cls: "zero", label: "Zero", letter: "0", pattern: "ring" },
  hole: { cls: "free", label: "Hole, not stored", letter: "–", pattern: "corner" },
  free: { cls: "free", label: "Free", letter: "", pattern: "none" },
};

/** CSS custom property of a kind's colour: that of its class, but what is not known is no problem. */
export function tokenOf(kind: ClusterKind): KindToken {
  return kind === "unknown" ? "kind-unscanned" : classLooks[kindLooks[kind].cls].token;
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
