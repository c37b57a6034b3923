// What lies in leaked clusters, for a person to look through before they are given up: their content one behind the
// other in a new file, and beside it an index that says where each piece was. The image is only read.
import * as fs from "node:fs";
import { asBlockError, BlockError } from "../base/errors.ts";
import { isZero } from "../base/zero.ts";
import type { ByteRange } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import type { RepairJob } from "../block/repair.ts";
import { systemError } from "../protocol/systemError.ts";
import { giveName, partialName } from "./newName.ts";

export interface RescueRequest {
  /** The image's file. */
  readonly file: Pick<BlockNode, "read">;
  /** For the index. */
  readonly imagePath: string;
  readonly clusterSize: number;
  readonly ranges: Iterable<ByteRange>;
  /** Bytes of all ranges, for progress. */
  readonly total: number;
  /** The new file; its index is named so with `.json` behind it. */
  readonly to: string;
}

/** Bytes. */
export interface Rescued {
  /** Written to the new file. */
  readonly rescued: number;
  /** Left out, because they are all zero. */
  readonly zero: number;
  /** Left out, because they can't be read. */
  readonly unreadable: number;
}

/** Read at once, and the least that is given up when it can't be read. */
const pieceBytes = 1024 * 1024;
const blockBytes = 4096;
const turnMs = 20;

export function rescueIndexOf(to: string): string {
  return `${to}.json`;
}

/**
 * Throws EINVAL (one of both files exists), ENOSPC, EACCES, EIO (of the new files), ECANCELED; nothing is left behind
 * then. What can't be read of the image is noted in the index.
 */
export async function rescueLeaks(request: RescueRequest, job: RepairJob = {}): Promise<Rescued> {
  const { to } = request;
  const index = rescueIndexOf(to);
  for (const name of [to, index]) if (fs.existsSync(name)) throw taken(name);
  const partials = { content: partialName(to), index: partialName(index) };
  try {
    const rescued = await write(request, partials, job);
    giveName(partials.index, index);
    try {
      // Last: where there is the file, it is complete and has its index.
      giveName(partials.content, to);
    } catch (thrown) {
      fs.rmSync(index, { force: true });
      throw thrown;
    }
    return rescued;
  } catch (thrown) {
    for (const name of Object.values(partials)) fs.rmSync(name, { force: true });
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") throw taken(to);
    throw thrown instanceof BlockError
      ? thrown
      : systemError(`Could not write '${to}'`, thrown, { path: to });
  }
}

function taken(name: string): BlockError {
  const hint = "Name a file that does not exist yet.";
  return new BlockError("EINVAL", `There is a file already: '${name}'`, { path: name, hint });
}

async function write(
  { file, imagePath, clusterSize, ranges, total }: RescueRequest,
  partials: { readonly content: string; readonly index: string },
  { signal, progress }: RepairJob,
): Promise<Rescued> {
  const content = new NewFile(partials.content);
  const index = new IndexFile(partials.index, { image: imagePath, "cluster-size": clusterSize });
  let lastPause = performance.now();
  let done = 0;
  try {
    for (const range of ranges) {
      for (let at = range.offset; at < range.offset + range.length; ) {
        if (performance.now() - lastPause > turnMs) {
          progress?.(done, total);
          await new Promise((resolve) => setImmediate(resolve));
          lastPause = performance.now();
        }
        if (signal?.aborted) throw new BlockError("ECANCELED", "The rescue was cancelled");
        // Up to the next multiple of a piece, so that pieces are whole clusters or whole parts of one.
        const end = Math.min(range.offset + range.length, (Math.floor(at / pieceBytes) + 1) * pieceBytes);
        await rescuePiece(file, at, end - at, Math.min(clusterSize, pieceBytes), content, index);
        done += end - at;
        at = end;
      }
    }
    const rescued = index.finish();
    content.finish();
    progress?.(total, total);
    return rescued;
  } finally {
    content.close();
    index.close();
  }
}

/** `unit` is what is left out as a whole when it is zero. */
async function rescuePiece(
  file: RescueRequest["file"],
  offset: number,
  length: number,
  unit: number,
  content: NewFile,
  index: IndexFile,
): Promise<void> {
  const bytes = new Uint8Array(length);
  try {
    await file.read(offset, bytes);
  } catch (thrown) {
    if (length <= blockBytes) return index.add({ kind: "unreadable", offset, length, at: undefined }, thrown);
    // The half that can be read is worth having.
    const half = Math.ceil(length / 2 / blockBytes) * blockBytes;
    await rescuePiece(file, offset, half, unit, content, index);
    return rescuePiece(file, offset + half, length - half, unit, content, index);
  }
  for (let start = 0; start < length; ) {
    const end = Math.min(length, start + unit - ((offset + start) % unit));
    const isEmpty = isZero(bytes, start, end);
    const at = isEmpty ? undefined : content.append(bytes.subarray(start, end));
    index.add({ kind: isEmpty ? "zero" : "rescued", offset: offset + start, length: end - start, at });
    start = end;
  }
}

/** A file that is written from its beginning to its end. */
class NewFile {
  readonly #fd: number;
  #size = 0;
  #isOpen = true;

  constructor(name: string) {
    this.#fd = fs.openSync(name, "wx", 0o600);
  }

  /** Answers where the bytes are. */
  append(bytes: Uint8Array): number {
    const at = this.#size;
    for (let done = 0; done < bytes.length; ) {
      done += fs.writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    }
    this.#size += bytes.length;
    return at;
  }

  finish(): void {
    fs.fsyncSync(this.#fd);
  }

  close(): void {
    if (this.#isOpen) fs.closeSync(this.#fd);
    this.#isOpen = false;
  }
}

interface Entry {
  readonly kind: keyof Rescued;
  /** In the image's file. */
  readonly offset: number;
  length: number;
  /** In the new file. */
  readonly at: number | undefined;
  readonly error?: string;
}

/** JSON, written as it comes, one range a line: there may be millions. Neighbours of one kind are one range. */
class IndexFile {
  readonly #file: NewFile;
  readonly #totals = { rescued: 0, zero: 0, unreadable: 0 };
  #pending: Entry | undefined;
  #text: string;
  #isFirst = true;

  constructor(name: string, head: Readonly<Record<string, string | number>>) {
    this.#file = new NewFile(name);
    this.#text = `${JSON.stringify(head, undefined, 2).slice(0, -2)},\n  "ranges": [`;
  }

  add(entry: Entry, thrown?: unknown): void {
    this.#totals[entry.kind] += entry.length;
    const before = this.#pending;
    const error = thrown === undefined ? undefined : asBlockError(thrown).message;
    // Each block that can't be read has a message of its own; that of the first stands for its neighbours.
    if (before?.kind === entry.kind && before.offset + before.length === entry.offset) {
      before.length += entry.length;
      return;
    }
    this.#writePending();
    this.#pending = { ...entry, ...(error !== undefined && { error }) };
  }

  finish(): Rescued {
    this.#writePending();
    const { rescued, zero, unreadable } = this.#totals;
    const totals = { "rescued-bytes": rescued, "zero-bytes": zero, "unreadable-bytes": unreadable };
    this.#text += `\n  ],\n${JSON.stringify(totals, undefined, 2).slice(2)}\n`;
    this.#flush();
    this.#file.finish();
    return this.#totals;
  }

  close(): void {
    this.#file.close();
  }

  #writePending(): void {
    if (!this.#pending) return;
    const { kind, offset, length, at, error } = this.#pending;
    const line = {
      "image-offset": offset,
      length,
      kind,
      ...(at !== undefined && { "rescue-offset": at }),
      error,
    };
    this.#text += `${this.#isFirst ? "" : ","}\n    ${JSON.stringify(line)}`;
    this.#isFirst = false;
    if (this.#text.length > pieceBytes) this.#flush();
  }

  #flush(): void {
    this.#file.append(new TextEncoder().encode(this.#text));
    this.#text = "";
  }
}
