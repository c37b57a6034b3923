// The kind of every cluster of a file and how often it is referred to, in one byte a cluster; a second byte comes with
// the first cluster that is referred to twice. Passes over tables write into `kinds` directly.
import { BlockError } from "../base/errors.ts";
import { kindNumber } from "./structure.ts";

/** Clusters of one map: 2 bytes each and a third for the pyramid stay below 1.3 GB. */
export const maxMappedClusters = 2 ** 29;
const overlap = kindNumber("overlap");
/** Kinds of clusters that nothing refers to. */
const unreferenced = new Set(
  (["unknown", "free", "hole", "header", "leaked"] as const).map((kind) => kindNumber(kind)),
);
/** Counted references end here. */
export const mostCounted = 255;

export class ClusterMarks {
  /** Numbers of `clusterKinds`; 0 is what nothing refers to (yet). */
  readonly kinds: Uint8Array<ArrayBuffer>;
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
  }

  /** References to a run of clusters that their owner alone may have; answers how many have one already. */
  own(first: number, count: number, kind: number): number {
    const { kinds } = this;
    let again = 0;
    for (let index = first; index < first + count; index++) {
      if (kinds[index] === 0) kinds[index] = kind;
      else {
        this.again(index);
        again++;
      }
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
