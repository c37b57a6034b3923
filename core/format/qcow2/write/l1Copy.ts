// A copy of an L1 table as it is in memory, to be written to another place: when the disk grows, when a snapshot is made
// or applied.
import type { TablePlace } from "../layout.ts";
import type { Tables } from "../tables.ts";

const copiedBit = 0x80000000 | 0;

/**
 * `length` bytes, zeroes behind the table. `isShared`: what it points to belongs to another table as well, so that no
 * entry is COPIED.
 */
export async function l1Copy(
  tables: Tables,
  l1: TablePlace,
  length: number,
  { isShared }: { readonly isShared: boolean },
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < l1.entries; ) {
    at += await tables.page(l1.offset, at, undefined, ({ halves, first, count }) => {
      const end = Math.min(l1.entries, first + count);
      for (let i = at; i < end; i++) {
        const high = halves[(i - first) * 2] ?? 0;
        view.setInt32(i * 8, isShared ? high & ~copiedBit : high);
        view.setInt32(i * 8 + 4, halves[(i - first) * 2 + 1] ?? 0);
      }
      return end - at;
    });
  }
  return bytes;
}
