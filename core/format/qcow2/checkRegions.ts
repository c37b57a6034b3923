// Ranges of the file that something refers to, as a check counts them: what lies behind the end of the file, and what is
// referred to more often than its refcount could say, is found here. Texts beside ours are the peer's.
import { hex } from "../../base/bytes.ts";
import { OneThreadAgain } from "../../base/programThread.ts";
import type { Finding } from "../../block/finding.ts";
import type { ClusterCounts } from "./checkCounts.ts";
import type { CheckReporter, Told } from "./checkReporter.ts";

/** The field or the entry that refers to something. */
export interface Place extends Pick<Finding, "offset" | "length" | "table" | "entry" | "value" | "guest"> {
  /** "L1[0] -> L2[3]". */
  readonly by: string;
}

/** A range of clusters, both included, that one structure has. */
export interface OwnedClusters {
  readonly first: number;
  readonly last: number;
  readonly by: string;
}

/** Those above are not named. */
const mostOwned = 100_000;

export class CheckRegions {
  readonly owned: OwnedClusters[] = [];
  readonly #counts: ClusterCounts;
  readonly #clusterSize: number;
  readonly #reporter: CheckReporter;

  constructor(counts: ClusterCounts, clusterSize: number, reporter: CheckReporter) {
    this.#counts = counts;
    this.#clusterSize = clusterSize;
    this.#reporter = reporter;
  }

  /** Of a structure: who has the clusters is remembered for those who share them. */
  own(offset: number, length: number, times: number, place: Place): void {
    if (this.#reporter.isHeard && this.owned.length < mostOwned && length > 0) {
      const [first, last] = this.#span(offset, length);
      // A length may be as long as no file is.
      this.owned.push({ first, last: Math.min(last, this.#counts.clusters), by: place.by });
    }
    this.refer(offset, length, times, () => place);
  }

  /**
   * Counts the clusters of a range, `times` each. One that ends a cluster or more behind the end of the file is not
   * counted. `exact`: the offset where it is above 2^53.
   */
  refer(
    offset: number,
    length: number,
    times: number,
    place: () => Place,
    exact: number | bigint = offset,
  ): void {
    if (length <= 0) return;
    if (offset + length - this.#counts.fileEnd >= this.#clusterSize) {
      this.#reporter.corrupt("none", times, () => this.#pastEnd(place(), exact, length, times));
      return;
    }
    const [first, last] = this.#span(offset, length);
    for (let cluster = first; cluster <= last; cluster++) {
      const over = this.#counts.add(cluster, times);
      if (over > 0) this.overflow(cluster, over, place);
    }
  }

  /** Of a cluster that is referred to `over` times more often than can be counted. */
  overflow(cluster: number, over: number, place: () => Place): void {
    const { most, isCapped, hasThreads } = this.#counts;
    // Which reference is the one too many depends on the order.
    if (hasThreads) throw new OneThreadAgain(`cluster ${cluster} is referred to too often`);
    const offset = cluster * this.#clusterSize;
    if (isCapped) {
      this.#reporter.failed(over, () => ({
        ...told(place()),
        code: "references-not-counted",
        message: `The cluster at ${hex(offset)} is referred to more than ${most} times, which is as far as is counted here`,
      }));
      return;
    }
    this.#reporter.corrupt("none", over, () => {
      const { by, ...rest } = place();
      return {
        ...rest,
        code: "refcount-overflow",
        message: `${by} refers to the cluster at ${hex(offset)}, which is referred to ${most} times already: refcounts of this image end there`,
        peer: {
          lines: [
            `ERROR: overflow cluster offset=${hex(offset)}`,
            "Use qemu-img amend to increase the refcount entry width or qemu-img convert to create a clean copy if the image cannot be opened for writing",
          ],
          times: over,
        },
      };
    });
  }

  #span(offset: number, length: number): [first: number, last: number] {
    return [Math.floor(offset / this.#clusterSize), Math.floor((offset + length - 1) / this.#clusterSize)];
  }

  #pastEnd({ by, ...place }: Place, offset: number | bigint, length: number, times: number): Told {
    const end = hex(this.#counts.fileEnd);
    return {
      ...place,
      code: "region-past-end",
      message: `${by} refers to ${length} bytes at ${hex(offset)}, past the end of the file (${end})`,
      peer: {
        lines: [
          `ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset ${hex(offset)} size ${hex(length)}`,
        ],
        times,
      },
    };
  }
}

/** A place without its name. */
export function told({ by: _, ...place }: Place): Omit<Place, "by"> {
  return place;
}
