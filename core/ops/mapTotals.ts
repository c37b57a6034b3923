// Clusters and bytes of each kind of a map.
import { type ClusterKind, clusterKinds } from "../block/structure.ts";
import type { KindTotal, MapFacts } from "./mapRun.ts";

/** `counts`: clusters by number of kind; `last`: the kind of the last one, which the end of the file may cut short. */
export function totalsOf(
  counts: Float64Array,
  last: number | undefined,
  { clusters, clusterSize, fileSize }: Pick<MapFacts, "clusters" | "clusterSize" | "fileSize">,
): Readonly<Record<ClusterKind, KindTotal>> {
  const missing = clusters * clusterSize - fileSize;
  const totals = clusterKinds.map((kind, number): [ClusterKind, KindTotal] => {
    const clusters = counts[number] ?? 0;
    return [kind, { clusters, bytes: clusters * clusterSize - (number === last ? missing : 0) }];
  });
  return Object.fromEntries(totals.reverse()) as Record<ClusterKind, KindTotal>;
}
