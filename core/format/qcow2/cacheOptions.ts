// Options for the tables of an open image that are held in memory, in the peer's names. The peer has one cache for L2 tables
// and one for refcounts; here they share one, which is as large as both together.
import type * as z from "zod";
import { BlockError } from "../../base/errors.ts";
import { integer, size } from "../../block/options.ts";

export const cacheOptions = {
  "cache-size": size
    .describe("Bytes of tables held in memory. Default: 12M for L2 tables, and 4M for refcounts.")
    .optional(),
  "l2-cache-size": size.describe("Of these, bytes for L2 tables.").optional(),
  "l2-cache-entry-size": size
    .describe("Bytes of a table that are read at a time: a power of two from 512 to the cluster size.")
    .optional(),
  "refcount-cache-size": size.describe("Of these, bytes for refcount blocks.").optional(),
  "cache-clean-interval": integer
    .describe("Seconds; accepted and without effect: memory is bounded by the sizes alone.")
    .optional(),
};

type Given = z.output<z.ZodObject<typeof cacheOptions>>;

/** What is held of an image's tables. */
export interface TableCache {
  /** Bytes. */
  readonly limit: number;
  /** Bytes that are read at a time, at most. */
  readonly pageBytes: number;
}

/** Bytes of a page; smaller tables are one page. */
const longestPage = 64 * 1024;
const defaultL2 = 12 * 1024 * 1024;
const defaultRefcounts = 4 * 1024 * 1024;
/** Pages: so many requests at once find what they have just read. */
const leastPages = 32;
/** Pages of a cache, and seconds, that the peer can count. */
const mostPages = 2 ** 31 - 1;
const mostSeconds = 2 ** 32 - 1;

/** Throws EINVAL for sizes that don't go together. */
export function tableCache(given: Given, clusterSize: number): TableCache {
  const { "cache-size": all, "l2-cache-size": l2, "refcount-cache-size": refcounts } = given;
  const entry = given["l2-cache-entry-size"] ?? clusterSize;
  if (all !== undefined) {
    const names = "cache-size, l2-cache-size and refcount-cache-size";
    if (l2 !== undefined && refcounts !== undefined) refuse(`${names} may not be set at the same time`);
    if ((l2 ?? 0) > all) refuse("l2-cache-size may not exceed cache-size");
    if ((refcounts ?? 0) > all) refuse("refcount-cache-size may not exceed cache-size");
  }
  if (entry < 512 || entry > clusterSize || !Number.isInteger(Math.log2(entry))) {
    refuse(`L2 cache entry size must be a power of two between 512 and the cluster size (${clusterSize})`);
  }
  if ((l2 ?? 0) / entry > mostPages) refuse("L2 cache size too big");
  if ((refcounts ?? 0) / clusterSize > mostPages) refuse("Refcount cache size too big");
  const interval = given["cache-clean-interval"] ?? 0;
  if (interval < 0 || interval > mostSeconds) refuse("Cache clean interval too big");
  const pageBytes = Math.min(longestPage, entry);
  const wanted = all ?? (l2 ?? defaultL2) + (refcounts ?? defaultRefcounts);
  return { limit: Math.max(wanted, leastPages * pageBytes), pageBytes };
}

function refuse(message: string): never {
  throw new BlockError("EINVAL", message, { peer: { message } });
}
