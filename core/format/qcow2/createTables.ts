// Where the L1 table, L2 tables and data of a new image lie, in clusters of its file. Without preallocation there is only
// an L1 table; with it every guest cluster has its place (qcow2 specification, "Cluster mapping").
import type { NewImage } from "./createOptions.ts";
import type { NewFileSpace } from "./createSpace.ts";
import { subclustersPerCluster } from "./layout.ts";

/** Guest clusters in a row whose data lie in a row. */
export interface DataRun {
  readonly guest: number;
  readonly host: number;
  readonly count: number;
}

export interface GuestLayout {
  /** First cluster of the L1 table; 0 without one. */
  readonly l1: number;
  /** Cluster of each L2 table, by its index in the L1 table. */
  readonly l2: readonly number[];
  /** In the order of the guest; hosts are in the data file where there is one. */
  readonly runs: readonly DataRun[];
  /** Bytes of the file up to the end of its data; 0 without data in it. */
  readonly dataEnd: number;
  /** Bytes of the whole file. */
  readonly length: number;
}

/** Longest request of the peer's preallocation, bytes before it is cut to whole clusters. */
const longestRequest = 2 ** 31 - 1;
/** Bytes of an L2 table that the peer handles at once. */
const sliceLength = 65536;

export function guestLayout(image: NewImage, space: NewFileSpace): GuestLayout {
  const { clusterSize, l1Entries, preallocation, dataFile } = image;
  if (l1Entries === 0) return emptyLayout(image, space);
  const l1Clusters = Math.ceil((l1Entries * 8) / clusterSize);
  const l1 = space.allocate(l1Clusters);
  if (preallocation === "off") {
    const endsWithL1 = l1 + l1Clusters === space.end;
    const length = endsWithL1 ? l1 * clusterSize + l1Entries * 8 : space.end * clusterSize;
    return { l1, l2: [], runs: [], dataEnd: 0, length };
  }
  const tables = new GuestTables(image, space);
  if (dataFile !== undefined) tables.mapOutside();
  else if (preallocation === "metadata") tables.mapAsWritten();
  else tables.mapAtOnce();
  return { l1, ...tables.result() };
}

/** A disk of no size: the peer makes room for its refcounts all the same. */
function emptyLayout({ clusterSize, preallocation, dataFile }: NewImage, space: NewFileSpace): GuestLayout {
  const isSetAside = preallocation === "falloc" || preallocation === "full";
  if (isSetAside && dataFile === undefined) space.cover(1);
  return { l1: 0, l2: [], runs: [], dataEnd: 0, length: space.end * clusterSize };
}

class GuestTables {
  readonly #space: NewFileSpace;
  readonly #image: NewImage;
  readonly #perTable: number;
  /** Guest clusters. */
  readonly #total: number;
  readonly #l2: number[] = [];
  readonly #runs: { guest: number; host: number; count: number }[] = [];

  constructor(image: NewImage, space: NewFileSpace) {
    this.#image = image;
    this.#space = space;
    this.#perTable = image.clusterSize / (image.isExtended ? 16 : 8);
    this.#total = Math.ceil(image.size / image.clusterSize);
  }

  /** Tables only: data lie in the other file at their guest offset. */
  mapOutside(): void {
    for (let guest = 0; guest < this.#total; guest += this.#perTable) this.#tableOf(guest);
    this.#add(0, 0, this.#total);
  }

  /** As if everything had been written in order: each table before its data. */
  mapAsWritten(): void {
    const { clusterSize } = this.#image;
    const longest = Math.floor(longestRequest / clusterSize);
    for (let guest = 0; guest < this.#total; ) {
      guest += this.#request(guest, Math.min(this.#total - guest, longest));
    }
  }

  /** One request: clusters in a row as far as they are free. How many that are. */
  #request(first: number, count: number): number {
    let done = 0;
    let host: number | undefined;
    while (done < count) {
      const guest = first + done;
      const wanted = Math.min(count - done, this.#leftInSlice(guest));
      this.#tableOf(guest);
      let got = wanted;
      if (host === undefined) host = this.#space.allocate(wanted);
      else got = this.#space.allocateAt(host + done, wanted);
      if (got === 0) break;
      this.#add(guest, host + done, got);
      done += got;
    }
    return done;
  }

  /** All data in one row behind new refcount structures that cover them. */
  mapAtOnce(): void {
    // One table more than are needed, as the peer reserves.
    const tables = Math.ceil(this.#total / this.#perTable) + 1;
    const host = this.#space.cover(this.#total + tables);
    this.#space.allocateAt(host, this.#total);
    for (let guest = 0; guest < this.#total; guest += this.#perTable) this.#tableOf(guest);
    this.#add(0, host, this.#total);
  }

  #leftInSlice(guest: number): number {
    const { clusterSize, isExtended } = this.#image;
    const slice = Math.min(sliceLength, clusterSize) / (isExtended ? 16 : 8);
    return slice - (guest % slice);
  }

  #tableOf(guest: number): void {
    const index = Math.floor(guest / this.#perTable);
    if (this.#l2.length === index) this.#l2.push(this.#space.allocate(1));
  }

  #add(guest: number, host: number, count: number): void {
    const last = this.#runs.at(-1);
    if (last !== undefined && last.guest + last.count === guest && last.host + last.count === host) {
      last.count += count;
    } else this.#runs.push({ guest, host, count });
  }

  result(): Omit<GuestLayout, "l1"> {
    const { clusterSize, dataFile, preallocation, isExtended, size } = this.#image;
    const end = this.#space.end * clusterSize;
    const last = this.#runs.at(-1);
    const parts = { l2: this.#l2, runs: this.#runs };
    if (last === undefined || dataFile !== undefined) return { ...parts, dataEnd: 0, length: end };
    const dataEnd = (last.host + last.count) * clusterSize;
    if (preallocation !== "metadata" || dataEnd < end) return { ...parts, dataEnd, length: end };
    // The last cluster is only as long as what was laid down of it: whole subclusters.
    const granule = isExtended ? clusterSize / subclustersPerCluster : clusterSize;
    const unused = this.#total * clusterSize - Math.ceil(size / granule) * granule;
    return { ...parts, dataEnd: dataEnd - unused, length: end - unused };
  }
}
