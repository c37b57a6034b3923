// The undo journal: everything a repair changes, old and new, durable before the first change (docs/repair.md has the
// format). Header and records are written once; the state is in two sectors written in turn, so that a torn write of
// one leaves the other.
import { createHash } from "node:crypto";
import { big64le, startsWith, u32le, u64le } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import type { RepairScript } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";

/** The file a journal is kept in. */
export type JournalFile = Pick<BlockNode, "size" | "read" | "write" | "flush">;

/** Order of their numbers in the file, from 1. */
const states = ["planned", "applying", "applied", "verified", "undone"] as const;
export type JournalState = (typeof states)[number];

export interface JournalWrite {
  readonly offset: number;
  readonly oldBytes: Uint8Array;
  readonly newBytes: Uint8Array;
}

export interface JournalCopy {
  readonly from: number;
  readonly to: number;
  readonly length: number;
  /** SHA-256 of the copy, with patches laid over it. */
  readonly hash: Uint8Array;
}

/** A piece of what is cut off the end; `at` is where its bytes are in the journal, undefined for zeroes. */
export interface JournalTail {
  readonly offset: number;
  readonly length: number;
  readonly at: number | undefined;
}

export interface JournalHead {
  readonly oldSize: number;
  readonly cutSize: number;
  readonly newSize: number;
  /** SHA-256 of the first bytes of the image (`headLength`) before the repair. */
  readonly headHash: Uint8Array;
}

export interface Journal extends JournalHead {
  readonly imagePath: string;
  readonly writes: readonly JournalWrite[];
  readonly last: JournalWrite | undefined;
  readonly patches: readonly { readonly offset: number; readonly newBytes: Uint8Array }[];
  readonly copies: readonly JournalCopy[];
  readonly tail: readonly JournalTail[];
  readonly state: JournalState;
}

const magic = new TextEncoder().encode("BLKUNDO\n");
const version = 1;
const headerLength = 512;
const slotOffsets = [512, 1024] as const;
const recordsOffset = 4096;
const recordHead = 24;
const sumLength = 16;
/** Of the record of a copy: its source and its hash. */
const copyDataLength = 8 + 32;
/** Data of one record. */
export const mostData = 1024 * 1024;
/**
 * What is held in memory of a journal, bytes of records and their number: a repair has a million entries at most, and
 * a record for each MiB of what is copied or cut off.
 */
const mostKept = 512 * 1024 * 1024;
const mostRecords = 8 * 1024 * 1024;
const types = { image: 1, write: 2, last: 3, patch: 4, copy: 5, tail: 6, zeroTail: 7 } as const;

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Bytes of an image's beginning that identify it. */
export function headLength({ cutSize }: Pick<JournalHead, "cutSize">): number {
  return Math.min(4096, cutSize);
}

/** What a journal keeps of what is cut off: bytes, in records of which some say only how many zeroes there are. */
export interface KeptTail {
  readonly bytes: number;
  readonly records: number;
}

/** Bytes of the journal of a script. `pathLength` is that of the image's path, bytes. */
export function journalBytes(script: RepairScript, pathLength: number, tail: KeptTail): number {
  const { writes, last, patches, copies } = script;
  const record = (dataLength: number) => recordHead + dataLength + sumLength;
  let bytes = recordsOffset + record(pathLength);
  for (const { oldBytes, newBytes } of last ? [...writes, last] : writes) {
    bytes += record(oldBytes.length + newBytes.length);
  }
  for (const { newBytes } of patches) bytes += record(newBytes.length);
  for (const { length } of copies) bytes += Math.ceil(length / mostData) * record(copyDataLength);
  return bytes + tail.records * record(0) + tail.bytes;
}

/** Writes a new journal. Until `finish` has returned nothing may be changed. */
export class JournalWriter {
  readonly #file: JournalFile;
  readonly #hash = createHash("sha256");
  #at = recordsOffset;
  #pending: Uint8Array[] = [];
  #pendingLength = 0;

  constructor(file: JournalFile) {
    this.#file = file;
  }

  image(path: string): Promise<void> {
    return this.#record(types.image, 0, 0, new TextEncoder().encode(path));
  }

  write({ offset, oldBytes, newBytes }: JournalWrite, isLast: boolean): Promise<void> {
    const data = Buffer.concat([oldBytes, newBytes]);
    return this.#record(isLast ? types.last : types.write, offset, oldBytes.length, data);
  }

  patch(offset: number, newBytes: Uint8Array): Promise<void> {
    return this.#record(types.patch, offset, newBytes.length, newBytes);
  }

  copy({ from, to, length, hash }: JournalCopy): Promise<void> {
    const source = new Uint8Array(8);
    new DataView(source.buffer).setBigUint64(0, BigInt(from), true);
    return this.#record(types.copy, to, length, Buffer.concat([source, hash]));
  }

  /** `bytes` undefined: zeroes. */
  tail(offset: number, length: number, bytes: Uint8Array | undefined): Promise<void> {
    const type = bytes ? types.tail : types.zeroTail;
    return this.#record(type, offset, length, bytes ?? new Uint8Array(0));
  }

  async #record(type: number, offset: number, length: number, data: Uint8Array): Promise<void> {
    const head = new Uint8Array(recordHead);
    const view = new DataView(head.buffer);
    view.setUint32(0, type, true);
    view.setUint32(4, data.length, true);
    view.setBigUint64(8, BigInt(offset), true);
    view.setBigUint64(16, BigInt(length), true);
    const record = Buffer.concat([head, data, sha256(head, data).subarray(0, sumLength)]);
    this.#hash.update(record);
    this.#pending.push(record);
    this.#pendingLength += record.length;
    if (this.#pendingLength >= mostData) await this.#write();
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingLength = 0;
    if (bytes.length > 0) await this.#file.write(this.#at, bytes);
    this.#at += bytes.length;
  }

  /** Makes all of it durable, and then the state "planned". */
  async finish({ oldSize, cutSize, newSize, headHash }: JournalHead): Promise<void> {
    await this.#write();
    // A journal with a header has all its records: without them it was cut short later.
    await this.#file.flush();
    const header = new Uint8Array(headerLength);
    const view = new DataView(header.buffer);
    header.set(magic);
    view.setUint32(8, version, true);
    for (const [i, size] of [oldSize, cutSize, newSize, this.#at - recordsOffset].entries()) {
      view.setBigUint64(16 + i * 8, BigInt(size), true);
    }
    header.set(headHash, 48);
    header.set(this.#hash.digest(), 80);
    header.set(sha256(header.subarray(0, headerLength - 32)), headerLength - 32);
    await this.#file.write(0, header);
    await this.#file.flush();
    await setState(this.#file, "planned");
  }
}

/** Durable when it returns. */
export async function setState(file: JournalFile, state: JournalState): Promise<void> {
  const header = await readPart(file, 0, headerLength);
  const slots = await readSlots(file, header);
  const newest = newestOf(slots);
  const next = newest.index === 0 ? 1 : 0;
  const slot = new Uint8Array(headerLength);
  const view = new DataView(slot.buffer);
  view.setUint32(0, newest.sequence + 1, true);
  view.setUint32(4, states.indexOf(state) + 1, true);
  slot.set(slotSum(slot, header), 8);
  await file.write(slotOffsets[next], slot);
  await file.flush();
}

interface Slot {
  readonly index: number;
  readonly sequence: number;
  readonly state: JournalState | undefined;
  readonly isBlank: boolean;
}

const noSlot: Slot = { index: 1, sequence: 0, state: undefined, isBlank: true };

function newestOf(slots: readonly Slot[]): Slot {
  return slots.reduce((best, slot) => (slot.sequence > best.sequence ? slot : best), noSlot);
}

function slotSum(slot: Uint8Array, header: Uint8Array): Uint8Array {
  return sha256(slot.subarray(0, 8), header.subarray(headerLength - 32));
}

async function readSlots(file: JournalFile, header: Uint8Array): Promise<Slot[]> {
  const slots: Slot[] = [];
  for (const [index, offset] of slotOffsets.entries()) {
    const bytes = await readPart(file, offset, Math.max(0, Math.min(headerLength, file.size - offset)));
    const isBlank = bytes.every((byte) => byte === 0);
    const isWhole = bytes.length === headerLength && startsWith(bytes.subarray(8), slotSum(bytes, header));
    const state = isWhole ? states[u32le(bytes, 4) - 1] : undefined;
    slots.push({ index, isBlank, state, sequence: state === undefined ? 0 : u32le(bytes, 0) });
  }
  return slots;
}

async function readPart(file: JournalFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  if (length > 0) await file.read(offset, bytes);
  return bytes;
}

function damaged(what: string): BlockError {
  return new BlockError("ECORRUPT", `The undo journal is damaged: ${what}`, {
    hint: "Use another copy of the journal if there is one; the image is left as it is.",
  });
}

/**
 * Undefined: it was never finished, so that nothing of its image was changed. Throws ECORRUPT (cut short, bytes
 * changed), EINVAL (not a journal), ENOTSUP (of a newer program), EIO.
 */
export async function readJournal(file: JournalFile): Promise<Journal | undefined> {
  const beginning = await readBeginning(file);
  return beginning && readRest(file, beginning);
}

/** How far a repair came. */
export interface Progress {
  readonly state: JournalState;
  /** Undefined where the repair came to its end: its records, which may be long, were not read then. */
  readonly whole: Journal | undefined;
}

/** As `readJournal`, for those who act upon the records of an unfinished repair alone. */
export async function readProgress(file: JournalFile): Promise<Progress | undefined> {
  const beginning = await readBeginning(file);
  if (beginning === undefined) return undefined;
  const { state } = beginning;
  const isAtEnd = state === "verified" || state === "undone";
  return { state, whole: isAtEnd ? undefined : await readRest(file, beginning) };
}

/** What comes before the records, each part with a checksum of its own. */
interface Beginning extends JournalHead {
  readonly state: JournalState;
  /** Of the records. */
  readonly length: number;
  readonly hash: Uint8Array;
}

async function readBeginning(file: JournalFile): Promise<Beginning | undefined> {
  const header = await readPart(file, 0, Math.min(headerLength, file.size));
  const slots = await readSlots(file, header);
  if (
    slots.every(({ isBlank }) => isBlank) &&
    file.size >= recordsOffset &&
    header.every((byte) => byte === 0)
  ) {
    return undefined;
  }
  if (file.size === 0) {
    throw new BlockError("EINVAL", "The undo journal is empty: cut off before its repair began, or damaged", {
      hint: "If the image is as it was, the file is of no use and can be deleted.",
    });
  }
  const [oldSize, cutSize, newSize, length] = sizesOf(header);
  if (oldSize === undefined || cutSize === undefined || newSize === undefined || length === undefined) {
    throw damaged("a size is too large");
  }
  if (recordsOffset + length > file.size) throw damaged("it is cut short");
  const state = stateOf(slots);
  const [headHash, hash] = [header.slice(48, 80), header.slice(80, 112)];
  return state && { oldSize, cutSize, newSize, headHash, state, length, hash };
}

/** The numbers of a header that is whole. */
function sizesOf(header: Uint8Array): (number | undefined)[] {
  if (!startsWith(header, magic)) {
    throw new BlockError("EINVAL", "The file is not an undo journal, or its beginning is damaged", {
      hint: "An undo journal is named IMAGE.blkscope-undo unless another name was given.",
    });
  }
  if (header.length < headerLength) throw damaged("it is cut short");
  if (
    Buffer.compare(sha256(header.subarray(0, headerLength - 32)), header.subarray(headerLength - 32)) !== 0
  ) {
    throw damaged("its header has changed");
  }
  if (u32le(header, 8) !== version) {
    throw new BlockError(
      "ENOTSUP",
      `The undo journal has version ${u32le(header, 8)}; version 1 is known here`,
    );
  }
  return [16, 24, 32, 40].map((at) => u64le(header, at));
}

/** Undefined: the first state was never written, or torn while it was. */
function stateOf(slots: readonly Slot[]): JournalState | undefined {
  const { state } = newestOf(slots);
  const torn = slots.filter((slot) => slot.state === undefined && !slot.isBlank).length;
  if (state === undefined && torn === 2) throw damaged("its state can't be read");
  // What was being written is not known: how far the repair came is seen in the image.
  return state !== undefined && torn > 0 ? "applying" : state;
}

async function readRest(
  file: JournalFile,
  { oldSize, cutSize, newSize, headHash, state, length, hash }: Beginning,
): Promise<Journal> {
  const records = await readRecords(file, length, hash);
  expectInside(records, { oldSize, cutSize, newSize });
  return { oldSize, cutSize, newSize, headHash, ...records, state };
}

type Records = Pick<Journal, "imagePath" | "writes" | "last" | "patches" | "copies" | "tail">;

async function readRecords(file: JournalFile, length: number, expected: Uint8Array): Promise<Records> {
  const hash = createHash("sha256");
  const writes: JournalWrite[] = [];
  const patches: { offset: number; newBytes: Uint8Array }[] = [];
  const copies: JournalCopy[] = [];
  const tail: JournalTail[] = [];
  let imagePath = "";
  let last: JournalWrite | undefined;
  const end = recordsOffset + length;
  let kept = 0;
  for await (const { type, offset, length, data, at } of recordsOf(file, end, (bytes) =>
    hash.update(bytes),
  )) {
    kept += type === types.tail ? 0 : data.length;
    if (kept > mostKept || writes.length + patches.length + copies.length + tail.length > mostRecords) {
      throw damaged("it has more changes than a repair makes");
    }
    if (type === types.image) imagePath = new TextDecoder().decode(data);
    else if (type === types.write || type === types.last) {
      if (data.length !== length * 2) throw damaged("a record has a wrong length");
      const write = { offset, oldBytes: data.slice(0, length), newBytes: data.slice(length) };
      if (type === types.last) last = write;
      else writes.push(write);
    } else if (type === types.patch) patches.push({ offset, newBytes: data.slice() });
    else if (type === types.copy) {
      const from = u64le(data, 0);
      if (data.length !== copyDataLength || from === undefined) throw damaged("a record has a wrong length");
      copies.push({ from, to: offset, length, hash: data.slice(8) });
    } else if (type === types.tail) {
      if (data.length !== length) throw damaged("a record has a wrong length");
      tail.push({ offset, length, at });
    } else if (type === types.zeroTail) tail.push({ offset, length, at: undefined });
    else throw damaged(`it has a record of the unknown kind ${type}`);
  }
  if (Buffer.compare(hash.digest(), expected) !== 0) throw damaged("its records have changed");
  return { imagePath, writes, last, patches, copies, tail };
}

/**
 * Checksums tell of accidents alone: a journal may have been made to do harm. Throws ECORRUPT for what no repair writes: a
 * place outside the image, or more at a time than fits in memory.
 */
function expectInside(
  { writes, last, patches, copies, tail }: Records,
  { oldSize, cutSize, newSize }: Pick<JournalHead, "oldSize" | "cutSize" | "newSize">,
): void {
  const end = Math.max(oldSize, newSize);
  if (cutSize > oldSize || cutSize > newSize) throw damaged("its sizes contradict each other");
  for (const { offset, oldBytes } of last ? [...writes, last] : writes) {
    if (offset + oldBytes.length > end) throw outside(offset);
  }
  for (const { offset, newBytes } of patches) {
    if (offset < cutSize || offset + newBytes.length > newSize) throw outside(offset);
  }
  for (const { from, to, length } of copies) {
    if (length > mostData) throw damaged("a record is too long");
    if (from + length > cutSize) throw outside(from);
    if (to < cutSize || to + length > newSize) throw outside(to);
  }
  for (const { offset, length } of tail) {
    if (offset < cutSize || offset + length > oldSize) throw outside(offset);
  }
}

function outside(offset: number): BlockError {
  return damaged(`it has a change at ${offset}, where its image has no place for one`);
}

interface RawRecord {
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  readonly data: Uint8Array;
  /** Where `data` are in the journal. */
  readonly at: number;
}

async function* recordsOf(
  file: JournalFile,
  end: number,
  seen: (bytes: Uint8Array) => void,
): AsyncGenerator<RawRecord> {
  let buffer: Uint8Array = new Uint8Array(0);
  let start = recordsOffset;
  const need = async (at: number, length: number): Promise<Uint8Array> => {
    if (at + length > end) throw damaged("a record is cut short");
    if (at + length > start + buffer.length) {
      buffer = await readPart(file, at, Math.min(end - at, Math.max(length, mostData)));
      start = at;
    }
    return buffer.subarray(at - start, at - start + length);
  };
  for (let at = recordsOffset; at < end; ) {
    const dataLength = u32le(await need(at, recordHead), 4);
    if (dataLength > mostData) throw damaged("a record is too long");
    const record = await need(at, recordHead + dataLength + sumLength);
    const body = record.subarray(0, recordHead + dataLength);
    if (!startsWith(sha256(body), record.subarray(body.length)))
      throw damaged(`the record at ${at} has changed`);
    seen(record);
    const offset = u64le(record, 8);
    const length = u64le(record, 16);
    if (offset === undefined || length === undefined) {
      throw damaged(`the record at ${at} is of ${big64le(record, 8)}, which no file has`);
    }
    yield { type: u32le(record, 0), offset, length, data: body.subarray(recordHead), at: at + recordHead };
    at += record.length;
  }
}
