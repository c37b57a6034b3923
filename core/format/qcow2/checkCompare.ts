// The comparison of a check: what was counted with what is stored, cluster by cluster. Neighbours that differ in the same
// way are one finding. Texts beside ours are the peer's. Stored counts take the place of those that were counted.
import { hex, hexIndex } from "../../base/bytes.ts";
import type { Counts } from "./checkCounts.ts";
import { nameReferences, type Wanted } from "./checkNames.ts";
import type { Told } from "./checkReporter.ts";
import { decodeBlock, type StoredBlock, type StoredRefcounts } from "./checkStored.ts";
import type { CheckParts, CheckRoot } from "./checkWalk.ts";

/** Ranges whose references are named at most. */
const mostNamed = 10_000;
/** Counts that are compared between two turns: each may be a range of its own. */
const sliceLength = 65_536;

/** Clusters of one refcount block, one behind the other, that differ from it in the same way. */
interface Run {
  readonly first: number;
  count: number;
  readonly stored: number;
  readonly counted: number;
  readonly block: StoredBlock | undefined;
  readonly unreadable?: { readonly reason: string; readonly isUnaligned: boolean };
}

export class Comparison {
  readonly #parts: CheckParts;
  readonly #stored: StoredRefcounts;
  /** Whether everything was counted: else nothing can be said to be too many. */
  readonly #isComplete: boolean;
  /** Refcount blocks that can't be read. */
  readonly #unreadable = new Set<number>();
  /** Whether all clusters that are referred to have a stored refcount of 1. */
  isOnce: boolean;
  #highest = 0;
  #runs: Run[] = [];
  #namesLeft = mostNamed;
  #saidUnaligned = false;
  readonly #roots: readonly CheckRoot[];

  /** `roots` are asked who refers to what. */
  constructor(parts: CheckParts, stored: StoredRefcounts, roots: readonly CheckRoot[], isComplete: boolean) {
    this.#parts = parts;
    this.#roots = roots;
    this.isOnce = !parts.counts.isShared;
    this.#stored = stored;
    this.#isComplete = isComplete;
  }

  /** Answers the end of the last cluster that is in use, bytes. Throws ECANCELED. */
  async run(): Promise<number> {
    const { counts, header, reporter } = this.#parts;
    const { perBlock } = this.#stored;
    const bytes = new Uint8Array(header.clusterSize);
    const steps = Math.ceil(counts.known / perBlock);
    const [start, step] = [reporter.done, (reporter.total - reporter.done) / 2 / steps];
    for (let index = 0; index < steps; index++) {
      await this.#compareBlock(index, bytes);
      reporter.done = start + step * (index + 1);
      await reporter.breathe();
    }
    await this.#tellRuns();
    return (this.#highest + 1) * header.clusterSize;
  }

  /** The stored refcount of a cluster, when all are compared; undefined where it can't be found. */
  async refcount(cluster: number): Promise<bigint | undefined> {
    const { counts } = this.#parts;
    if (this.#unreadable.has(Math.floor(cluster / this.#stored.perBlock))) return undefined;
    const kept = cluster < counts.known ? counts.counts[cluster] : undefined;
    const isExact = kept !== undefined && !(counts.isCapped && kept === counts.most);
    return isExact ? BigInt(kept) : this.#stored.at(cluster);
  }

  async #compareBlock(index: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { counts, header } = this.#parts;
    const { perBlock } = this.#stored;
    const first = index * perBlock;
    const mine = counts.counts.subarray(first, Math.min(counts.known, first + perBlock)) as Counts;
    const block = this.#stored.block(index);
    if (block?.isUnaligned) {
      this.#skip(index, mine.length, block, { reason: "the block is not aligned", isUnaligned: true });
      return;
    }
    let stored: Counts | undefined;
    if (block !== undefined && block.offset !== 0) {
      try {
        await this.#stored.read(block, bytes);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#skip(index, mine.length, block, { reason, isUnaligned: false });
        return;
      }
      stored = decodeBlock(bytes, header.refcountOrder).subarray(0, mine.length) as Counts;
      if (isSame(mine, stored)) {
        this.#noteHighest(first, mine);
        return;
      }
    }
    for (let at = 0; at < mine.length; at += sliceLength) {
      const end = at + sliceLength;
      const part = stored?.subarray(at, end) as Counts | undefined;
      this.#compareCounts(first + at, mine.subarray(at, end) as Counts, part, block);
      if (this.#runs.length >= mostNamed) await this.#tellRuns();
      await this.#parts.reporter.breathe();
    }
  }

  /** `stored`: undefined where all are 0. */
  #compareCounts(
    first: number,
    mine: Counts,
    stored: Counts | undefined,
    block: StoredBlock | undefined,
  ): void {
    let run: Run | undefined;
    for (let i = 0; i < mine.length; i++) {
      const counted = mine[i] as number;
      const kept = stored === undefined ? 0 : (stored[i] as number);
      if (counted === kept) {
        run = undefined;
        if (kept !== 0) this.#highest = first + i;
        continue;
      }
      this.#highest = first + i;
      if (run?.stored === kept && run.counted === counted) run.count++;
      else {
        run = { first: first + i, count: 1, stored: kept, counted, block };
        this.#runs.push(run);
      }
      if (counted !== 0) this.isOnce = false;
      mine[i] = kept;
    }
  }

  #noteHighest(first: number, counts: Counts): void {
    let last = counts.length - 1;
    while (last >= 0 && counts[last] === 0) last--;
    if (last >= 0) this.#highest = first + last;
  }

  #skip(index: number, count: number, block: StoredBlock, unreadable: NonNullable<Run["unreadable"]>): void {
    this.#unreadable.add(index);
    const first = index * this.#stored.perBlock;
    this.#runs.push({ first, count, stored: 0, counted: 0, block, unreadable });
  }

  async #tellRuns(): Promise<void> {
    const runs = this.#runs;
    this.#runs = [];
    const { isHeard } = this.#parts.reporter;
    const shared = isHeard ? runs.filter(({ stored, counted }) => stored < counted) : [];
    const wanted: Wanted = new Map(shared.slice(0, this.#namesLeft).map(({ first }) => [first, []]));
    this.#namesLeft -= wanted.size;
    if (wanted.size > 0) await nameReferences(this.#parts, this.#roots, wanted);
    for (const run of runs) {
      if (run.unreadable !== undefined) this.#tellUnreadable(run, run.unreadable);
      else if (run.counted > run.stored) await this.#tellTooLow(run, wanted.get(run.first) ?? []);
      else if (this.#isComplete) await this.#tellLeak(run);
    }
  }

  async #tellTooLow(run: Run, by: readonly string[]): Promise<void> {
    const { first, count, stored, counted, block } = run;
    const value = await this.#exact(run);
    const { reporter } = this.#parts;
    const [clusters, are] = clustersAt(count);
    const who = by.length === 0 ? "" : `: by ${by.join(", ")}${counted > by.length ? ", ..." : ""}`;
    reporter.corrupt(stored === 0 ? "rebuild-refcounts" : "set-refcount", count, () => ({
      ...this.#place(first, count, block),
      code: stored === 0 ? "refcount-missing" : "refcount-too-low",
      message: `${clusters} at ${this.#at(first)} ${are} referred to ${times(counted)}${who}; the refcount is ${value}`,
      value: hex(value),
      references: { by, total: counted },
      peer: {
        lines: [`ERROR cluster # refcount=${value} reference=${counted}`],
        mending: [`Repairing cluster # refcount=${value} reference=${counted}`],
        numbers: { first, count },
      },
    }));
  }

  async #tellLeak(run: Run): Promise<void> {
    const { first, count, counted, block } = run;
    const value = await this.#exact(run);
    const [clusters, are] = clustersAt(count);
    const found = counted === 0 ? `${are} not used by anything` : `${are} referred to ${times(counted)} only`;
    this.#parts.reporter.leaked("set-refcount", count, () => ({
      ...this.#place(first, count, block),
      code: counted === 0 ? "cluster-leaked" : "refcount-too-high",
      message: `${clusters} at ${this.#at(first)} ${found}; the refcount is ${value}`,
      value: hex(value),
      references: { by: [], total: counted },
      peer: {
        lines: [`Leaked cluster # refcount=${value} reference=${counted}`],
        mending: [`Repairing cluster # refcount=${value} reference=${counted}`],
        numbers: { first, count },
      },
    }));
  }

  #tellUnreadable(run: Run, { reason, isUnaligned }: NonNullable<Run["unreadable"]>): void {
    const { first, count, block } = run;
    const index = Math.floor(first / this.#stored.perBlock);
    const told =
      isUnaligned && !this.#saidUnaligned
        ? [
            `qcow2: Image is corrupt: Refblock offset ${hex(block?.offset ?? 0)} unaligned (reftable index: ${hexIndex(index)}); further non-fatal corruption events will be suppressed`,
          ]
        : [];
    if (isUnaligned) this.#saidUnaligned = true;
    const [clusters] = clustersAt(count);
    this.#parts.reporter.failed(count, () => ({
      ...this.#place(first, count, block),
      code: "refcount-unreadable",
      message: `The refcounts of ${clusters} at ${this.#at(first)} can't be read: ${reason}`,
      peer: {
        lines: [...told, "Can't get refcount for cluster #: Input/output error"],
        numbers: { first, count },
      },
    }));
  }

  /** As stored: 64-bit counts are not kept exactly. */
  async #exact({ first, stored }: Run): Promise<bigint> {
    const { isCapped, most } = this.#parts.counts;
    if (!isCapped || stored < most) return BigInt(stored);
    return (await this.#stored.at(first)) ?? BigInt(stored);
  }

  #place(first: number, count: number, block: StoredBlock | undefined): Omit<Told, "code" | "message"> {
    const { clusterSize } = this.#parts.header;
    const { perBlock } = this.#stored;
    return {
      offset: first * clusterSize,
      length: count * clusterSize,
      ...(block !== undefined && {
        table: { level: "refcount block", index: Math.floor(first / perBlock), offset: block.offset },
        entry: first % perBlock,
      }),
    };
  }

  #at(cluster: number): string {
    return hex(cluster * this.#parts.header.clusterSize);
  }
}

function isSame(a: Counts, b: Counts): boolean {
  const bytes = (one: Counts) => new Uint8Array(one.buffer, one.byteOffset, one.byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

function clustersAt(count: number): [clusters: string, are: string] {
  return count === 1 ? ["The cluster", "is"] : [`${count} clusters`, "are"];
}

function times(count: number): string {
  return count === 1 ? "once" : count === 2 ? "twice" : `${count} times`;
}
