// bundle: the file of an image as a metadata-only bundle holds it (bundle/layout.ts). Stands in place of the image's
// `file`: its tables can be read, and every other byte is an error, never a zero. Pieces are unpacked when they are read.
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import * as z from "zod";
import { BlockError } from "../base/errors.ts";
import { Lru } from "../base/lru.ts";
import { defineDriver } from "../block/driver.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../block/node.ts";
import { child } from "../block/options.ts";
import {
  type BundleIndex,
  damaged,
  headerBytes,
  isBundle,
  parseHeader,
  parseIndex,
  sha256,
} from "../bundle/layout.ts";

/** Of unpacked pieces kept, bytes. */
const cacheBytes = 16 * 1024 * 1024;
const unpack = promisify(gunzip);

export const bundle = defineDriver({
  kind: "filter",
  options: z.strictObject({ driver: z.literal("bundle"), file: child }),
  // Higher than any format's: what stands behind it is read by that format.
  probe: (head) => (isBundle(head) ? 100 : 0),
  open: async (options, context) => {
    if (!context.readOnly) {
      throw new BlockError("EROFS", "A metadata-only bundle can't be written to", {
        node: context.name,
        hint: "It is a copy of an image's tables. Open it read-only.",
      });
    }
    const file = await context.openChild("file", "file", options.file);
    return new BundleNode(context.name, file, await readIndex(file));
  },
});

/** Throws EINVAL, ENOTSUP, ECORRUPT, EIO. */
async function readIndex(file: BlockNode): Promise<BundleIndex> {
  const head = new Uint8Array(Math.min(headerBytes, file.size));
  await file.read(0, head);
  const header = parseHeader(head, file.size);
  // As long as the file says at most: a header can't make this larger than the bundle is.
  const bytes = new Uint8Array(header.indexLength);
  await file.read(header.indexOffset, bytes);
  return parseIndex(bytes, header);
}

class BundleNode implements BlockNode {
  readonly driver = "bundle";
  readonly readOnly = true;
  readonly name: string;
  readonly children: readonly Child[];
  readonly info: NodeInfo;
  readonly #file: BlockNode;
  readonly #index: BundleIndex;
  readonly #pieces = new Lru<number, Promise<Uint8Array>>(cacheBytes, () => this.#index.pieceBytes);

  constructor(name: string, file: BlockNode, index: BundleIndex) {
    this.name = name;
    this.children = [{ name: "file", role: "file", node: file }];
    this.#file = file;
    this.#index = index;
    this.info = infoOf(index);
  }

  get size(): number {
    return this.#index.facts.fileSize;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    const { starts, ends, places, pieceBytes } = this.#index;
    const range = lastAtOrBefore(starts, offset);
    const end = range < 0 ? 0 : (ends[range] as number);
    if (end < offset + target.length) throw this.#missing(Math.max(offset, end), offset + target.length);
    const place = (places[range] as number) + offset - (starts[range] as number);
    for (let done = 0; done < target.length; ) {
      const number = Math.floor((place + done) / pieceBytes);
      const from = (place + done) % pieceBytes;
      const part = (await this.#piece(number)).subarray(from, from + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  }

  #missing(offset: number, end: number): BlockError {
    const table = this.#index.facts.omitted.find(
      (one) => offset >= one.offset && offset < one.offset + one.length,
    );
    const message =
      table === undefined
        ? "Guest data is not in a metadata-only bundle"
        : `This part of ${table.name} is not in the bundle: ${table.why}`;
    return new BlockError("EIO", message, {
      offset,
      length: end - offset,
      hint: "Ask for the image itself if its data matter.",
    });
  }

  async #piece(number: number): Promise<Uint8Array> {
    const known = this.#pieces.get(number);
    if (known !== undefined) return known;
    const loading = this.#load(number);
    this.#pieces.set(number, loading);
    // A failure is not remembered.
    loading.catch(() => this.#pieces.delete(number));
    return loading;
  }

  async #load(number: number): Promise<Uint8Array> {
    const { pieceStarts, pieceBytes, total } = this.#index;
    const start = pieceStarts[number] as number;
    const member = new Uint8Array((pieceStarts[number + 1] as number) - start);
    await this.#file.read(start, member);
    const wanted = Math.min(pieceBytes, total - number * pieceBytes);
    const where = `its piece ${number} at ${start}`;
    if (Buffer.compare(sha256(member), this.#index.pieceHash(number)) !== 0) {
      throw damaged(`the checksum of ${where} is wrong`);
    }
    let bytes: Uint8Array;
    try {
      // No more memory than the piece may have, whatever it claims to unpack to.
      bytes = await unpack(member, { maxOutputLength: wanted });
    } catch (thrown) {
      throw damaged(`${where} can't be unpacked`, thrown);
    }
    if (bytes.length !== wanted) throw damaged(`${where} holds ${bytes.length} bytes of ${wanted}`);
    return bytes;
  }

  /** Where data lie the tables say, without the data. */
  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, length, state: "data", compressed: false, hostOffset: undefined };
  }

  write(): Promise<void> {
    return refuseWriting();
  }
  writeZeroes(): Promise<void> {
    return refuseWriting();
  }
  discard(): Promise<void> {
    return refuseWriting();
  }
  resize(): Promise<void> {
    return refuseWriting();
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {
    this.#pieces.clear();
  }
}

async function refuseWriting(): Promise<never> {
  throw new BlockError("EROFS", "A metadata-only bundle can't be written to");
}

function infoOf({ facts, starts, total }: BundleIndex): NodeInfo {
  return {
    metadataOf: facts.format,
    specific: {
      "metadata-of": facts.format,
      "table-ranges": starts.length,
      "table-bytes": total,
      "names-redacted": facts.namesRedacted,
      "omitted-tables": facts.omittedTables,
      omitted: facts.omitted.map(({ name, offset, length, why }) => `${name} at ${offset}+${length}: ${why}`),
    },
  };
}

/** The index of the last of ascending numbers that is not above `value`; -1 when all are. */
function lastAtOrBefore(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((ascending[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
