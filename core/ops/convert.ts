// Copies the contents of images into another, already open one: several requests in flight, holes and zeroes skipped,
// zeroes found in data. Knows nothing of formats or of how the target came to be.
import { asBlockError, BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { pageAligned } from "../base/pageAligned.ts";
import { strerror } from "../base/strerror.ts";
import type { BlockNode } from "../block/node.ts";
import { type Piece, planPieces, type Stretch, stretchOf, wholeClusters, within } from "./convertPlan.ts";
import { RateLimit } from "./rateLimit.ts";
import { type ByteRun, zeroRuns } from "./zeroRuns.ts";

export interface ConvertRequest {
  /** One after the other. */
  readonly sources: readonly BlockNode[];
  readonly target: BlockNode;
  /** Zeroes in data are found in blocks of this many bytes, a multiple of 512; 0: everything is written, zeroes too. */
  readonly sparse: number;
  /** What is not written reads as zeroes. */
  readonly targetIsZero: boolean;
  /** Bytes of the target's backing file, if it has one: what the source does not hold itself is left to it. */
  readonly backingSize?: number | undefined;
  /** What is not written behind the end of that backing file reads as zeroes. Default false. */
  readonly isZeroBehind?: boolean | undefined;
  /** Requests in flight, 1 or more. */
  readonly parallel: number;
  /** Writes need not be in the order of offsets. */
  readonly outOfOrder: boolean;
  /** Data are compressed, by clusters of the target, which has to be able to: `writeCompressed`. */
  readonly compress?: boolean;
  /** Bytes written a second at most. */
  readonly rate?: number | undefined;
  readonly signal: AbortSignal;
  /** Told of each range that could not be read, which is zeroes in the target. Without it such a range is an error. */
  readonly salvage?:
    | ((what: "data" | "status", offset: number, length: number, reason: string) => void)
    | undefined;
  /** Bytes of data copied so far. */
  progress?(copied: number): void;
}

const sector = 512;
/**
 * Bytes read and written at once: with smaller requests what each takes beside its bytes costs more than the processor's
 * cache saves, above all where it takes new clusters.
 */
const blockSize = 4 * 1024 * 1024;
/** The same of what is compressed, which several threads share. */
const compressedBlockSize = 1024 * 1024;
/** A piece counts as done in parts of this size, as the peer's requests. */
const reportSize = 2 * 1024 * 1024;
/** Zeroes are written in requests of at most this much, so that a cancel is heard in between. */
const longestZero = 1024 * 1024 * 1024;

/** Throws ECANCELED, EIO and whatever reading or writing throws, with the peer's words for it. */
export async function convert(request: ConvertRequest): Promise<void> {
  await new Conversion(request).run();
}

/** A part of a stretch that one request reads and writes. */
interface Block extends Stretch {
  /** Copied bytes to report when this is done. */
  readonly reports: number;
  /** Resolves when everything before it is written; compressed: asked to be written, in its order. */
  readonly turn: Promise<void>;
  /** To be called when it is. */
  written(): void;
}

class Conversion {
  readonly #request: ConvertRequest;
  readonly #pace: Pace;
  readonly #rate: RateLimit | undefined;
  readonly #granule: number;
  /** Of the target's clusters, where they are compressed. */
  readonly #compressed: number | undefined;
  readonly #blockSize: number;
  readonly #blocks: AsyncGenerator<Block>;
  /** Buffers of requests that are done, the last one used at the end: it is still in the processor's cache. */
  readonly #idle: Buffer[] = [];
  #lastTurn: Promise<void> = Promise.resolve();
  #copied = 0;
  #failed: unknown;

  constructor(request: ConvertRequest) {
    this.#request = request;
    this.#pace = new Pace(request.signal);
    this.#rate = request.rate === undefined ? undefined : new RateLimit(request.rate, request.signal);
    // A cluster is allocated as a whole: finding zeroes in parts of it would only cost more requests.
    const cluster = Math.min(request.target.info.clusterSize ?? 0, reportSize);
    this.#compressed = request.compress === true ? cluster : undefined;
    this.#granule = request.sparse === 0 ? 0 : (this.#compressed ?? Math.max(request.sparse, cluster));
    const usual = this.#compressed === undefined ? blockSize : compressedBlockSize;
    this.#blockSize = Math.max(usual, this.#granule, this.#compressed ?? 0);
    this.#blocks = this.#plan();
  }

  async run(): Promise<void> {
    const workers = Array.from({ length: this.#request.parallel }, () => this.#work());
    await Promise.all(workers);
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** An async generator answers calls in the order they came, so all workers share one. */
  async *#plan(): AsyncGenerator<Block> {
    const { sources, backingSize, isZeroBehind, salvage } = this.#request;
    const told = salvage && ((offset: number, reason: string) => salvage("status", offset, sector, reason));
    const pieces = planPieces(sources, { backingSize, isZeroBehind, salvage: told });
    for await (const stretch of this.#stretches(pieces)) {
      if (stretch.kind === "backing" || (stretch.kind === "zero" && this.#skipsZeroes)) continue;
      const asData = stretch.kind === "data" || this.#granule === 0;
      for (let at = 0, reported = 0; at < stretch.length; ) {
        const end = Math.min(stretch.length, asData ? this.#blockEnd(stretch.to, at) : at + longestZero);
        const whole = end === stretch.length || Math.floor(at / reportSize) !== Math.floor(end / reportSize);
        const counts = whole && stretch.kind === "data";
        const { turn, written } = this.#nextTurn();
        yield { ...within(stretch, at, end), reports: counts ? end - reported : 0, turn, written };
        if (whole) reported = end;
        at = end;
      }
    }
  }

  async *#stretches(pieces: AsyncIterable<Piece>): AsyncGenerator<Stretch> {
    if (this.#compressed !== undefined) yield* wholeClusters(pieces, this.#compressed);
    else for await (const piece of pieces) yield stretchOf(piece);
  }

  get #skipsZeroes(): boolean {
    return this.#request.targetIsZero && this.#granule !== 0;
  }

  /** Blocks end at multiples of their size in the target. */
  #blockEnd(to: number, at: number): number {
    return at + this.#blockSize - ((to + at) % this.#blockSize);
  }

  #nextTurn(): { turn: Promise<void>; written: () => void } {
    const turn = this.#request.outOfOrder ? Promise.resolve() : this.#lastTurn;
    let written: () => void = () => undefined;
    this.#lastTurn = new Promise((resolve) => {
      written = resolve;
    });
    return { turn, written };
  }

  async #work(): Promise<void> {
    try {
      while (this.#failed === undefined) {
        if (this.#pace.due) await this.#pace.turn();
        this.#checkCancelled();
        const { value: block, done } = await this.#blocks.next();
        if (done === true) return;
        const buffer = this.#idle.pop() ?? pageAligned(this.#blockSize);
        try {
          await this.#copy(block, buffer);
        } catch (thrown) {
          this.#failed ??= thrown;
        } finally {
          this.#idle.push(buffer);
          block.written();
        }
      }
    } catch (thrown) {
      this.#failed ??= thrown;
    }
  }

  async #copy(block: Block, buffer: Buffer): Promise<void> {
    if (block.kind === "zero" && this.#granule !== 0) {
      await block.turn;
      await this.#zero(block.to, block.length);
      return;
    }
    const bytes = buffer.subarray(0, block.length);
    for (const part of block.parts) {
      const place = part.to - block.to;
      const own = bytes.subarray(place, place + part.length);
      if (part.kind === "zero") own.fill(0);
      else await this.#read(part, own);
    }
    await block.turn;
    if (this.#failed !== undefined) return;
    await this.#put(block, bytes);
    for (let left = block.reports; left > 0; left -= reportSize) {
      this.#copied += Math.min(left, reportSize);
      this.#request.progress?.(this.#copied);
    }
  }

  async #put(block: Block, bytes: Buffer): Promise<void> {
    const { to } = block;
    const runs =
      this.#granule === 0
        ? [{ start: 0, end: bytes.length, zero: false }]
        : zeroRuns(bytes, this.#granule, to % this.#granule);
    const wanted = runs.filter(({ zero }) => !zero || !this.#skipsZeroes);
    if (this.#compressed !== undefined) return this.#putCompressed(block, bytes, wanted, this.#compressed);
    for (const { start, end, zero } of wanted) {
      if (zero) await this.#zero(to + start, end - start);
      else {
        await this.#rate?.take(end - start);
        await this.#data(to + start, bytes.subarray(start, end));
      }
    }
  }

  /** The target stores it in the order it is asked to, while that of the next blocks is compressed. */
  async #putCompressed(
    { to, written }: Block,
    bytes: Buffer,
    runs: readonly ByteRun[],
    clusterSize: number,
  ): Promise<void> {
    const data = runs.filter(({ zero }) => !zero);
    await this.#rate?.take(data.reduce((sum, { start, end }) => sum + end - start, 0));
    const asked = runs.map(({ start, end, zero }) =>
      zero
        ? this.#zero(to + start, end - start)
        : this.#dataCompressed(to + start, bytes.subarray(start, end), clusterSize),
    );
    written();
    // All of them: until then the bytes are theirs.
    for (const outcome of await Promise.allSettled(asked)) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
  }

  async #dataCompressed(to: number, bytes: Buffer, clusterSize: number): Promise<void> {
    // A part of a cluster can be compressed at the end of the disk only.
    const tail = to + bytes.length === this.#request.target.size ? 0 : bytes.length % clusterSize;
    const body = bytes.length - tail;
    if (body > 0) {
      await this.#write(to, body, async (target) => target.writeCompressed?.(to, bytes.subarray(0, body)));
    }
    if (tail > 0) await this.#data(to + body, bytes.subarray(body));
  }

  #data(to: number, bytes: Buffer): Promise<void> {
    return this.#write(to, bytes.length, (target) => target.write(to, bytes));
  }

  async #zero(to: number, length: number): Promise<void> {
    await this.#write(to, length, (target) => target.writeZeroes(to, length, { mayUnmap: true }));
  }

  async #write(to: number, length: number, request: (target: BlockNode) => Promise<void>): Promise<void> {
    try {
      await request(this.#request.target);
    } catch (thrown) {
      const error = asBlockError(thrown);
      throw new BlockError(
        error.code,
        `Could not write ${length} bytes at offset ${to} of the target: ${error.message}`,
        {
          ...error.context,
          peer: { message: `error while writing at byte ${to}: ${strerror(error)}` },
        },
        { cause: error },
      );
    }
  }

  async #read(block: Piece, bytes: Buffer): Promise<void> {
    const { source, from, to } = block;
    // The last sector of a file that ends inside it.
    const there = Math.max(0, Math.min(bytes.length, source.size - from));
    bytes.fill(0, there);
    try {
      await source.read(from, bytes.subarray(0, there));
    } catch (thrown) {
      const error = asBlockError(thrown);
      if (this.#request.salvage !== undefined) return this.#salvage(block, bytes.subarray(0, there));
      throw new BlockError(
        error.code,
        `Could not read ${bytes.length} bytes at offset ${to}: ${error.message}`,
        {
          hint: "With --salvage the conversion goes on, with zeroes in place of what can't be read.",
          ...error.context,
          peer: { message: `error while reading at byte ${to}: ${strerror(error)}` },
        },
        { cause: error },
      );
    }
  }

  /** Sector by sector: what can't be read is zeroes. */
  async #salvage({ source, from, to }: Piece, bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += sector) {
      if (this.#pace.due) await this.#pace.turn();
      this.#checkCancelled();
      const part = bytes.subarray(at, at + sector);
      try {
        await source.read(from + at, part);
      } catch (thrown) {
        part.fill(0);
        this.#request.salvage?.("data", to + at, part.length, strerror(asBlockError(thrown)));
      }
    }
  }

  #checkCancelled(): void {
    if (this.#request.signal.aborted) throw new BlockError("ECANCELED", "The conversion was cancelled");
  }
}
