// Which clusters of a file are in use, and which by more than one: two bits a cluster.

/** Numbers of clusters are 32-bit integers here, which the hot loop is several times faster with: 128 TiB of 64 KiB. */
export const maxClusters = 2 ** 31;

export class ClusterUsage {
  readonly clusters: number;
  /** Bit i % 32 of word i / 32: cluster i is in use. Signed, since larger numbers would not be small integers. */
  readonly words: Int32Array;
  readonly #again: Int32Array;
  /** Clusters used more than once. */
  shared = 0;

  constructor(clusters: number) {
    this.clusters = clusters;
    this.words = new Int32Array(Math.ceil(clusters / 32));
    this.#again = new Int32Array(Math.ceil(clusters / 32));
  }

  /** Marks neighbours; answers how many of them were in use already. */
  markRun(index: number, count: number): number {
    const used = this.words;
    let at = index;
    let left = count;
    let again = 0;
    while (left > 0) {
      const word = at >>> 5;
      const low = at & 31;
      const bits = Math.min(left, 32 - low);
      const mask = bits === 32 ? -1 : ((1 << bits) - 1) << low;
      const old = used[word] ?? 0;
      used[word] = old | mask;
      if ((old & mask) !== 0) {
        for (let bit = low; bit < low + bits; bit++) {
          if ((old & (1 << bit)) === 0) continue;
          this.markAgain(word, 1 << bit);
          again++;
        }
      }
      at += bits;
      left -= bits;
    }
    return again;
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
    const words = this.words;
    let at = index;
    while (at < this.clusters) {
      const word = words[at >>> 5] as number;
      if (word === other) {
        at = ((at >>> 5) + 1) * 32;
        continue;
      }
      if (((word >>> (at & 31)) & 1) === bit) return at;
      at++;
    }
    return this.clusters;
  }

  /** A bit of a word of `words` that was set already. */
  markAgain(word: number, bit: number): void {
    const old = this.#again[word] ?? 0;
    if ((old & bit) === 0) this.shared++;
    this.#again[word] = old | bit;
  }
}
