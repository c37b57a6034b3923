// What N copies of one disk say, range by range: who agrees, who is outvoted, who cannot be read, where there is no
// majority. Holes of all copies cost nothing, copies that agree cost one comparison, and votes are counted by whole
// sectors only where they differ. The rules are those of quorum (filters reference, 2.4), children are numbered from 0.
import { asBlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { winnerOf } from "../filter/quorum/vote.ts";
import { sectorSize } from "./mismatch.ts";
import { type BadRange, readNarrowing } from "./narrow.ts";
import type { VoteRun } from "./voteRun.ts";

export interface VoteJob {
  readonly signal: AbortSignal;
  /** Told at turns of the event loop and at the end: everything before `done` is decided. Bytes. */
  progress?(progress: { readonly done: number; readonly total: number; readonly bytesRead: number }): void;
  /**
   * What the winner says, ascending, with gaps where nobody wins. undefined: zeroes. The bytes are valid until the
   * promise resolves; what it throws ends the scan.
   */
  content?(offset: number, length: number, bytes: Uint8Array | undefined): Promise<void> | void;
  /** The child whose bytes are the content where nobody wins, as far as they can be read. Default: gaps. */
  readonly fallback?: number | undefined;
  /** Guest byte to begin at, a multiple of 512. Default 0. */
  readonly from?: number;
}

/** Memory for what is read at once, of all children, and the most for one, bytes. */
const memory = 32 * 1024 * 1024;
const mostPerChild = 1024 * 1024;
/** Copies that differ are compared in steps of this before sectors are, bytes. */
const step = 16 * 1024;
/** Step by which an unknown allocation is skipped where the format has no clusters, bytes. */
const defaultCluster = 64 * 1024;

/**
 * Yields the ranges in which the children do not all say the same, ascending, sector granular, as long as possible.
 * A child ends where it ends: what longer ones have behind that counts as unreadable in it. When the signal is
 * aborted it ends early; `progress` has told how far it came. Unreadable ranges are data, never errors.
 */
export async function* scanVotes(
  children: readonly BlockNode[],
  threshold: number,
  job: VoteJob,
): AsyncGenerator<VoteRun, void, void> {
  yield* new VoteScan(children, threshold, job).run();
}

type Storage = "data" | "zero" | "unreadable";

/** What is known of one child up to `end`. */
interface Piece {
  readonly end: number;
  readonly storage: Storage;
  readonly message: string;
}

/** One child's bytes of the range in memory. */
interface Answer {
  readonly bytes: Uint8Array;
  readonly bad: readonly BadRange[];
}

/** What the children say of one piece: for each the number of the first child that says the same, -1: unreadable. */
type Ballot = readonly number[];

class VoteScan {
  readonly #children: readonly BlockNode[];
  readonly #threshold: number;
  readonly #job: VoteJob;
  readonly #size: number;
  readonly #pace: Pace;
  readonly #pieces: (Piece | undefined)[];
  readonly #buffers: Uint8Array[] = [];
  readonly #blockSize: number;
  readonly #zeroes: Uint8Array;
  #position: number;
  #bytesRead = 0;
  /** The run that may still grow, and its ballot. */
  #open: { run: VoteRun; ballot: Ballot } | undefined;

  constructor(children: readonly BlockNode[], threshold: number, job: VoteJob) {
    this.#children = children;
    this.#threshold = threshold;
    this.#job = job;
    this.#size = Math.max(0, ...children.map(({ size }) => size));
    this.#position = Math.min(job.from ?? 0, this.#size);
    this.#pace = new Pace(job.signal, () => this.#tell());
    this.#pieces = children.map(() => undefined);
    const share = Math.floor(memory / Math.max(1, children.length) / step) * step;
    this.#blockSize = Math.max(step, Math.min(mostPerChild, share));
    this.#zeroes = new Uint8Array(this.#blockSize);
  }

  async *run(): AsyncGenerator<VoteRun, void, void> {
    this.#tell();
    while (this.#position < this.#size && !this.#pace.stopped) {
      const from = this.#position;
      const pieces = await this.#look(from);
      const end = Math.min(...pieces.map((piece) => piece.end));
      if (pieces.some(({ storage }) => storage === "data")) {
        const to = Math.min(end, from - (from % sectorSize) + this.#blockSize);
        yield* this.#vote(from, await this.#read(from, to, pieces));
        this.#position = to;
      } else {
        const ballot = ballotOf(pieces.map(({ storage }) => storage));
        yield* this.#count(from, end, ballot, (child) => pieces[child]?.message ?? "");
        if (this.#spokesmanOf(ballot) !== undefined) await this.#job.content?.(from, end - from, undefined);
        this.#position = end;
      }
      if (this.#pace.due) await this.#pace.turn();
    }
    if (this.#open !== undefined) yield this.#open.run;
    this.#tell();
  }

  /** What is known of each child at `offset`. */
  async #look(offset: number): Promise<readonly Piece[]> {
    for (const [index, child] of this.#children.entries()) {
      const known = this.#pieces[index];
      if (known === undefined || known.end <= offset) {
        this.#pieces[index] = await pieceOf(child, offset, this.#size);
      }
    }
    return this.#pieces as readonly Piece[];
  }

  /** Reads [from, to) of every child that has data there, all at once. */
  #read(from: number, to: number, pieces: readonly Piece[]): Promise<readonly Answer[]> {
    const length = to - from;
    return Promise.all(
      this.#children.map(async (child, index): Promise<Answer> => {
        const { storage, message } = pieces[index] as Piece;
        const zeroes = this.#zeroes.subarray(0, length);
        if (storage === "zero") return { bytes: zeroes, bad: [] };
        if (storage === "unreadable") return { bytes: zeroes, bad: [{ offset: 0, length, message }] };
        const bytes = this.#buffer(index).subarray(0, length);
        const bad = await readNarrowing((at, target) => child.read(at, target), from, bytes);
        this.#bytesRead += length;
        return { bytes, bad };
      }),
    );
  }

  /** A child's own memory, made when it is first read. */
  #buffer(child: number): Uint8Array {
    const buffer = this.#buffers[child] ?? new Uint8Array(this.#blockSize);
    this.#buffers[child] = buffer;
    return buffer;
  }

  async *#vote(start: number, answers: readonly Answer[]): AsyncGenerator<VoteRun, void, void> {
    const length = answers[0]?.bytes.length ?? 0;
    const allRead = answers.every(({ bad }) => bad.length === 0);
    if (allRead && sameBytes(answers, 0, length)) {
      yield* this.#say(start, 0, length, agreement(answers), answers);
      return;
    }
    // Equal neighbours are joined before they are counted, so that content comes in long pieces.
    let from = 0;
    let ballot: Ballot | undefined;
    for (const piece of ballots(answers, start, length)) {
      if (ballot !== undefined && !sameBallot(ballot, piece.ballot)) {
        yield* this.#say(start, from, piece.from, ballot, answers);
        from = piece.from;
      }
      ballot = piece.ballot;
    }
    if (ballot !== undefined) yield* this.#say(start, from, length, ballot, answers);
  }

  /** Counts [from, to) of the range in memory, which begins at `start`, and gives away what won. */
  async *#say(
    start: number,
    from: number,
    to: number,
    ballot: Ballot,
    answers: readonly Answer[],
  ): AsyncGenerator<VoteRun, void, void> {
    yield* this.#count(start + from, start + to, ballot, (child) => reasonAt(answers[child], from, to));
    const spokesman = this.#spokesmanOf(ballot);
    if (spokesman === undefined) return;
    await this.#job.content?.(start + from, to - from, answers[spokesman]?.bytes.subarray(from, to));
  }

  *#count(
    from: number,
    to: number,
    ballot: Ballot,
    reason: (child: number) => string,
  ): Generator<VoteRun, void, void> {
    const open = this.#open;
    const length = to - from;
    if (open !== undefined) {
      const { run } = open;
      if (run.offset + run.length === from && sameBallot(open.ballot, ballot)) {
        open.run = { ...run, length: run.length + length };
        return;
      }
      this.#open = undefined;
      yield run;
    }
    if (ballot.every((vote) => vote === 0) && this.#winnerOf(ballot).length > 0) return;
    this.#open = { run: this.#runOf(from, length, ballot, reason), ballot };
  }

  #runOf(offset: number, length: number, ballot: Ballot, reason: (child: number) => string): VoteRun {
    const groups = groupsOf(ballot);
    const winner = this.#winnerOf(ballot);
    const most = Math.max(0, ...groups.map((group) => group.length));
    return {
      offset,
      length,
      winner,
      losers: ballot.flatMap((vote, child) => (vote < 0 || winner.includes(child) ? [] : [child])),
      unreadable: ballot.flatMap((vote, child) => (vote < 0 ? [{ child, message: reason(child) }] : [])),
      groups,
      tied: groups.filter((group) => group.length === most).length > 1,
    };
  }

  /** Members of the group that wins; empty when none reaches the threshold. */
  #winnerOf(ballot: Ballot): readonly number[] {
    const members = winnerOf(groupsOf(ballot).map((group) => ({ value: "", members: group })))?.members ?? [];
    return members.length >= this.#threshold ? members : [];
  }

  /** The child whose bytes are the content; undefined where there is none. */
  #spokesmanOf(ballot: Ballot): number | undefined {
    const [winner] = this.#winnerOf(ballot);
    const { fallback } = this.#job;
    if (winner !== undefined || fallback === undefined) return winner;
    return (ballot[fallback] ?? -1) < 0 ? undefined : fallback;
  }

  #tell(): void {
    // A run that may still grow is decided already: what is yet to come can only make it longer.
    this.#job.progress?.({ done: this.#position, total: this.#size, bytesRead: this.#bytesRead });
  }
}

async function pieceOf(node: BlockNode, offset: number, end: number): Promise<Piece> {
  const left = node.size - offset;
  if (left <= 0) return { end, storage: "unreadable", message: `the image ends at ${node.size} bytes` };
  try {
    const extent = await chainExtentAt(node, offset, left);
    return {
      end: offset + extent.length,
      storage: extent.state === "data" ? "data" : "zero",
      message: "",
    };
  } catch (error) {
    const cluster = node.info.clusterSize ?? defaultCluster;
    const next = offset - (offset % cluster) + cluster;
    return { end: Math.min(node.size, next), storage: "unreadable", message: asBlockError(error).message };
  }
}

/** The pieces of the range in memory, ascending, cut at sectors where copies differ and at steps elsewhere. */
function* ballots(
  answers: readonly Answer[],
  start: number,
  length: number,
): Generator<{ readonly from: number; readonly ballot: Ballot }> {
  const all = agreement(answers);
  for (let from = 0; from < length; ) {
    const to = Math.min(length, from + step - ((start + from) % step));
    const isWhole = answers.every(({ bad }) => !bad.some((range) => touches(range, from, to)));
    if (isWhole && sameBytes(answers, from, to)) {
      yield { from, ballot: all };
    } else {
      for (let at = from; at < to; ) {
        const next = Math.min(to, at + sectorSize - ((start + at) % sectorSize));
        yield { from: at, ballot: ballotOfSector(answers, at, next) };
        at = next;
      }
    }
    from = to;
  }
}

function ballotOfSector(answers: readonly Answer[], from: number, to: number): Ballot {
  const ballot: number[] = [];
  for (const [child, { bytes, bad }] of answers.entries()) {
    if (bad.some((range) => touches(range, from, to))) ballot.push(-1);
    else {
      const same = ballot.findIndex(
        (vote, other) => vote === other && sameRange(bytes, answers[other]?.bytes, from, to),
      );
      ballot.push(same < 0 ? child : same);
    }
  }
  return ballot;
}

/** Everybody says what child 0 says. */
function agreement(answers: readonly Answer[]): Ballot {
  return answers.map(() => 0);
}

/** Nothing has to be read: the children are zero or unreadable. */
function ballotOf(storages: readonly Storage[]): Ballot {
  const first = storages.indexOf("zero");
  return storages.map((storage) => (storage === "zero" ? first : -1));
}

/** Groups of a ballot, that of the highest first member first, as quorum orders them. */
function groupsOf(ballot: Ballot): readonly (readonly number[])[] {
  const groups = new Map<number, number[]>();
  for (const [child, vote] of ballot.entries()) {
    if (vote < 0) continue;
    const members = groups.get(vote);
    if (members === undefined) groups.set(vote, [child]);
    else members.push(child);
  }
  return [...groups.values()].reverse();
}

function sameBallot(a: Ballot, b: Ballot): boolean {
  return a === b || a.every((vote, child) => vote === b[child]);
}

function sameBytes(answers: readonly Answer[], from: number, to: number): boolean {
  const first = answers[0]?.bytes;
  return answers.every(({ bytes }) => sameRange(bytes, first, from, to));
}

function sameRange(a: Uint8Array, b: Uint8Array | undefined, from: number, to: number): boolean {
  return a === b || (b !== undefined && Buffer.compare(a.subarray(from, to), b.subarray(from, to)) === 0);
}

function touches(range: BadRange, from: number, to: number): boolean {
  return range.offset < to && range.offset + range.length > from;
}

function reasonAt(answer: Answer | undefined, from: number, to: number): string {
  return answer?.bad.find((range) => touches(range, from, to))?.message ?? "";
}
