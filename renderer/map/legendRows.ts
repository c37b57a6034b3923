// The rows of the legend: every class, problems first even when there are none, and below a class the kinds that it
// is made of when they are more than one. Pure.
import type { ClusterKind } from "../../core/block/structure.ts";
import type { KindTotal } from "../../core/ops/mapRun.ts";
import type { LegendProps } from "./contract.ts";
import {
  classLooks,
  isProblem,
  kindLooks,
  kindsOf,
  type Look,
  type MapClass,
  mapClasses,
  unscannedLook,
} from "./kinds.ts";

export interface LegendRow {
  readonly id: string;
  readonly label: string;
  /** The kinds that it isolates, worst first. */
  readonly kinds: readonly ClusterKind[];
  /** How its swatch looks. */
  readonly look: Look;
  /** "1" to "9" for classes; kinds below a class have none. */
  readonly digit: string | undefined;
  /** Clusters and bytes; undefined while they are not known. */
  readonly total: KindTotal | undefined;
  /** There are problems in it. */
  readonly alarming: boolean;
}

/** While the scan runs (`isPartial`) what is not known yet has a row of its own, below all that is. */
export function legendRows(summary: LegendProps["summary"], isPartial = false): readonly LegendRow[] {
  const rows = mapClasses.flatMap((cls, index) => {
    const kinds = isPartial ? kindsOf(cls).filter((kind) => kind !== "unknown") : kindsOf(cls);
    const there = kinds.filter((kind) => (summary?.kinds[kind].clusters ?? 0) > 0);
    // A class whose clusters are all of one kind is called by that kind, and looks like it.
    const [only] = there.length === 1 ? there : [];
    const whole = legendRow(cls, only === undefined ? classLooks[cls] : kindLooks[only], kinds, summary);
    const parts =
      there.length < 2 ? [] : there.map((kind) => legendRow(kind, kindLooks[kind], [kind], summary));
    const isOpen = isPartial && summary?.hasTables === true && knownInTheEnd.has(cls);
    return [{ ...whole, digit: String(index + 1), ...(isOpen && { total: undefined }) }, ...parts];
  });
  return isPartial ? [...rows, legendRow("unscanned", unscannedLook, ["unknown"], summary)] : rows;
}

/** What nothing refers to, in a format that has references. */
const knownInTheEnd: ReadonlySet<MapClass> = new Set(["leaked", "free"]);

function legendRow(
  id: string,
  look: Look,
  kinds: readonly ClusterKind[],
  summary: LegendProps["summary"],
): LegendRow {
  const total = summary && {
    clusters: kinds.reduce((sum, kind) => sum + summary.kinds[kind].clusters, 0),
    bytes: kinds.reduce((sum, kind) => sum + summary.kinds[kind].bytes, 0),
  };
  const alarming = kinds.some((kind) => isProblem(kind) && (summary?.kinds[kind].clusters ?? 0) > 0);
  return { id, look, label: look.label, kinds, digit: undefined, total, alarming };
}
