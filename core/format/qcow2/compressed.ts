// The two codecs of compressed clusters. A stream stands in a window of whole sectors that it need not fill: what lies
// behind its end belongs to others. Specification: qcow2, "Compressed Clusters Descriptor".
import * as zlib from "node:zlib";
import { BlockError } from "../../base/errors.ts";
import type { Qcow2Header } from "./layout.ts";
import { unzstd } from "./zstd.ts";

/** Smaller clusters are decompressed where we are: to hand them to a thread takes longer. */
const inThreadFrom = 16 * 1024;
/** The window that the peer compresses and decompresses with. */
const windowBits = 12;

/**
 * The cluster of `clusterSize` bytes whose stream begins `stream`. Throws EIO for a stream that gives less, or is none;
 * ENOTSUP for zstd where its codec can't be loaded.
 */
export async function decompress(
  stream: Uint8Array,
  codec: Qcow2Header["compression"],
  clusterSize: number,
): Promise<Uint8Array> {
  const bytes = await (codec === "zlib" ? inflate(stream, clusterSize) : unzstd(stream, clusterSize));
  if (bytes.length === clusterSize) return bytes;
  throw new BlockError(
    "EIO",
    `A compressed cluster can't be decompressed: its ${codec} stream gives ${bytes.length} of ${clusterSize} bytes`,
    { hint: "Its data are damaged. The rest of the image can still be read." },
  );
}

const inflateOptions = (clusterSize: number) => ({
  windowBits,
  maxOutputLength: clusterSize,
  chunkSize: Math.max(64, clusterSize),
  // The end of a stream may be missing where all of its bytes are there.
  finishFlush: zlib.constants.Z_SYNC_FLUSH,
});

/** At most `clusterSize` bytes, fewer where the stream is wrong. */
async function inflate(stream: Uint8Array, clusterSize: number): Promise<Uint8Array> {
  const options = inflateOptions(clusterSize);
  const fast = await (clusterSize >= inThreadFrom ? inThread(stream, options) : here(stream, options));
  if (fast?.length === clusterSize) return fast;
  // What goes on behind a whole cluster, wrong or right, does not count.
  const { maxOutputLength: _, ...endless } = options;
  return firstBytes(zlib.createInflateRaw(endless), stream, clusterSize);
}

function here(stream: Uint8Array, options: zlib.ZlibOptions): Uint8Array | undefined {
  try {
    return zlib.inflateRawSync(stream, options);
  } catch {
    return undefined;
  }
}

function inThread(stream: Uint8Array, options: zlib.ZlibOptions): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    zlib.inflateRaw(stream, options, (error, bytes) => resolve(error === null ? bytes : undefined));
  });
}

/** At most `length` bytes of what the decoder gives before it ends or fails. */
function firstBytes(decoder: zlib.InflateRaw, stream: Uint8Array, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  return new Promise((resolve) => {
    const end = () => {
      decoder.destroy();
      resolve(bytes.subarray(0, filled));
    };
    decoder.on("data", (chunk: Buffer) => {
      const part = chunk.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      if (filled === length) end();
    });
    decoder.on("end", end);
    decoder.on("error", end);
    decoder.on("close", end);
    decoder.end(stream);
  });
}
