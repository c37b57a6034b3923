// A map by as many threads as it is told, for the bench of maps: node mapWork.mjs IMAGE FORMAT THREADS. Bundled and run by
// clusterMap.mjs, which measures the whole process.
import { openGraph } from "../../core/graph.ts";
import { mapClusters } from "../../core/ops/clusterMap.ts";

const [, , filename = "", driver = "", threads = ""] = process.argv;
const options = { readOnly: true, toInspect: true } as const;
const graph = await openGraph({ driver, file: { driver: "file", filename } }, options);
const map = await mapClusters(graph.root, {
  signal: new AbortController().signal,
  progress: () => undefined,
  sharing: { threads: Number(threads), leastBytes: 1 },
});
if (map.summary.extraReferences > 0) throw new Error("an image of the bench is not in order");
await graph.close();
