// A file in memory that remembers every write and flush, can fail on demand, and can be asked what a crash may have left of
// it: what was flushed, and any part of what was written since.
import { BlockError } from "../../core/base/errors.ts";
import type { BlockNode, Extent } from "../../core/block/node.ts";
import type { Random } from "./random.ts";

type Step = { readonly offset: number; readonly bytes: Uint8Array } | "flush" | { readonly size: number };

export class RecordedFile implements BlockNode {
  readonly name = "recorded";
  readonly driver = "memory";
  readonly readOnly = false;
  readonly children = [];
  readonly info = {};
  readonly #before: Uint8Array;
  #bytes: Uint8Array;
  #size: number;
  readonly #steps: Step[] = [];
  /** Called before each write and flush; may throw. */
  fault: ((what: "write" | "flush") => void) | undefined;

  constructor(bytes: Uint8Array) {
    this.#before = new Uint8Array(bytes);
    this.#bytes = new Uint8Array(bytes);
    this.#size = bytes.length;
  }

  get size(): number {
    return this.#size;
  }

  get content(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  get stepCount(): number {
    return this.#steps.length;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }

  async write(offset: number, source: Uint8Array): Promise<void> {
    this.fault?.("write");
    await new Promise((resolve) => setImmediate(resolve));
    this.#steps.push({ offset, bytes: new Uint8Array(source) });
    this.#bytes = put(this.#bytes, offset, source);
    this.#size = Math.max(this.#size, offset + source.length);
  }

  writeZeroes(offset: number, length: number): Promise<void> {
    return this.write(offset, new Uint8Array(length));
  }

  async discard(offset: number, length: number): Promise<void> {
    // Of bytes that are given up nothing is known any more.
    await this.write(offset, new Uint8Array(length).fill(0xdd));
  }

  async flush(): Promise<void> {
    this.fault?.("flush");
    await new Promise((resolve) => setImmediate(resolve));
    this.#steps.push("flush");
  }

  async resize(size: number): Promise<void> {
    this.#steps.push({ size });
    if (size > this.#size) this.#bytes = put(this.#bytes, size, new Uint8Array(0));
    this.#bytes.fill(0, Math.min(size, this.#size));
    this.#size = size;
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, length, state: "data", compressed: false, hostOffset: offset };
  }

  async close(): Promise<void> {}

  /** After `count` steps: writes before the last flush are there, of those since each sector may be. */
  afterCrash(count: number, random: Random): Uint8Array {
    const steps = this.#steps.slice(0, count);
    const flushed = steps.lastIndexOf("flush");
    let bytes: Uint8Array = new Uint8Array(this.#before);
    for (const [i, step] of steps.entries()) {
      if (step === "flush") continue;
      if ("size" in step) bytes = resized(bytes, step.size);
      else if (i < flushed) bytes = grown(bytes, step.offset, step.bytes);
      else {
        for (let at = 0; at < step.bytes.length; at += 512) {
          if (random.below(2) === 0)
            bytes = grown(bytes, step.offset + at, step.bytes.subarray(at, at + 512));
        }
      }
    }
    return bytes;
  }
}

/** Room is doubled, so that many small writes at the end stay cheap. */
function put(bytes: Uint8Array, offset: number, source: Uint8Array): Uint8Array {
  const end = offset + source.length;
  const room = end <= bytes.length ? bytes : resized(bytes, Math.max(end, bytes.length * 2));
  room.set(source, offset);
  return room;
}

function grown(bytes: Uint8Array, offset: number, source: Uint8Array): Uint8Array {
  const end = offset + source.length;
  const room = end <= bytes.length ? bytes : resized(bytes, end);
  room.set(source, offset);
  return room;
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  const room = new Uint8Array(size);
  room.set(bytes.subarray(0, size));
  return room;
}

/** Throws EIO from the request with this number on, for `times` requests. */
export function failingFrom(first: number, times: number): () => void {
  let count = 0;
  return () => {
    const now = count++;
    if (now >= first && now < first + times) throw new BlockError("EIO", "injected on purpose");
  };
}
