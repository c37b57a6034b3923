// The job behind the vote map of a quorum: opens its graph, counts what its children say over the whole disk, and
// gives every range in which they are not of one mind. Being cancelled is a result.
import { BlockError } from "../base/errors.ts";
import { openGraph } from "../graph.ts";
import type { JobContext } from "../jobs/contract.ts";
import type { VoteMapParams, VoteMapSummary, VoteMapTotals, VoteRun } from "./voteRun.ts";
import { scanVotes } from "./votes.ts";

/** Runs given: as many as the list on screen holds. */
export const mostRuns = 50_000;
const progressEveryMs = 100;

/** Throws what opening throws; EINVAL where the node is no quorum. */
export async function mapVotes(
  params: VoteMapParams,
  job: JobContext<"votes">,
  limit = mostRuns,
): Promise<VoteMapSummary> {
  const startedAt = performance.now();
  const graph = await openGraph(params.spec, { readOnly: true, forceShare: true });
  try {
    const node = graph.nodeAt(params.node);
    const threshold = node?.childSet?.threshold;
    if (node === undefined || threshold === undefined) {
      throw new BlockError("EINVAL", "only the children of a quorum vote");
    }
    const children = node.children.map((child) => child.node);
    const tally = new Tally(children.length, limit - (params.runsBefore ?? 0));
    let place = { done: params.from ?? 0, total: node.size, bytesRead: 0 };
    let toldAt = Number.NEGATIVE_INFINITY;
    const tell = () => {
      toldAt = performance.now();
      job.progress({ ...place, totals: tally.totals });
    };
    const runs = scanVotes(children, threshold, {
      signal: job.signal,
      from: params.from ?? 0,
      progress: (now) => {
        place = { ...now };
        if (performance.now() - toldAt >= progressEveryMs) tell();
      },
    });
    for await (const run of runs) if (tally.add(run)) job.item(run);
    tell();
    return {
      ...tally.totals,
      size: place.total,
      from: params.from ?? 0,
      scannedTo: place.done,
      cancelled: place.done < place.total,
      elapsedMs: performance.now() - startedAt,
    };
  } finally {
    await graph.close();
  }
}

/** Adds up what a count finds. `room`: how many runs are kept. */
export class Tally {
  readonly #outvoted: number[];
  readonly #unreadable: number[];
  readonly #room: number;
  #runs = 0;
  #bytes = 0;
  #undecided = 0;

  constructor(children: number, room = Number.POSITIVE_INFINITY) {
    this.#outvoted = new Array<number>(children).fill(0);
    this.#unreadable = new Array<number>(children).fill(0);
    this.#room = Math.max(0, room);
  }

  get totals(): VoteMapTotals {
    return {
      runs: this.#runs,
      bytes: this.#bytes,
      undecidedBytes: this.#undecided,
      outvoted: [...this.#outvoted],
      unreadable: [...this.#unreadable],
      notListed: Math.max(0, this.#runs - this.#room),
    };
  }

  /** True while there is room for the run itself. */
  add({ length, winner, losers, unreadable }: VoteRun): boolean {
    this.#runs += 1;
    this.#bytes += length;
    if (winner.length === 0) this.#undecided += length;
    else for (const child of losers) this.#outvoted[child] = (this.#outvoted[child] ?? 0) + length;
    for (const { child } of unreadable) this.#unreadable[child] = (this.#unreadable[child] ?? 0) + length;
    return this.#runs <= this.#room;
  }
}
