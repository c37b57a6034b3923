// Which clusters of a file are in use, and which by more than one: two bits a cluster.

/** Bits of typed arrays can be addressed up to here; a file of 16 TiB with the smallest clusters has that many. */
export const maxClusters = 2 ** 32;

export class ClusterUsage {
  readonly clusters: number;
  readonly #used: Uint32Array;
  readonly #again: Uint32Array;
  /** Clusters used more than once. */
  shared = 0;

  constructor(clusters: number) {
    this.clusters = clusters;
    this.#used = new Uint32Array(Math.ceil(clusters / 32));
    this.#again = new Uint32Array(Math.ceil(clusters / 32));
  }

  /** Marks one cluster; true when it was in use already. */
  mark(index: number): boolean {
    // Indices are below 2^32: no bit is lost.
    const word = index >>> 5;
    const bit = 1 << (index & 31);
    const old = this.#used[word] ?? 0;
    if ((old & bit) === 0) {
      this.#used[word] = old | bit;
      return false;
    }
    this.#markAgain(word, bit);
    return true;
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
      const mask = bits === 32 ? 0xffffffff : ((1 << bits) - 1) << low;
      const old = used[word] ?? 0;
      used[word] = old | mask;
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

  isShared(index: number): boolean {
    return ((this.#again[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
  }

  /** Runs of clusters from `first` on that nothing uses. */
  *unused(first: number): Generator<{ readonly index: number; readonly count: number }> {
    let start = -1;
    for (let index = first; index < this.clusters; ) {
      const word = this.#used[index >>> 5] ?? 0;
      const isWhole = (index & 31) === 0 && index + 32 <= this.clusters;
      if (isWhole && (word === 0xffffffff || word === 0)) {
        if (word === 0 && start < 0) start = index;
        if (word !== 0 && start >= 0) {
          yield { index: start, count: index - start };
          start = -1;
        }
        index += 32;
        continue;
      }
      const isUsed = (word & (1 << (index & 31))) !== 0;
      if (!isUsed && start < 0) start = index;
      if (isUsed && start >= 0) {
        yield { index: start, count: index - start };
        start = -1;
      }
      index++;
    }
    if (start >= 0) yield { index: start, count: this.clusters - start };
  }

  #markAgain(word: number, bit: number): void {
    const old = this.#again[word] ?? 0;
    if ((old & bit) === 0) this.shared++;
    this.#again[word] = old | bit;
  }
}
