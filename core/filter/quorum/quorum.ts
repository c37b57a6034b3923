// quorum: N copies of one disk. Writes go to all, reads are voted on, and every child that failed or was outvoted is
// reported (filters reference, 2). Overlapping requests wait for each other, so that copies never drift apart because
// two writes reached them in different order, and a repair never undoes a newer write.
import { asBlockError, BlockError } from "../../base/errors.ts";
import { strerror } from "../../base/strerror.ts";
import { defineDriver, type ImageSpec, type OpenContext } from "../../block/driver.ts";
import type { VoteEvent } from "../../block/events.ts";
import type {
  BlockNode,
  Child,
  ChildSet,
  Extent,
  ExtentState,
  NodeInfo,
  ResizeOptions,
  WriteFlags,
  ZeroFlags,
} from "../../block/node.ts";
import { RangeLock } from "../../block/rangeLock.ts";
import { filteredExtent } from "../children.ts";
import { differenceOf } from "../difference.ts";
import { Scratch } from "../scratch.ts";
import { scatter, vectorLength } from "../vector.ts";
import { checkQuorum, type QuorumOptions, quorumOptions, quorumPeerWords } from "./options.ts";
import { errorVote, groupsOf, type VoteGroup, voteOf, winnerOf } from "./vote.ts";

export const quorum = defineDriver({
  kind: "filter",
  options: quorumOptions,
  peerWords: quorumPeerWords,
  open: async (options, context) => {
    checkQuorum(options);
    const children: QuorumChild[] = [];
    for (const [index, spec] of options.children.entries()) {
      const name = `children.${index}`;
      children.push({ index, name, node: await context.openChild(name, "data", spec) });
    }
    checkLengths(children, context);
    return new QuorumNode(children, options, context);
  },
});

interface QuorumChild {
  readonly index: number;
  readonly name: string;
  readonly node: BlockNode;
}

const sectorSize = 512;

function checkLengths(children: readonly QuorumChild[], context: OpenContext): void {
  const sectors = ({ node }: QuorumChild) => Math.ceil(node.size / sectorSize);
  const [first] = children;
  const other = children.find((child) => first !== undefined && sectors(child) !== sectors(first));
  if (first === undefined || other === undefined) return;
  throw new BlockError(
    "EIO",
    `${first.name} has ${first.node.size} bytes and ${other.name} ${other.node.size}: they can't be copies of one disk`,
    {
      node: context.name,
      hint: "Leave the odd one out, or resize it first.",
      peer: { message: "Could not refresh total sector count: Input/output error" },
    },
  );
}

/** How a request ended on one child. */
interface Answer {
  readonly child: QuorumChild;
  readonly error: BlockError | undefined;
  /** What a read gave. */
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

class QuorumNode implements BlockNode {
  readonly driver = "quorum";
  readonly name: string;
  readonly readOnly: boolean;
  readonly info: NodeInfo = {};
  readonly #options: QuorumOptions;
  readonly #threshold: number;
  readonly #context: OpenContext;
  readonly #lock = new RangeLock();
  readonly #scratch = new Scratch();
  #children: readonly QuorumChild[];
  /** Opened while running: the graph does not know them. */
  readonly #added = new Set<QuorumChild>();
  readonly childSet: ChildSet;

  constructor(children: readonly QuorumChild[], options: QuorumOptions, context: OpenContext) {
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.#children = children;
    this.#options = options;
    this.#threshold = options["vote-threshold"];
    this.#context = context;
    this.childSet = {
      threshold: this.#threshold,
      add: (spec) => this.#addChild(spec),
      remove: (name) => this.#removeChild(name),
    };
  }

  get children(): readonly Child[] {
    return this.#children.map(({ name, node }) => ({ name, role: "data", node }));
  }

  get size(): number {
    return this.#children[0]?.node.size ?? 0;
  }

  async #addChild(spec: ImageSpec): Promise<void> {
    if (this.#isVerifying) throw new BlockError("EINVAL", "Cannot add a child to a quorum in blkverify mode");
    const index = Math.max(-1, ...this.#children.map((child) => child.index)) + 1;
    const name = `children.${index}`;
    const node = await this.#context.openChild(name, "data", spec);
    const [first] = this.#children;
    const child = { index, name, node };
    try {
      checkLengths(first ? [first, child] : [child], this.#context);
    } catch (error) {
      await node.close();
      throw error;
    }
    await this.#lock.settled();
    this.#added.add(child);
    this.#children = [...this.#children, child];
  }

  async #removeChild(name: string): Promise<void> {
    const child = this.#children.find((one) => one.name === name);
    if (child === undefined) throw new BlockError("ENOENT", `The quorum has no child '${name}'`);
    if (this.#isVerifying)
      throw new BlockError("EINVAL", "Cannot remove a child of a quorum in blkverify mode");
    if (this.#children.length <= this.#threshold) {
      const least = `the vote threshold ${this.#threshold}`;
      throw new BlockError("EINVAL", `The number of children cannot be lower than ${least}`);
    }
    this.#children = this.#children.filter((one) => one !== child);
    this.#added.delete(child);
    await this.#lock.settled();
    // Options may name one node twice.
    if (!this.#children.some(({ node }) => node === child.node)) await child.node.close();
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    // A repair writes, so reads that may repair keep others off the range.
    const kind = this.#options["rewrite-corrupted"] ? "exclusive" : "shared";
    await this.#lock.run(offset, target.length, kind, () =>
      this.#options["read-pattern"] === "fifo"
        ? this.#readFirst(offset, target)
        : this.#readVoted(offset, target),
    );
  }

  async readVector(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    const whole = new Uint8Array(vectorLength(targets));
    await this.read(offset, whole);
    scatter(whole, targets);
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    await this.#writeAll(offset, source.length, (node) => node.write(offset, source, flags));
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    await this.#writeAll(offset, length, (node) => node.writeZeroes(offset, length, flags));
  }

  /** A hint that the copies may answer differently: not passed on, as the peer does. */
  async discard(): Promise<void> {}

  async flush(): Promise<void> {
    const answers = await this.#askAll(async ({ node }) => {
      await node.flush();
      return nothing;
    });
    for (const { child, error } of failedOf(answers)) this.#bad("flush", child, 0, 0, error);
    if (answers.length - failedOf(answers).length < this.#threshold) throw errorVoteOf(answers);
  }

  async resize(size: number, options?: ResizeOptions): Promise<void> {
    await this.#lock.settled();
    for (const { node } of this.#children) await node.resize(size, options);
  }

  /** Zero only where every child says so, else data: what is a hole in one copy may be data in another. */
  async extentAt(offset: number, length: number): Promise<Extent> {
    let zero = length;
    let data = 0;
    for (const child of this.#children) {
      const extent = await filteredExtent(child.node, offset, length).catch((thrown) => {
        this.#bad("read", child, offset, length, asBlockError(thrown));
        return { state: "data" as ExtentState, length };
      });
      if (extent.state === "data") data = Math.max(data, extent.length);
      else zero = Math.min(zero, extent.length);
    }
    const isZero = data === 0;
    const state = isZero ? "zero" : "data";
    return { offset, length: isZero ? zero : data, state, compressed: false, hostOffset: undefined };
  }

  async close(): Promise<void> {
    await this.#lock.settled();
    for (const { node } of this.#added) await node.close();
  }

  get #isVerifying(): boolean {
    return this.#options.blkverify && this.#options["read-pattern"] === "quorum";
  }

  /** fifo: the first child that can. */
  async #readFirst(offset: number, target: Uint8Array): Promise<void> {
    let last: BlockError | undefined;
    for (const child of this.#children) {
      try {
        return await child.node.read(offset, target);
      } catch (thrown) {
        last = asBlockError(thrown);
        this.#bad("read", child, offset, target.length, last);
      }
    }
    throw last ?? new BlockError("EIO", "The quorum has no children");
  }

  async #readVoted(offset: number, target: Uint8Array): Promise<void> {
    const { length } = target;
    const others = Math.max(0, this.#children.length - 1);
    await this.#scratch.use(length * others, (memory) => this.#vote(offset, target, memory));
  }

  /** `memory` has room for what every child but the first answers. */
  async #vote(offset: number, target: Uint8Array, memory: Uint8Array): Promise<void> {
    const { length } = target;
    const answers = await this.#askAll(async ({ node }, index) => {
      // The first child reads where the answer will most likely be needed.
      const bytes = index === 0 ? target : memory.subarray((index - 1) * length, index * length);
      await node.read(offset, bytes);
      return bytes;
    });
    for (const { child, error } of failedOf(answers)) this.#bad("read", child, offset, target.length, error);
    const good = answers.filter(({ error }) => error === undefined);
    const [first] = good;
    if (first === undefined || good.length < this.#threshold) {
      this.#failure(offset, target.length);
      throw errorVoteOf(answers);
    }
    if (this.#isVerifying) this.#verify(good, offset, target.length);
    const agree = good.every(
      ({ bytes }) => bytes === first.bytes || Buffer.compare(bytes, first.bytes) === 0,
    );
    if (agree) return copyTo(target, first.bytes);
    await this.#decide(good, offset, target);
  }

  /** The children differ: the winner's bytes are the answer, the losers are reported and, if asked, rewritten. */
  async #decide(good: readonly Answer[], offset: number, target: Uint8Array): Promise<void> {
    const votes = good.map(async ({ child, bytes }) => ({ child: child.index, value: await voteOf(bytes) }));
    const groups = groupsOf(await Promise.all(votes));
    const winner = winnerOf(groups);
    if (winner === undefined || winner.members.length < this.#threshold) {
      this.#failure(offset, target.length);
      const count = `${winner?.members.length ?? 0} of ${good.length} children agree, ${this.#threshold} have to`;
      throw new BlockError("EIO", `No quorum: ${count}`, { node: this.name, offset, length: target.length });
    }
    const right = Uint8Array.from(
      good.find(({ child }) => child.index === winner.members[0])?.bytes ?? nothing,
    );
    const losers = losersOf(groups, winner, good);
    for (const { child } of losers) this.#bad("read", child, offset, target.length, undefined);
    if (this.#options["rewrite-corrupted"] && !this.readOnly) {
      await Promise.all(losers.map(({ child }) => this.#rewrite(child, offset, right)));
    }
    copyTo(target, right);
  }

  /** An attempt: the answer stands whether it succeeds or not. */
  async #rewrite(child: QuorumChild, offset: number, right: Uint8Array): Promise<void> {
    try {
      await child.node.write(offset, right);
    } catch (thrown) {
      this.#bad("write", child, offset, right.length, asBlockError(thrown));
    }
  }

  /** blkverify mode: two children, both have answered. */
  #verify([reference, test]: readonly Answer[], offset: number, length: number): void {
    if (reference === undefined || test === undefined) return;
    const difference = differenceOf(reference.bytes, test.bytes, offset);
    if (difference === undefined) return;
    const text = `quorum: offset=${offset} bytes=${length} contents mismatch at offset ${difference.offset}`;
    const sectors = `sector_num=${Math.floor(offset / sectorSize)} nb_sectors=${Math.ceil(length / sectorSize)}`;
    this.#context.event({
      kind: "mismatch",
      node: this.name,
      driver: this.driver,
      op: "read",
      offset,
      length,
      reference: undefined,
      test: undefined,
      stops: true,
      difference,
      text,
      sectorText: `quorum: ${sectors} contents mismatch in sector ${difference.sector}`,
    });
    throw new BlockError("EMISMATCH", text, { node: this.name, offset: difference.offset, length: 1 });
  }

  async #writeAll(
    offset: number,
    length: number,
    request: (node: BlockNode) => Promise<void>,
  ): Promise<void> {
    await this.#lock.run(offset, length, "exclusive", async () => {
      const answers = await this.#askAll(async ({ node }) => {
        await request(node);
        return nothing;
      });
      const failed = failedOf(answers);
      for (const { child, error } of failed) this.#bad("write", child, offset, length, error);
      if (answers.length - failed.length >= this.#threshold) return;
      this.#failure(offset, length);
      throw errorVoteOf(answers);
    });
  }

  /** Every child at once; waits for all of them. */
  #askAll(request: (child: QuorumChild, index: number) => Promise<Uint8Array>): Promise<Answer[]> {
    const answer = async (child: QuorumChild, index: number): Promise<Answer> => {
      try {
        return { child, error: undefined, bytes: await request(child, index) };
      } catch (thrown) {
        return { child, error: asBlockError(thrown), bytes: nothing };
      }
    };
    return Promise.all(this.#children.map(answer));
  }

  #bad(
    type: VoteEvent["type"],
    child: QuorumChild,
    offset: number,
    length: number,
    error: BlockError | undefined,
  ): void {
    this.#context.event({
      kind: "quorum-report-bad",
      node: this.name,
      type,
      nodeName: child.node.name,
      child: child.name,
      error: error && strerror(error),
      ...sectorsOf(offset, length),
    });
  }

  #failure(offset: number, length: number): void {
    this.#context.event({
      kind: "quorum-failure",
      node: this.name,
      reference: this.name,
      ...sectorsOf(offset, length),
    });
  }
}

/** Sectors of 512 bytes that a range touches. */
function sectorsOf(offset: number, length: number): { sectorNum: number; sectorsCount: number } {
  const sectorNum = Math.floor(offset / sectorSize);
  return { sectorNum, sectorsCount: Math.ceil((offset + length) / sectorSize) - sectorNum };
}

function failedOf(answers: readonly Answer[]): { readonly child: QuorumChild; readonly error: BlockError }[] {
  return answers.flatMap(({ child, error }) => (error === undefined ? [] : [{ child, error }]));
}

function errorVoteOf(answers: readonly Answer[]): BlockError {
  return errorVote(failedOf(answers).map(({ child, error }) => ({ child: child.index, error })));
}

/** In the order in which the peer tells them: by group, and in a group from the last member to the first. */
function losersOf(groups: readonly VoteGroup[], winner: VoteGroup, good: readonly Answer[]): Answer[] {
  const numbers = groups.filter((group) => group !== winner).flatMap(({ members }) => [...members].reverse());
  return numbers.flatMap((index) => good.filter(({ child }) => child.index === index));
}

function copyTo(target: Uint8Array, bytes: Uint8Array): void {
  if (bytes !== target) target.set(bytes);
}
