// Sends requests of one kind at a fixed step through an image, several in flight, and counts the time: what
// `qemu-img bench` does.
import { asBlockError, BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { strerror } from "../base/strerror.ts";
import type { BlockNode } from "../block/node.ts";

export interface BenchRequest {
  readonly node: BlockNode;
  readonly write: boolean;
  /** Requests in all, and at once. */
  readonly count: number;
  readonly depth: number;
  /** Bytes: of a request, of the first one's offset, between the offsets of two. Past the end it goes on from the start. */
  readonly size: number;
  readonly offset: number;
  readonly step: number;
  /** Byte that is written. */
  readonly pattern: number;
  /** Writes between two flushes; 0: none. */
  readonly flushInterval: number;
  /** Before a flush, requests in flight are waited for. */
  readonly drain: boolean;
  readonly signal: AbortSignal;
}

/** Milliseconds from the first request to the end of the last. Throws what a request throws. */
export async function bench(request: BenchRequest): Promise<number> {
  const run = new Bench(request);
  const start = performance.now();
  await run.all();
  return performance.now() - start;
}

class Bench {
  readonly #request: BenchRequest;
  readonly #pace: Pace;
  readonly #size: number;
  #sent = 0;
  #at: number;
  #sinceFlush = 0;
  #running = 0;
  /** A flush that waits until nothing runs, or runs; everybody waits for it. */
  #flush: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(request: BenchRequest) {
    this.#request = request;
    this.#pace = new Pace(request.signal);
    this.#size = request.node.size;
    this.#at = request.offset;
  }

  async all(): Promise<void> {
    const workers = Math.min(this.#request.depth, this.#request.count);
    const ended = await Promise.allSettled(Array.from({ length: workers }, () => this.#work()));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
  }

  async #work(): Promise<void> {
    const { node, write, count, size, step, pattern } = this.#request;
    const buffer = Buffer.alloc(size, pattern);
    try {
      while (this.#sent < count) {
        if (this.#pace.due) await this.#pace.turn();
        if (this.#pace.stopped) throw new BlockError("ECANCELED", "The bench was cancelled");
        if (this.#flush !== undefined) {
          await this.#flush;
          continue;
        }
        const at = this.#at;
        this.#at = (at + step) % this.#size;
        this.#sent++;
        this.#running++;
        try {
          await (write ? node.write(at, buffer) : node.read(at, buffer));
        } finally {
          this.#running--;
          if (this.#running === 0) this.#idle?.();
        }
        this.#countWrite();
      }
      await this.#flush;
    } catch (thrown) {
      this.#sent = count;
      const error = asBlockError(thrown);
      // The peer's requests past the end fail in the way of a device.
      const reason = error.code === "EINVAL" ? strerror({ code: "EIO", context: {} }) : strerror(error);
      const peer = { message: `Failed request: ${reason}` };
      throw new BlockError(
        error.code,
        `Failed request: ${error.message}`,
        { ...error.context, peer },
        { cause: error },
      );
    }
  }

  #countWrite(): void {
    const { flushInterval, node } = this.#request;
    if (flushInterval === 0 || ++this.#sinceFlush < flushInterval) return;
    this.#sinceFlush = 0;
    this.#flush = this.#settle()
      .then(() => node.flush())
      .finally(() => {
        this.#flush = undefined;
      });
    // Whoever waits for it hears of its failure.
    this.#flush.catch(() => undefined);
  }

  async #settle(): Promise<void> {
    if (!this.#request.drain || this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    this.#idle = undefined;
  }
}
