// A disk in memory that records what is done to it: every write, write of zeroes, resize and flush with its moments
// of start and end on a clock shared with the guest's requests. What a crash may leave behind follows from the
// record alone (crashStates.ts). Answers are put off by a random number of turns, so that requests in flight
// together overtake each other; the same seed gives the same record.
import type { BlockNode, Child, Extent, NodeInfo, WriteFlags } from "../../core/block/node.ts";
import type { Random } from "../build/random.ts";

/** Counts moments: each asks for a new one, so that any two can be ordered. */
export class Clock {
  #now = 0;

  tick(): number {
    this.#now++;
    return this.#now;
  }

  get now(): number {
    return this.#now;
  }
}

/** A request that has not ended yet. */
export const pending = Number.POSITIVE_INFINITY;

interface Moments {
  readonly start: number;
  /** When it was answered; `pending` until then. */
  end: number;
}

export interface RecordedWrite extends Moments {
  readonly kind: "write" | "zeroes";
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly fua: boolean;
}

export interface RecordedFlush extends Moments {
  readonly kind: "flush";
}

export interface RecordedResize extends Moments {
  readonly kind: "resize";
  readonly size: number;
}

export type Recorded = RecordedWrite | RecordedFlush | RecordedResize;

/** A file and all that was done to it, in order of the starts. */
export interface FileRecord {
  readonly initial: Uint8Array;
  readonly requests: readonly Recorded[];
}

export class RecordingNode implements BlockNode {
  readonly driver = "recording";
  readonly name: string;
  readonly readOnly = false;
  readonly children: readonly Child[] = [];
  readonly info: NodeInfo = {};
  readonly #requests: Recorded[] = [];
  readonly #initial: Uint8Array;
  readonly #clock: Clock;
  readonly #random: Random;
  #bytes: Uint8Array;

  constructor(name: string, initial: Uint8Array, clock: Clock, random: Random) {
    this.name = name;
    this.#initial = initial.slice();
    this.#bytes = initial.slice();
    this.#clock = clock;
    this.#random = random;
  }

  get record(): FileRecord {
    return { initial: this.#initial, requests: this.#requests };
  }

  get size(): number {
    return this.#bytes.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    await this.#turns();
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }

  write(offset: number, source: Uint8Array, flags: WriteFlags = {}): Promise<void> {
    return this.#write("write", offset, source, flags);
  }

  writeZeroes(offset: number, length: number, flags: WriteFlags = {}): Promise<void> {
    return this.#write("zeroes", offset, new Uint8Array(length), flags);
  }

  async #write(kind: "write" | "zeroes", offset: number, source: Uint8Array, { fua = false }: WriteFlags) {
    // A copy, also of a Buffer, whose slice is none.
    const bytes = new Uint8Array(source);
    const write: RecordedWrite = { kind, offset, bytes, fua, start: this.#clock.tick(), end: pending };
    this.#requests.push(write);
    await this.#turns();
    if (Buffer.compare(bytes, source) !== 0) {
      throw new Error(`the bytes to write at ${offset} were changed while they were being written`);
    }
    this.#setSize(Math.max(this.size, offset + bytes.length));
    this.#bytes.set(bytes, offset);
    write.end = this.#clock.tick();
  }

  async flush(): Promise<void> {
    const flush: RecordedFlush = { kind: "flush", start: this.#clock.tick(), end: pending };
    this.#requests.push(flush);
    await this.#turns();
    flush.end = this.#clock.tick();
  }

  async resize(size: number): Promise<void> {
    const resize: RecordedResize = { kind: "resize", size, start: this.#clock.tick(), end: pending };
    this.#requests.push(resize);
    await this.#turns();
    this.#setSize(size);
    resize.end = this.#clock.tick();
  }

  /** Of bytes that are given up nothing is known any more. */
  async discard(offset: number, length: number): Promise<void> {
    await this.#write("write", offset, new Uint8Array(length).fill(0xdd), {});
  }

  async close(): Promise<void> {}

  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, length, state: "data", compressed: false, hostOffset: undefined };
  }

  #setSize(size: number): void {
    if (size === this.#bytes.length) return;
    const bytes = new Uint8Array(size);
    bytes.set(this.#bytes.subarray(0, size));
    this.#bytes = bytes;
  }

  /** 1 to 12 turns of the microtask queue: no timers, so that a seed says everything. */
  async #turns(): Promise<void> {
    for (let left = 1 + this.#random.below(12); left > 0; left--) await undefined;
  }
}
