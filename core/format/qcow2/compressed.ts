// The two codecs of compressed clusters. A stream stands in a window of whole sectors that it need not fill: what lies
// behind its end belongs to others. Specification: qcow2, "Compressed Clusters Descriptor".
import * as zlib from "node:zlib";
import { BlockError } from "../../base/errors.ts";
import type { Qcow2Header } from "./layout.ts";

/** Smaller clusters are decompressed where we are: to hand them to a thread takes longer. */
const inThreadFrom = 16 * 1024;
/** The window that the peer compresses and decompresses with. */
const windowBits = 12;

type Decompressor = (
  stream: Uint8Array,
  options: object,
  done: (error: Error | null, bytes: Buffer) => void,
) => void;
/** Since Node 22.15; older ones have none. */
interface ZstdParts {
  readonly zstdDecompress?: Decompressor;
  readonly createZstdDecompress?: (options: object) => zlib.InflateRaw;
}
const zstd = zlib as ZstdParts;

/**
 * The cluster of `clusterSize` bytes whose stream begins `stream`. Throws EIO for a stream that gives less, or is none;
 * ENOTSUP for zstd where this program's Node has no such codec.
 */
export async function decompress(
  stream: Uint8Array,
  codec: Qcow2Header["compression"],
  clusterSize: number,
): Promise<Uint8Array> {
  const fast = await (codec === "zlib" ? inflate(stream, clusterSize) : unzstd(stream, clusterSize));
  if (fast?.length === clusterSize) return fast;
  // What goes on behind a whole cluster, wrong or right, does not count.
  const bytes = await firstBytes(decoderOf(codec, clusterSize), stream, clusterSize);
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

/** undefined where it fails. */
async function inflate(stream: Uint8Array, clusterSize: number): Promise<Uint8Array | undefined> {
  const options = inflateOptions(clusterSize);
  if (clusterSize >= inThreadFrom) return called(zlib.inflateRaw as Decompressor, stream, options);
  try {
    return zlib.inflateRawSync(stream, options);
  } catch {
    return undefined;
  }
}

async function unzstd(stream: Uint8Array, clusterSize: number): Promise<Uint8Array | undefined> {
  if (zstd.zstdDecompress === undefined) throw noZstd();
  return called(zstd.zstdDecompress, stream, { maxOutputLength: clusterSize });
}

function called(
  decompressor: Decompressor,
  stream: Uint8Array,
  options: object,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    decompressor(stream, options, (error, bytes) => resolve(error === null ? bytes : undefined));
  });
}

function decoderOf(codec: Qcow2Header["compression"], clusterSize: number): zlib.InflateRaw {
  const { maxOutputLength: _, ...options } = inflateOptions(clusterSize);
  if (codec === "zlib") return zlib.createInflateRaw(options);
  if (zstd.createZstdDecompress === undefined) throw noZstd();
  return zstd.createZstdDecompress({ chunkSize: Math.max(64, clusterSize) });
}

function noZstd(): BlockError {
  return new BlockError(
    "ENOTSUP",
    "This cluster is compressed with zstd, which this Node.js can't decompress",
    {
      hint: "Node.js 22.15 and newer can. All but zstd-compressed clusters can be read with this one.",
    },
  );
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
