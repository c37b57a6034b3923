// The map of an image as it is and as chosen repairs would leave it, in as many cells as a view has room for: two
// passes over the tables, the second over the file as it would be, so that nothing of the second is guessed.
import { BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { guard } from "../block/guard.ts";
import type { BlockNode } from "../block/node.ts";
import { driverNamed } from "../registry.ts";
import { longestTile } from "./cells.ts";
import { mapClusters } from "./clusterMap.ts";
import { fileState } from "./mapIdentity.ts";
import type { RepairAsks } from "./repairRun.ts";

type Cells = RepairAsks["map"]["answer"];

/** Most cells of one map. */
const mostCells = 1024 * 1024;

/** Maps of an image for one choice after another: what it is now is the same for all of them. */
export class MapsBothWays {
  readonly #root: BlockNode;
  #now: (Scanned & { readonly clustersPerCell: number }) | undefined;

  constructor(root: BlockNode) {
    this.#root = root;
  }

  /**
   * `mended` is the image's file as it would be. A cell, of which there are `most` at the most, is the worst of its
   * clusters; where one of the files has none any more it is unknown. Throws EINVAL, ECANCELED, EFBIG.
   */
  async of(mended: BlockNode, most: number, signal: AbortSignal): Promise<Cells> {
    if (!Number.isInteger(most) || most < 1 || most > mostCells) {
      throw new BlockError("EINVAL", `A map has 1 to ${mostCells} cells`);
    }
    const { structure, driver } = this.#root;
    if (!structure) throw new BlockError("ENOTSUP", "This image format has no clusters to be mapped");
    const clusters = Math.ceil(Math.max(structure.fileSize, mended.size) / structure.clusterSize);
    const clustersPerCell = Math.max(1, Math.ceil(clusters / most));
    const length = Math.ceil(clusters / clustersPerCell);
    // One after the other: a map takes more than a byte a cluster.
    const before = inLength(await this.#cellsNow(clustersPerCell, signal), length);
    const then = await openOver(driver, mended);
    const { cells: after } = await scan(then, clustersPerCell, signal);
    return { clustersPerCell, before, after: inLength(after, length) };
  }

  /** Kept until another program writes to the file. */
  async #cellsNow(clustersPerCell: number, signal: AbortSignal): Promise<Uint8Array> {
    const kept = this.#now;
    if (kept?.clustersPerCell === clustersPerCell && kept.state === fileState(this.#root)) return kept.cells;
    const scanned = await scan(this.#root, clustersPerCell, signal);
    this.#now = scanned.state === undefined ? undefined : { ...scanned, clustersPerCell };
    return scanned.cells;
  }
}

/** A copy, whatever the length of the file that it is of. */
function inLength(cells: Uint8Array, length: number): Uint8Array {
  const all = new Uint8Array(length);
  all.set(cells.subarray(0, length));
  return all;
}

interface Scanned {
  readonly cells: Uint8Array;
  /** Of the file, when the scan began; undefined where that is not known. */
  readonly state: string | undefined;
}

async function scan(node: BlockNode, clustersPerCell: number, signal: AbortSignal): Promise<Scanned> {
  const map = await mapClusters(node, { signal, progress: () => undefined });
  const { clusters, identity } = map.summary;
  const cells = new Uint8Array(Math.ceil(clusters / clustersPerCell));
  const pace = new Pace(signal);
  for (let first = 0; first < clusters; first += longestTile) {
    const kinds = await map.tile({ level: 0, first, count: longestTile });
    for (let i = 0; i < kinds.length; i++) {
      const cell = Math.floor((first + i) / clustersPerCell);
      const kind = kinds[i] as number;
      if (kind > (cells[cell] as number)) cells[cell] = kind;
    }
    await pace.turn();
    if (pace.stopped) throw new BlockError("ECANCELED", "The map was cancelled");
  }
  return { cells, state: identity?.state };
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
