// Which clusters of a file are in use, and which by more than one: two bits a cluster.
import { bitmapBytes } from "../../block/scanTable.ts";

/** Numbers of clusters are 32-bit integers here, which the hot loop is several times faster with: 128 TiB of 64 KiB. */
export const maxClusters = 2 ** 31;

export class ClusterUsage {
  readonly clusters: number;
  /** Bit i % 32 of the little-endian word i / 32: cluster i is in use. */
  readonly #used: DataView;
  readonly #again: Int32Array;
  /** Clusters used more than once. */
  shared = 0;

  /** `used` are the bits, `bitmapBytes` long, where others set some as well. */
  constructor(clusters: number, used = new DataView(new ArrayBuffer(bitmapBytes(clusters)))) {
    this.clusters = clusters;
    this.#used = used;
    this.#again = new Int32Array(Math.ceil(clusters / 32));
  }

  /** Marks neighbours; answers how many of them were in use already. */
  markRun(index: number, count: number): number {
    const used = this.#used;
    let at = index;
    let left = count;
    let again = 0;
    while (left > 0) {
      const word = at >>> 5;
      const low = at & 31;
      const bits = Math.min(left, 32 - low);
      const mask = bits === 32 ? -1 : ((1 << bits) - 1) << low;
      // Signed, since larger numbers would not be small integers.
      const old = used.getInt32(word * 4, true);
      used.setInt32(word * 4, old | mask, true);
      if ((old & mask) !== 0) {
        for (let bit = low; bit < low + bits; bit++) {
          if ((old & (1 << bit)) === 0) continue;
          this.#markAgain(word, 1 << bit);
          again++;
        }
      }
      at += bits;
      left -= bits;
    }
    return again;
  }

  isUsed(index: number): boolean {
    return (this.#used.getInt32((index >>> 5) * 4, true) & (1 << (index & 31))) !== 0;
  }

  isShared(index: number): boolean {
    return ((this.#again[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  /** Runs of clusters from `first` on that nothing uses. */
  *unused(first: number): Generator<{ readonly index: number; readonly count: number }> {
    for (let index = this.#next(first, 0); index < this.clusters; ) {
      const end = this.#next(index, 1);
      yield { index, count: end - index };
      index = this.#next(end, 0);
    }
  }

  /** The first cluster from `index` on whose bit is `bit`; the number of clusters when there is none. */
  #next(index: number, bit: 0 | 1): number {
    const other = bit === 0 ? -1 : 0;
    const used = this.#used;
    let at = index;
    while (at < this.clusters) {
      const word = used.getInt32((at >>> 5) * 4, true);
      if (word === other) {
        at = ((at >>> 5) + 1) * 32;
        continue;
      }
      if (((word >>> (at & 31)) & 1) === bit) return at;
      at++;
    }
    return this.clusters;
  }

  /** A bit of a word of `#used` that was set already. */
  #markAgain(word: number, bit: number): void {
    const old = this.#again[word] ?? 0;
    if ((old & bit) === 0) this.shared++;
    this.#again[word] = old | bit;
  }
}
