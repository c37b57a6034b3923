// The zstd codec of compressed clusters: Node's own where it has one (22.15 and newer), else the reference library as
// WebAssembly, which is loaded with the first cluster that needs it. Neither gives more bytes than it is asked for.
import { createRequire } from "node:module";
import * as zlib from "node:zlib";
import { BlockError } from "../../base/errors.ts";
import { frameLength } from "./zstdFrame.ts";

export interface ZstdDecoder {
  /** What one whole frame gives; undefined where it is wrong or gives more than `most` bytes. */
  decode(frame: Uint8Array, most: number): Promise<Uint8Array | undefined>;
}

type Called<Options> = (
  bytes: Uint8Array,
  options: Options,
  done: (error: Error | null, bytes: Buffer) => void,
) => void;

/** What `node:zlib` has of zstd. */
export interface NodeZstd {
  readonly zstdCompress?: Called<{ readonly maxOutputLength: number }>;
  readonly zstdDecompress?: Called<{ readonly maxOutputLength: number }>;
}

export const nodeZstd: NodeZstd = zlib as NodeZstd;

/** Undefined where this Node has no zstd. */
export function nodeDecoder({ zstdDecompress }: NodeZstd): ZstdDecoder | undefined {
  if (zstdDecompress === undefined) return undefined;
  return {
    decode: (frame, most) =>
      new Promise((resolve) => {
        // A limit of no bytes is none at all: a byte more than asked for is too much as well.
        zstdDecompress(frame, { maxOutputLength: Math.max(1, most) }, (error, bytes) =>
          resolve(error === null && bytes.length <= most ? bytes : undefined),
        );
      }),
  };
}

/**
 * The file of the library's WebAssembly alone, for who keeps the memory that it works in: the library itself takes and gives
 * up some for every cluster. Throws what `require` throws.
 */
export function zstdModule(): string {
  return createRequire(import.meta.url).resolve("@foxglove/wasm-zstd/dist/wasm-zstd.js");
}

/** The library's. Throws ENOTSUP where it can't be loaded. */
export async function libraryDecoder(): Promise<ZstdDecoder> {
  const library = await loadLibrary();
  return {
    decode: async (frame, most) => {
      try {
        return library.decompress(frame, most);
      } catch {
        return undefined;
      }
    },
  };
}

async function loadLibrary() {
  try {
    const require = createRequire(import.meta.url);
    const library = require("@foxglove/wasm-zstd") as typeof import("@foxglove/wasm-zstd");
    await library.isLoaded;
    return library;
  } catch (thrown) {
    throw noZstd(thrown);
  }
}

/** Throws it where nothing here can do zstd. */
export function noZstd(cause: unknown): BlockError {
  return new BlockError(
    "ENOTSUP",
    "The cluster is compressed with zstd, and the codec for it can't be loaded",
    { hint: "Install Blkscope again, or run it with Node.js 22.15 or newer, which has the codec." },
    { cause },
  );
}

let decoder: Promise<ZstdDecoder> | undefined;

/**
 * The first `length` bytes of what the frames that begin `stream` give, fewer where a frame is wrong, missing or gives more
 * than is still wanted. Throws ENOTSUP where there is no codec.
 */
export async function unzstd(stream: Uint8Array, length: number): Promise<Uint8Array> {
  decoder ??= Promise.resolve(nodeDecoder(nodeZstd) ?? libraryDecoder());
  return decodeFrames(await decoder, stream, length);
}

/** The same with a decoder of the caller's choice. */
export async function decodeFrames(
  { decode }: ZstdDecoder,
  stream: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let filled = 0;
  for (let at = 0; filled < length; ) {
    const frame = frameLength(stream.subarray(at));
    if (frame === undefined) break;
    const bytes = await decode(stream.subarray(at, at + frame), length - filled);
    if (bytes === undefined) break;
    parts.push(bytes);
    filled += bytes.length;
    at += frame;
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
