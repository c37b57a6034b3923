// The kind of every cluster of a file and how often it is referred to, in a byte and a bit a cluster; a second byte comes
// with the first cluster that is referred to twice. Passes over tables set bits of `owned` directly.
import { BlockError } from "../base/errors.ts";
import { kindNumber } from "./structure.ts";

/** Clusters of one map: 2 bytes each and a half for bits and levels of detail stay below 1.4 GB. */
export const maxMappedClusters = 2 ** 29;
const overlap = kindNumber("overlap");
/** Kinds of clusters that nothing refers to. */
const unreferenced = new Set(
  (["unknown", "free", "hole", "header", "leaked"] as const).map((kind) => kindNumber(kind)),
);
/** Counted references end here. */
export const mostCounted = 255;

export class ClusterMarks {
  /** Numbers of `clusterKinds`. */
  readonly kinds: Uint8Array<ArrayBuffer>;
  /** One bit a cluster that has an owner: small enough to stay in a processor's cache where `kinds` would not. */
  readonly owned: Uint32Array;
  /** References of clusters beyond the first. */
  #extra: Uint8Array | undefined;

  /** Throws EFBIG above `maxMappedClusters`. */
  constructor(clusters: number) {
    if (clusters > maxMappedClusters) {
      throw new BlockError("EFBIG", `The file has ${clusters} clusters; a map holds ${maxMappedClusters}`, {
        hint: "It can still be checked: blkscope check.",
      });
    }
    this.kinds = new Uint8Array(clusters);
    this.owned = new Uint32Array(Math.ceil(clusters / 32));
  }

  /** References to a run of clusters that their owner alone may have; answers how many have one already. */
  own(first: number, count: number, kind: number): number {
    let again = 0;
    for (let index = first; index < first + count; index++) {
      const bit = 1 << (index & 31);
      const old = this.owned[index >>> 5] ?? 0;
      if ((old & bit) === 0) {
        this.owned[index >>> 5] = old | bit;
        this.kinds[index] = kind;
      } else {
        this.again(index);
        again++;
      }
    }
    return again;
  }

  /** Sets the bits of a run of clusters, whose kind `settle` gives; answers how many had an owner already. */
  ownRun(first: number, count: number): number {
    const { owned } = this;
    let again = 0;
    for (let index = first, left = count; left > 0; ) {
      const low = index & 31;
      const length = Math.min(left, 32 - low);
      const mask = length === 32 ? -1 : ((1 << length) - 1) << low;
      const old = (owned[index >>> 5] as number) | 0;
      owned[index >>> 5] = old | mask;
      const both = old & mask;
      for (let bit = low; both !== 0 && bit < low + length; bit++) {
        if ((both & (1 << bit)) === 0) continue;
        this.again(index - low + bit);
        again++;
      }
      index += length;
      left -= length;
    }
    return again;
  }

  /** One more reference to a cluster that has its owner. */
  again(index: number): void {
    this.#extra ??= new Uint8Array(this.kinds.length);
    this.kinds[index] = overlap;
    const before = this.#extra[index] ?? 0;
    if (before < mostCounted - 1) this.#extra[index] = before + 1;
  }

  /**
   * Gives `kind` to clusters of the range that have an owner and no kind yet: a pass that only set their bits ends with
   * it. `first` is a multiple of 32.
   */
  settle(first: number, end: number, kind: number): void {
    const { kinds, owned } = this;
    const words = new Uint32Array(kinds.buffer, 0, Math.floor(kinds.length / 4));
    const four = kind * 0x01010101;
    for (let from = first; from < end; from += 32) {
      const bits = (owned[from >>> 5] as number) | 0;
      if (bits === 0) continue;
      const to = Math.min(end, from + 32);
      const isWhole = bits === -1 && to === from + 32;
      for (let index = from; index < to; index += 4) {
        // Four clusters that have an owner and no kind: the usual case.
        if (isWhole && words[index >>> 2] === 0) words[index >>> 2] = four;
        else this.#settleFour(index, Math.min(to, index + 4), bits, kind);
      }
    }
  }

  #settleFour(first: number, end: number, bits: number, kind: number): void {
    for (let index = first; index < end; index++) {
      if (this.kinds[index] === 0 && (bits & (1 << (index & 31))) !== 0) this.kinds[index] = kind;
    }
  }

  /** Makes the kind of a cluster a worse one; its references stay as they are. */
  worsen(index: number, kind: number): void {
    if ((this.kinds[index] ?? 0) < kind) this.kinds[index] = kind;
  }

  /** Counted references, up to 255: that many or more. */
  references(index: number): number {
    const kind = this.kinds[index] ?? 0;
    return unreferenced.has(kind) ? 0 : 1 + (this.#extra?.[index] ?? 0);
  }
}
