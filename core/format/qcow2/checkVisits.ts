// L2 tables as a check comes by them. Snapshots share most of them: to read a table each time something refers to it can
// take hours. It is gone over when it is met first; later visits are gathered, and it is gone over once more for all of
// them. Only tables with faults are looked at again at once, a bounded number of times, since the peer tells those so.

/** From which entry a table was come by. */
export interface TableVisit {
  /** Of the L2 table, bytes. */
  readonly offset: number;
  readonly l1Index: number;
  /** Before names of entries: "" or "snapshot 1, ". */
  readonly prefix: string;
  /** Bytes of the disk that the table belongs to; undefined for those of snapshots. */
  readonly size: number | undefined;
  /** How many visits this stands for, and how many of them are those of the disk as it is. */
  readonly times: number;
  readonly activeTimes: number;
}

const mostAgain = 1000;
/** Tables that are not where tables can be: real ones are few, and they may lie on each other. */
const mostUnaligned = 1024;

export class TableVisits {
  readonly #clusterSize: number;
  readonly #seen: Uint8Array;
  readonly #faulty = new Set<number>();
  #again = new Map<number, TableVisit>();
  #againLeft = mostAgain;
  #unalignedLeft = mostUnaligned;

  constructor(clusterSize: number, clusters: number) {
    this.#clusterSize = clusterSize;
    this.#seen = new Uint8Array(Math.ceil(clusters / 8));
  }

  /** now: go over the table; later: it is in `gathered`; never: too many tables lie where none can be. */
  arrive(visit: TableVisit): "now" | "later" | "never" {
    const cluster = visit.offset / this.#clusterSize;
    if (!Number.isInteger(cluster)) return this.#unalignedLeft-- > 0 ? "now" : "never";
    const [byte, bit] = [Math.floor(cluster / 8), 1 << (cluster % 8)];
    const old = this.#seen[byte] ?? 0;
    if ((old & bit) === 0) {
      this.#seen[byte] = old | bit;
      return "now";
    }
    if (this.#faulty.has(visit.offset) && this.#againLeft-- > 0) return "now";
    const before = this.#again.get(visit.offset);
    this.#again.set(visit.offset, before === undefined ? visit : together(before, visit));
    return "later";
  }

  /** A fault was found in the table. */
  fault({ offset }: TableVisit): void {
    if (this.#faulty.size < mostAgain) this.#faulty.add(offset);
  }

  /** The visits left for later, one for each table; they are handed out once. */
  gathered(): Iterable<TableVisit> {
    const list = this.#again.values();
    this.#again = new Map();
    return list;
  }
}

function together(first: TableVisit, more: TableVisit): TableVisit {
  return {
    ...first,
    times: first.times + more.times,
    activeTimes: first.activeTimes + more.activeTimes,
  };
}
