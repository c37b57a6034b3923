// A map strip as runs of cells of one kind, where before and after differ, and both in words.
import type { ClusterKind } from "../../../core/block/structure.ts";
import { kindLooks, kindOf } from "../../map/kinds.ts";
import { count } from "../../widgets/format.ts";

export interface KindRun {
  readonly kind: ClusterKind;
  readonly first: number;
  readonly length: number;
}

export function kindRuns(cells: Uint8Array): readonly KindRun[] {
  const runs: KindRun[] = [];
  for (const [at, cell] of cells.entries()) {
    const kind = kindOf(cell) ?? "unknown";
    const last = runs.at(-1);
    if (last?.kind === kind) runs[runs.length - 1] = { ...last, length: last.length + 1 };
    else runs.push({ kind, first: at, length: 1 });
  }
  return runs;
}

/** Runs of cells that are the same in both, or not. */
export function changedRuns(
  before: Uint8Array,
  after: Uint8Array,
): readonly { readonly first: number; readonly length: number; readonly changed: boolean }[] {
  const runs: { first: number; length: number; changed: boolean }[] = [];
  for (let at = 0; at < Math.max(before.length, after.length); at++) {
    const changed = before[at] !== after[at];
    const last = runs.at(-1);
    if (last?.changed === changed) last.length++;
    else runs.push({ first: at, length: 1, changed });
  }
  return runs;
}

/** Cells of a map that a file of `size` bytes has; undefined where the size of its clusters is not known. */
export function cellsInFile(
  size: number,
  clusterSize: number | undefined,
  clustersPerCell: number,
): number | undefined {
  return clusterSize === undefined ? undefined : Math.ceil(Math.ceil(size / clusterSize) / clustersPerCell);
}

/** "Data 12, Leaked 3": cells of each kind, the most frequent first. */
export function stripText(cells: Uint8Array): string {
  const tally = new Map<ClusterKind, number>();
  for (const cell of cells) {
    const kind = kindOf(cell) ?? "unknown";
    tally.set(kind, (tally.get(kind) ?? 0) + 1);
  }
  return [...tally]
    .sort((a, b) => b[1] - a[1])
    .map(([kind, cells]) => `${kindLooks[kind].label} ${count(cells, "cell")}`)
    .join(", ");
}
