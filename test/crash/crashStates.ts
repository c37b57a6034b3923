// What may be on the disk after a crash at a moment, following from the record of requests.
//
//   durable    a write answered before a flush began that was answered before the crash; FUA: itself answered
//   possible   any other write that had begun: each of its 512-byte sectors may be there or not
//
// A sector's history is never turned back: what overwrote it later is missing as well when an earlier version is
// found, as with the caches of systems and disks. The file is as long as what is found of it needs, or as long
// as it was: lengths and contents reach the disk apart from each other, and gaps read as zeroes.
import type { Random } from "../build/random.ts";
import type { FileRecord, Recorded, RecordedWrite } from "./recorder.ts";

export const sectorBytes = 512;

/** A file after a crash: its bytes, and how it came about for the report. */
export interface CrashState {
  readonly moment: number;
  readonly how: string;
  readonly bytes: Uint8Array;
}

/** Moments at which a request of the file ended, plus one before all: between these nothing changes. */
export function cutMoments(record: FileRecord): number[] {
  const ends = record.requests.map(({ end }) => end).filter(Number.isFinite);
  return [0, ...ends].sort((a, b) => a - b);
}

/** Everything answered by then is there, nothing else. */
export function prefixState(record: FileRecord, moment: number): CrashState {
  const file = new Growing(record.initial);
  for (const request of inOrder(record, moment)) if (request.end <= moment) file.apply(request);
  return { moment, how: "all that was answered, nothing else", bytes: file.bytes };
}

/** Everything answered by then, but the last write only to a sector boundary. */
export function tornState(record: FileRecord, moment: number, random: Random): CrashState {
  const answered = inOrder(record, moment).filter(({ end }) => end <= moment);
  const last = answered.findLast(isWrite);
  const file = new Growing(record.initial);
  let how = "no write to tear";
  for (const request of answered) {
    if (request !== last || isDurable(last, record, moment)) {
      file.apply(request);
      continue;
    }
    const pieces = sectorsOf(last);
    const kept = random.below(pieces.length);
    for (const piece of pieces.slice(0, kept)) file.put(piece.offset, piece.bytes);
    how = `the last write (begun at ${last.start}) torn after ${kept} of ${pieces.length} sectors`;
  }
  return { moment, how, bytes: file.bytes };
}

/** Durable writes, and of the others what chance leaves: whole requests lost, whole ones kept, some torn. */
export function reorderedState(record: FileRecord, moment: number, random: Random): CrashState {
  const file = new Growing(record.initial);
  const kept: string[] = [];
  const stale = new Set<number>();
  let longest = record.initial.length;
  for (const request of inOrder(record, moment)) {
    if (request.kind === "flush") continue;
    if (isDurable(request, record, moment)) {
      file.apply(request);
      if (isWrite(request)) for (const piece of sectorsOf(request)) stale.delete(sectorOf(piece));
      longest = Math.max(longest, endOf(request));
      continue;
    }
    longest = Math.max(longest, endOf(request));
    const chance = random.pick([0, 0, 1, 1, 0.5]);
    kept.push(`${request.start}: ${chance === 0 ? "lost" : chance === 1 ? "kept" : "torn"}`);
    if (request.kind === "resize") {
      if (chance === 1) file.apply(request);
      continue;
    }
    for (const piece of sectorsOf(request)) {
      const sector = sectorOf(piece);
      const there = chance === 1 || (chance > 0 && random.below(2) === 0);
      if (there && !stale.has(sector)) file.put(piece.offset, piece.bytes);
      else stale.add(sector);
    }
  }
  if (random.below(4) === 0) file.grow(longest);
  const how = `writes since the last flush, by their start: ${kept.join(", ") || "none"}; ${file.bytes.length} bytes long`;
  return { moment, how, bytes: file.bytes };
}

/** Whether it survives a crash at that moment whatever happens. */
export function isDurable(request: Recorded, record: FileRecord, moment: number): boolean {
  if (request.kind === "write" || request.kind === "zeroes") {
    if (request.fua && request.end <= moment) return true;
  }
  return record.requests.some(
    (flush) => flush.kind === "flush" && request.end <= flush.start && flush.end <= moment,
  );
}

/** Requests begun by then, in the order in which they take effect: answered ones first, in flight ones last. */
function inOrder(record: FileRecord, moment: number): Recorded[] {
  const begun = record.requests.filter(({ start }) => start <= moment);
  const key = ({ end }: Recorded) => (end <= moment ? end : Number.MAX_SAFE_INTEGER);
  return begun.sort((a, b) => key(a) - key(b) || a.start - b.start);
}

function isWrite(request: Recorded): request is RecordedWrite {
  return request.kind === "write" || request.kind === "zeroes";
}

function endOf(request: Exclude<Recorded, { kind: "flush" }>): number {
  return request.kind === "resize" ? request.size : request.offset + request.bytes.length;
}

function sectorOf({ offset }: { readonly offset: number }): number {
  return Math.floor(offset / sectorBytes);
}

/** A write cut at sector boundaries; the first and last piece may be shorter than a sector. */
function sectorsOf(write: RecordedWrite): { offset: number; bytes: Uint8Array }[] {
  const pieces = [];
  for (let done = 0; done < write.bytes.length; ) {
    const offset = write.offset + done;
    const length = Math.min(sectorBytes - (offset % sectorBytes), write.bytes.length - done);
    pieces.push({ offset, bytes: write.bytes.subarray(done, done + length) });
    done += length;
  }
  return pieces;
}

/** A file that grows where something is put past its end. */
class Growing {
  #buffer: Uint8Array;
  #length: number;

  constructor(initial: Uint8Array) {
    this.#buffer = new Uint8Array(Math.max(4096, initial.length * 2));
    this.#buffer.set(initial);
    this.#length = initial.length;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  apply(request: Recorded): void {
    if (isWrite(request)) this.put(request.offset, request.bytes);
    else if (request.kind === "resize") this.#resize(request.size);
  }

  put(offset: number, bytes: Uint8Array): void {
    this.grow(offset + bytes.length);
    this.#buffer.set(bytes, offset);
  }

  grow(length: number): void {
    if (length > this.#length) this.#resize(length);
  }

  #resize(length: number): void {
    if (length > this.#buffer.length) {
      const buffer = new Uint8Array(length * 2);
      buffer.set(this.bytes);
      this.#buffer = buffer;
    }
    if (length < this.#length) this.#buffer.fill(0, length, this.#length);
    this.#length = length;
  }
}
