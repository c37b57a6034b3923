// What the commands that move bytes have in common: limits, buffers, patterns, and requests of sizes that would not fit
// in memory at once, cut into pieces.
import * as fs from "node:fs";
import { asBlockError, BlockError } from "../../base/errors.ts";
import { strerror } from "../../base/strerror.ts";
import { systemError } from "../../protocol/systemError.ts";
import { inPlaceOfPeer } from "../persona.ts";
import { CommandFailure } from "./failure.ts";
import type { IoImage } from "./image.ts";
import { patternByte, sizeNumber } from "./number.ts";

/** The longest request: 2^31 less a sector. */
export const maxRequest = 2147483136;
/** A longer request is done in pieces of this length, one after the other. A multiple of every cluster size. */
export const pieceLength = 64 * 1024 * 1024;
/** What a buffer holds before it is read into, and what is written unless a pattern is given. */
export const readFill = 0xab;
export const writeFill = 0xcd;

const sector = 512;

/** Judges the values of -P while options are parsed. */
export function checkPattern(letter: string, value: string): void {
  if (letter === "P") patternByte(value);
}

/** A length that no single request exceeds. Throws CommandFailure. */
export function lengthNumber(text: string, note = ""): number {
  const length = sizeNumber(text);
  if (length <= maxRequest) return length;
  throw new CommandFailure("out", `length cannot exceed ${maxRequest}${note}, given ${text}`);
}

export function checkSectors(offset: number, count: number): void {
  for (const [value, name] of [
    [offset, "offset"],
    [count, "count"],
  ] as const) {
    if (value % sector !== 0) {
      throw new CommandFailure("out", `${value} is not a sector-aligned value for '${name}'`);
    }
  }
}

/** The lengths of a request of several buffers. Throws CommandFailure. */
export function vectorLengths(texts: readonly string[]): number[] {
  let total = 0;
  return texts.map((text) => {
    const length = sizeNumber(text);
    if (length > maxRequest) {
      throw new CommandFailure("out", `Argument '${text}' exceeds maximum size ${maxRequest}`);
    }
    total += length;
    if (total > maxRequest) {
      throw new CommandFailure("out", `The total number of bytes exceed the maximum size ${maxRequest}`);
    }
    return length;
  });
}

export function sum(lengths: readonly number[]): number {
  return lengths.reduce((total, length) => total + length, 0);
}

/** Does the request; what goes wrong becomes "read failed: Input/output error". */
export async function attempt<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    const failure = asBlockError(error);
    const hint = inPlaceOfPeer ? undefined : whyFailed(failure);
    throw new CommandFailure("out", `${what} failed: ${strerror(failure)}`, { hint, cause: error });
  }
}

/** The line of a failed request has the peer's words, which say little. */
function whyFailed({ message, context }: BlockError): string {
  return context.hint === undefined ? message : `${message}\n${context.hint}`;
}

/**
 * Reads `length` bytes and gives them to `use`: at once, or piece by piece when that is too long. The buffer is
 * reused.
 */
export async function readPieces(
  image: IoImage,
  offset: number,
  length: number,
  signal: AbortSignal,
  use: (bytes: Uint8Array, offset: number) => void,
  vmState = false,
): Promise<void> {
  // Whole or not at all: a request past the end reads nothing.
  if (!vmState) await image.read(offset + length, new Uint8Array(0));
  const buffer = new Uint8Array(Math.min(length, pieceLength)).fill(readFill);
  for (let done = 0; done < length || done === 0; done += pieceLength) {
    const piece = buffer.subarray(0, Math.min(length - done, pieceLength));
    await (vmState ? image.vmState : image).read(offset + done, piece);
    use(piece, offset + done);
    await between(done + pieceLength < length, signal);
  }
}

export interface PatternWrite {
  readonly pattern: Uint8Array;
  readonly fua?: boolean;
  /** As compressed clusters. */
  readonly compressed?: boolean;
  /** Of the machine's state instead of the disk. */
  readonly vmState?: boolean;
}

/** Writes `length` bytes of a repeated pattern, at once or in pieces. */
export async function writePieces(
  image: IoImage,
  offset: number,
  length: number,
  signal: AbortSignal,
  { pattern, fua = false, compressed = false, vmState = false }: PatternWrite,
): Promise<void> {
  if (!vmState) await image.read(offset + length, new Uint8Array(0));
  const buffer = new Uint8Array(Math.min(length, pieceLength));
  for (let done = 0; done < length || done === 0; done += pieceLength) {
    const piece = buffer.subarray(0, Math.min(length - done, pieceLength));
    if (done === 0 || pattern.length > 1) repeat(piece, pattern, done % pattern.length);
    if (vmState) await image.vmState.write(offset + done, piece);
    else if (compressed) await image.writeCompressed(offset + done, piece);
    else await image.write(offset + done, piece, { fua });
    await between(done + pieceLength < length, signal);
  }
}

/** Between two pieces the person may interrupt, which is noticed only when the event loop turns. */
async function between(more: boolean, signal: AbortSignal): Promise<void> {
  if (!more) return;
  await new Promise((turn) => setImmediate(turn));
  if (signal.aborted) throw new BlockError("ECANCELED", "The command was interrupted");
}

/** Fills `target` with the pattern, beginning at its byte `phase`. */
function repeat(target: Uint8Array, pattern: Uint8Array, phase: number): void {
  if (pattern.length === 1) {
    target.fill(pattern[0] ?? 0);
    return;
  }
  const first = Math.min(target.length, pattern.length);
  for (let at = 0; at < first; at++) target[at] = pattern[(phase + at) % pattern.length] ?? 0;
  for (let done = first; done < target.length; done *= 2) target.copyWithin(done, 0, done);
}

/** The bytes that a write repeats: at most `length` of the file. Throws CommandFailure. */
export function patternFile(name: string, length: number): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readStart(name, length);
  } catch (error) {
    throw new CommandFailure("err", systemError(name, error, {}).message);
  }
  if (bytes.length === 0) throw new CommandFailure("err", `${name}: file is empty`);
  return bytes;
}

function readStart(name: string, length: number): Uint8Array {
  const fd = fs.openSync(name, "r");
  try {
    const { size } = fs.fstatSync(fd);
    // A file of unknown length, such as a device, gives as much as is asked for.
    const bytes = new Uint8Array(size > 0 ? Math.min(size, length) : Math.min(length, pieceLength));
    let done = 0;
    while (done < bytes.length) {
      const got = fs.readSync(fd, bytes, done, bytes.length - done, null);
      if (got === 0) break;
      done += got;
    }
    return bytes.subarray(0, done);
  } finally {
    fs.closeSync(fd);
  }
}

/** All bytes of `bytes` are `pattern`. */
export function isAll(bytes: Uint8Array, pattern: number): boolean {
  for (let at = 0; at < bytes.length; at += sample.length) {
    const part = bytes.subarray(at, at + sample.length);
    if (samplePattern !== pattern) {
      sample.fill(pattern);
      samplePattern = pattern;
    }
    if (Buffer.compare(part, sample.subarray(0, part.length)) !== 0) return false;
  }
  return true;
}

const sample = new Uint8Array(64 * 1024);
let samplePattern = 0;
