// The refcount table's entries as a writer changes and copies them (qcow2, "Reference count table").
import type { Qcow2Header } from "../layout.ts";
import { bigEndianWords, level, type Tables } from "../tables.ts";

type TablePlace = Qcow2Header["refcountTable"];

/** Puts a block's place into the refcount table, in memory; 0 for none. Within `exclusively`. Throws EIO. */
export async function pointTo(
  tables: Tables,
  { offset }: TablePlace,
  index: number,
  block: number,
): Promise<void> {
  const table = { level: level.refcountTable, event: "reftable_load" };
  await tables.edit(offset, index, table, ({ halves, first }) => {
    halves[(index - first) * 2] = Math.floor(block / 0x100000000);
    halves[(index - first) * 2 + 1] = (block % 0x100000000) | 0;
    return 1;
  });
}

/** The table's words as they are in memory, and zeroes behind them up to the length of `clusters`. Throws EIO. */
export async function tableWords(
  tables: Tables,
  table: TablePlace,
  clusterSize: number,
  clusters: number,
): Promise<Int32Array<ArrayBuffer>> {
  const words = new Int32Array((clusters * clusterSize) / 4);
  const entries = (table.clusters * clusterSize) / 8;
  for (let at = 0; at < entries; ) {
    at += await tables.page(table.offset, at, "reftable_load", ({ halves, first, count }) => {
      words.set(halves, first * 2);
      return first + count - at;
    });
  }
  return words;
}

/** Words of this machine as they are to be on disk, in the same memory. */
export function bigEndianBytes(words: Int32Array<ArrayBuffer>): Uint8Array {
  const bytes = new Uint8Array(words.buffer);
  bigEndianWords(bytes);
  return bytes;
}
