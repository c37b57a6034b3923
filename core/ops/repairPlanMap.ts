// The map of an image as it is and as chosen repairs would leave it, in as many cells as a view has room for: two
// passes over the tables, the second over the file as it would be, so that nothing of the second is guessed.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { guard } from "../block/guard.ts";
import type { BlockNode } from "../block/node.ts";
import { driverNamed } from "../registry.ts";
import { longestTile } from "./cells.ts";
import { mapClusters } from "./clusterMap.ts";
import type { RepairAsks } from "./repairRun.ts";

type Cells = RepairAsks["map"]["answer"];

/** Most cells of one map. */
const mostCells = 1024 * 1024;

/**
 * `root` is the image, `mended` its file as it would be. Cells are the worst of their clusters; where one of the files
 * has none any more they are unknown. Throws EINVAL, ECANCELED, EFBIG.
 */
export async function mapBothWays(
  root: BlockNode,
  mended: BlockNode,
  cells: number,
  signal: AbortSignal,
): Promise<Cells> {
  if (!Number.isInteger(cells) || cells < 1 || cells > mostCells) {
    throw new BlockError("EINVAL", `A map has 1 to ${mostCells} cells`);
  }
  if (!root.structure) throw new BlockError("ENOTSUP", "This image format has no clusters to be mapped");
  const { clusterSize, fileSize } = root.structure;
  const clusters = Math.ceil(Math.max(fileSize, mended.size) / clusterSize);
  const clustersPerCell = Math.max(1, Math.ceil(clusters / cells));
  // One after the other: a map takes more than a byte a cluster.
  const before = await cellsOf(root, clusters, clustersPerCell, signal);
  const then = await openOver(root.driver, mended);
  return { clustersPerCell, before, after: await cellsOf(then, clusters, clustersPerCell, signal) };
}

async function cellsOf(
  node: BlockNode,
  clusters: number,
  clustersPerCell: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const map = await mapClusters(node, { signal, progress: () => undefined });
  const cells = new Uint8Array(Math.ceil(clusters / clustersPerCell));
  const pace = new Pace(signal);
  for (let first = 0; first < map.summary.clusters; first += longestTile) {
    const kinds = await map.tile({ level: 0, first, count: longestTile });
    for (const [i, kind] of kinds.entries()) {
      const cell = Math.floor((first + i) / clustersPerCell);
      if (kind > (cells[cell] ?? 0)) cells[cell] = kind;
    }
    await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "The map was cancelled");
  }
  return cells;
}

/** The format over a file that is none on disk: read-only, without backing files. */
async function openOver(format: string, inner: BlockNode): Promise<BlockNode> {
  const driver = driverNamed(format);
  if (!driver) throw new BlockError("ENOTSUP", `There is no format '${format}'`);
  const file = guard(inner);
  return driver.open(
    { driver: format, file: { driver: "mended" }, backing: null },
    {
      name: format,
      readOnly: true,
      baseDir: "/",
      backing: "none",
      dirty: "skip",
      purpose: "inspect",
      sharing: { forceShare: true },
      cache: { writethrough: false, direct: false, noFlush: false },
      warn: () => undefined,
      event: () => undefined,
      fileOpened: () => undefined,
      openChild: async () => file,
      reopenChild: async () => file,
    },
  );
}
