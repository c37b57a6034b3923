// What the bytes of an image's file say of one place in it, whatever a scan has found: the structure, what it points to,
// and how often the format says that the cluster is in use.
import { asBlockError, BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import type { Pointers, StructureAt } from "../block/structure.ts";
import type { MapPlace } from "./mapRun.ts";

export interface PlaceQuestion {
  /** Of the file. */
  readonly offset: number;
  /** Of pointers that are listed. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

type Where = Pick<MapPlace, "offset" | "cluster" | "clusterOffset" | "clusterLength">;
type Inside = Pick<MapPlace, "structure" | "pointers" | "unread">;

/** Throws EINVAL for an offset that is not in the file. */
export function whereIs(offset: number, clusterSize: number, fileSize: number): Where {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset >= fileSize) {
    throw new BlockError("EINVAL", `Offset ${offset} is not in the file of ${fileSize} bytes`);
  }
  const cluster = Math.floor(offset / clusterSize);
  const clusterOffset = cluster * clusterSize;
  return { offset, cluster, clusterOffset, clusterLength: Math.min(clusterSize, fileSize - clusterOffset) };
}

/** What can't be read is part of the answer. Throws ECANCELED. */
export async function lookInto(
  { structure }: BlockNode,
  clusterOffset: number,
  { offset, limit, signal }: PlaceQuestion,
): Promise<Inside> {
  let found: StructureAt | undefined;
  let pointers: Pointers = { list: [], total: 0 };
  try {
    found = await structure?.describe(offset);
    if (structure !== undefined) pointers = await structure.pointers(clusterOffset, limit, signal);
    return { structure: found, pointers };
  } catch (thrown) {
    const { code, message } = asBlockError(thrown);
    if (code !== "EIO") throw thrown;
    return { structure: found, pointers, unread: message };
  }
}

/** Nothing where the format stores no refcounts, or this one can't be read. Throws ECANCELED. */
export async function storedCount({ structure }: BlockNode, cluster: number): Promise<{ stored?: number }> {
  try {
    const count = (await structure?.storedReferences?.(cluster))?.count;
    return count === undefined ? {} : { stored: count };
  } catch (error) {
    if (error instanceof BlockError && error.code === "ECANCELED") throw error;
    return {};
  }
}
