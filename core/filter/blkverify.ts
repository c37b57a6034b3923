// blkverify: every request goes to a reference (raw) and to a copy under test; what they read is compared, and the
// first difference is said at once (filters reference, 1). Where the original leaves the children to drift apart
// (flush, zeroes and discards reach one only, lengths are not looked at) both get the same here.
import * as z from "zod";
import { asBlockError, BlockError, toPlain } from "../base/errors.ts";
import { errnoOf } from "../base/strerror.ts";
import { defineDriver, type OpenContext } from "../block/driver.ts";
import type { Difference, MismatchEvent } from "../block/events.ts";
import type {
  BlockNode,
  Child,
  Extent,
  NodeInfo,
  ResizeOptions,
  WriteFlags,
  ZeroFlags,
} from "../block/node.ts";
import { child } from "../block/options.ts";
import { RangeLock } from "../block/rangeLock.ts";
import { filteredExtent, protocolLevel } from "./children.ts";
import { differenceOf } from "./difference.ts";
import { Scratch } from "./scratch.ts";
import { scatter, vectorLength } from "./vector.ts";

const policies = ["stop", "report", "record"] as const;
type Policy = (typeof policies)[number];

export const blkverify = defineDriver({
  kind: "filter",
  isPrefix: true,
  options: z.strictObject({
    driver: z.literal("blkverify"),
    /** The reference; opened as it is, never probed. */
    raw: child.describe("The reference, read as it is."),
    /** The copy under test; probed unless its driver is given. */
    test: child.describe("The copy under test."),
    /**
     * After a difference: stop: the request fails with EMISMATCH; report: it is answered, and an event tells; record:
     * the same, for those who only gather events.
     */
    "on-mismatch": z
      .enum(policies)
      .describe("stop: the read fails; report, record: it is answered, and an event tells.")
      .default("stop"),
    /** Whose bytes answer a read in which the two differ and the policy is to go on. */
    answer: z.enum(["raw", "test"]).describe("Whose bytes are shown where the two differ.").default("test"),
  }),
  open: async (options, context) => {
    const raw = await context.openChild("raw", "data", protocolLevel(options.raw));
    const test = await context.openChild("test", "data", options.test);
    checkLengths(raw, test, context);
    return new VerifyNode(raw, test, options["on-mismatch"], options.answer, context);
  },
});

/** The size of a disk counts whole sectors for the peer, so a reference may be cut short inside the last one. */
const sectorSize = 512;

function checkLengths(raw: BlockNode, test: BlockNode, context: OpenContext): void {
  const sectors = (bytes: number) => Math.ceil(bytes / sectorSize);
  if (sectors(raw.size) === sectors(test.size)) return;
  throw new BlockError(
    "EINVAL",
    `The reference has ${raw.size} bytes and the image under test ${test.size}: they can't be copies of one disk`,
    { node: context.name, hint: "Resize the shorter one first: what lies beyond its end can't be compared." },
  );
}

type Op = MismatchEvent["op"];
interface Outcome {
  readonly error: BlockError | undefined;
}

class VerifyNode implements BlockNode {
  readonly driver = "blkverify";
  readonly name: string;
  readonly readOnly: boolean;
  readonly children: readonly Child[];
  readonly info: NodeInfo = {};
  readonly #raw: BlockNode;
  readonly #test: BlockNode;
  readonly #policy: Policy;
  readonly #answer: "raw" | "test";
  readonly #context: OpenContext;
  readonly #lock = new RangeLock();
  readonly #scratch = new Scratch();

  constructor(raw: BlockNode, test: BlockNode, policy: Policy, answer: "raw" | "test", context: OpenContext) {
    this.name = context.name;
    this.readOnly = context.readOnly;
    this.children = [
      { name: "raw", role: "data", node: raw },
      { name: "test", role: "data", node: test },
    ];
    this.#raw = raw;
    this.#test = test;
    this.#policy = policy;
    this.#answer = answer;
    this.#context = context;
  }

  get size(): number {
    return this.#test.size;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    await this.#scratch.use(target.length, (copy) => this.#readInto(offset, target, copy));
  }

  async #readInto(offset: number, target: Uint8Array, copy: Uint8Array): Promise<void> {
    await this.#lock.run(offset, target.length, "shared", async () => {
      await this.#both("read", offset, target.length, (node, side) =>
        side === "test" ? node.read(offset, target) : readShort(node, offset, copy),
      );
      const difference = differenceOf(copy, target, offset);
      if (difference === undefined) return;
      if (this.#policy !== "stop" && this.#answer === "raw") target.set(copy);
      this.#mismatch("read", offset, target.length, {}, {}, difference);
    });
  }

  async readVector(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    const whole = new Uint8Array(vectorLength(targets));
    await this.read(offset, whole);
    scatter(whole, targets);
  }

  async write(offset: number, source: Uint8Array, flags?: WriteFlags): Promise<void> {
    const { length } = source;
    await this.#lock.run(offset, length, "exclusive", () =>
      this.#both("write", offset, length, (node) => node.write(offset, source, flags)),
    );
  }

  async writeZeroes(offset: number, length: number, flags?: ZeroFlags): Promise<void> {
    await this.#lock.run(offset, length, "exclusive", () =>
      this.#both("write-zeroes", offset, length, (node) => node.writeZeroes(offset, length, flags)),
    );
  }

  /**
   * What a discarded range reads as is not said by either child, so the range is discarded and then zeroed in both:
   * they stay copies of each other.
   */
  async discard(offset: number, length: number): Promise<void> {
    await this.#lock.run(offset, length, "exclusive", () =>
      this.#both("discard", offset, length, async (node) => {
        await node.discard(offset, length);
        await node.writeZeroes(offset, length, { mayUnmap: true });
      }),
    );
  }

  /** Both: a reference that loses its last writes in a crash would accuse the copy under test. */
  async flush(): Promise<void> {
    const [test, raw] = await settle([this.#test.flush(), this.#raw.flush()]);
    const failed = test?.error ?? raw?.error;
    if (failed) throw failed;
  }

  async resize(size: number, options?: ResizeOptions): Promise<void> {
    await this.#lock.settled();
    await this.#test.resize(size, options);
    await this.#raw.resize(size, options);
  }

  extentAt(offset: number, length: number): Promise<Extent> {
    const there = Math.min(length, this.#raw.size - offset);
    return filteredExtent(there > 0 ? this.#raw : this.#test, offset, Math.max(there, 1));
  }

  async close(): Promise<void> {
    // A request that has reached one child only must reach the other: they stay in step.
    await this.#lock.settled();
  }

  /** Runs the request on both children at once and compares how they ended. Throws what both failed with. */
  async #both(
    op: Op,
    offset: number,
    length: number,
    request: (node: BlockNode, side: "raw" | "test") => Promise<void>,
  ): Promise<void> {
    const [test, raw] = await settle([request(this.#test, "test"), request(this.#raw, "raw")]);
    if (test?.error?.code !== raw?.error?.code) {
      this.#mismatch(op, offset, length, raw ?? {}, test ?? {}, undefined);
    }
    const failed = test?.error ?? raw?.error;
    if (failed) throw failed;
  }

  #mismatch(
    op: Op,
    offset: number,
    length: number,
    raw: Partial<Outcome>,
    test: Partial<Outcome>,
    difference: Difference | undefined,
  ): void {
    const text = `blkverify: ${lineOf(op)} offset=${offset} bytes=${length} ${
      difference === undefined
        ? `return value mismatch ${numberOf(test.error)} != ${numberOf(raw.error)}`
        : `contents mismatch at offset ${difference.offset}`
    }`;
    const sectors = `sector_num=${Math.floor(offset / sectorSize)} nb_sectors=${Math.ceil(length / sectorSize)}`;
    const sectorText = `blkverify: ${lineOf(op)} ${sectors} ${
      difference === undefined
        ? `return value mismatch ${numberOf(test.error)} != ${numberOf(raw.error)}`
        : `contents mismatch in sector ${difference.sector}`
    }`;
    this.#context.event({
      kind: "mismatch",
      node: this.name,
      driver: this.driver,
      op,
      offset,
      length,
      reference: raw.error && toPlain(raw.error),
      test: test.error && toPlain(test.error),
      stops: this.#policy === "stop",
      difference,
      text,
      sectorText,
    });
    if (this.#policy !== "stop") return;
    const at = difference ? { offset: difference.offset, length: 1 } : { offset, length };
    throw new BlockError("EMISMATCH", text, { node: this.name, ...at });
  }
}

/** The peer has one word for everything that changes the disk. */
function lineOf(op: Op): string {
  return op === "read" ? "read" : "write";
}

/** A reference that ends inside the last sector reads as zeroes up to its end. */
async function readShort(node: BlockNode, offset: number, target: Uint8Array): Promise<void> {
  const there = Math.max(0, Math.min(target.length, node.size - offset));
  if (there > 0) await node.read(offset, target.subarray(0, there));
  target.fill(0, there);
}

async function settle(requests: readonly Promise<void>[]): Promise<Outcome[]> {
  const results = await Promise.allSettled(requests);
  return results.map((result) => ({
    error: result.status === "rejected" ? asBlockError(result.reason) : undefined,
  }));
}

/** As the peer prints it: 0, or the negative number of the error. */
function numberOf(error: BlockError | undefined): number {
  return error === undefined ? 0 : -errnoOf(error);
}
