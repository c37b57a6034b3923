// Refcounts of any width in a page of a refcount block, as the cache of tables holds it: words of 32 bits of this machine.
// Below 8 bits the first entry of a byte is its lowest bits; wider ones are big-endian. Specification: qcow2, "Host
// cluster management".

export type CountPage = Int32Array<ArrayBuffer>;

/** By the width's order: of each count one is looked up, and powers take long. */
const masks = [1, 3, 0xf, 0xff, 0xffff, -1];
const mosts = [1, 3, 0xf, 0xff, 0xffff, 0xffff_ffff, Number.MAX_SAFE_INTEGER];

/** Entry `index` of a page. 64-bit ones above 2^53 are not exact. */
export function countAt(page: CountPage, index: number, order: number): number {
  if (order === 6) return ((page[index * 2] ?? 0) >>> 0) * 0x100000000 + ((page[index * 2 + 1] ?? 0) >>> 0);
  const [word, shift] = placeOf(index, order);
  const value = ((page[word] ?? 0) >>> shift) & maskOf(order);
  return value >>> 0;
}

/** `value` is at most `mostCount(order)`. */
export function putCount(page: CountPage, index: number, order: number, value: number): void {
  if (order === 6) {
    page[index * 2] = Math.floor(value / 0x100000000) | 0;
    page[index * 2 + 1] = (value % 0x100000000) | 0;
    return;
  }
  const [word, shift] = placeOf(index, order);
  const mask = maskOf(order) << shift;
  page[word] = ((page[word] ?? 0) & ~mask) | ((value << shift) & mask);
}

/** The highest count that is kept; of 64-bit ones those that are exact. */
export function mostCount(order: number): number {
  return mosts[order] ?? 0;
}

function placeOf(index: number, order: number): [word: number, shift: number] {
  if (order === 5) return [index, 0];
  if (order === 4) return [index >>> 1, 16 - (index & 1) * 16];
  const perByte = 8 >>> order;
  const byte = Math.floor(index / perByte);
  return [byte >>> 2, 24 - (byte & 3) * 8 + (index % perByte) * 2 ** order];
}

function maskOf(order: number): number {
  return masks[order] ?? 0;
}
