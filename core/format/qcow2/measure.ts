// Space that a qcow2 image of a size needs, without making it: the same sums as the peer's, so that scripts can rely on
// one for the other (qcow2 specification, "Cluster mapping", "Host cluster management", "Bitmaps extension").
import { BlockError } from "../../base/errors.ts";
import type { CreateRequest, MeasuredBitmap, Measurement, MeasureSource } from "../../block/driver.ts";
import {
  clusterSizeOf,
  l1EntriesOf,
  oneOf,
  preallocations,
  refcountOrderOf,
  versionOf,
} from "./createOptions.ts";
import { refcountClusters } from "./createSpace.ts";

interface Shape {
  readonly clusterSize: number;
  readonly isExtended: boolean;
  readonly refcountOrder: number;
}

type Ranges = AsyncIterable<{ readonly offset: number; readonly length: number }>;

/** Throws EINVAL (options), EFBIG. */
export async function measure(
  request: CreateRequest,
  allocated: Ranges,
  source?: MeasureSource,
): Promise<Measurement> {
  const { options, backing, size } = request;
  const { clusterSize, isExtended } = clusterSizeOf(options);
  const preallocation = inWords(`invalid parameter value: ${options.preallocation}`, () =>
    oneOf(options, "preallocation", preallocations),
  );
  const version = inWords(`Invalid compatibility level: '${options.compat}'`, () => versionOf(options));
  const refcountOrder = inWords(
    (thrown) => thrown.message.replace("version=v3", "compat=1.1"),
    () => refcountOrderOf(options, version),
  );
  const shape = { clusterSize, isExtended, refcountOrder };
  if (options["encrypt.format"] === "luks") throw encrypted();
  const diskSize = Math.ceil(size / clusterSize) * clusterSize;
  refuseTooLarge(diskSize, shape);
  const fullyAllocated = diskSize + metadataSize(diskSize, shape);
  const isWhole = preallocation === "full" || preallocation === "falloc";
  // Nobody knows how much of the backing file's data the new image shares.
  const isUnknown = backing !== undefined && source !== undefined;
  const data = isWhole || isUnknown ? diskSize : await dataSize(allocated, clusterSize);
  return {
    required: fullyAllocated - diskSize + data,
    fullyAllocated,
    ...(version === 3 && source?.bitmaps && { bitmaps: bitmapsSize(source.bitmaps, size, clusterSize) }),
  };
}

/** The peer has its own texts here for what `create` refuses in other ones. */
function inWords<T>(words: string | ((thrown: BlockError) => string), parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    if (!(thrown instanceof BlockError)) throw thrown;
    const peer = { message: typeof words === "string" ? words : words(thrown) };
    throw new BlockError(thrown.code, thrown.message, { ...thrown.context, peer }, { cause: thrown });
  }
}

function refuseTooLarge(diskSize: number, shape: Shape): void {
  inWords("The image size is too large (try using a larger cluster size)", () =>
    l1EntriesOf(diskSize, shape),
  );
}

/** Bytes of header, tables and refcounts with every cluster allocated. */
function metadataSize(diskSize: number, { clusterSize, isExtended, refcountOrder }: Shape): number {
  const l2Tables = Math.ceil(diskSize / clusterSize / (clusterSize / (isExtended ? 16 : 8)));
  const l1Clusters = Math.ceil((l2Tables * 8) / clusterSize);
  const tables = 1 + l2Tables + l1Clusters;
  const sizes = { perBlock: (clusterSize * 8) / 2 ** refcountOrder, perTableCluster: clusterSize / 8 };
  const refcounts = refcountClusters(tables + diskSize / clusterSize, sizes, "exact");
  return (tables + refcounts.blocks + refcounts.table) * clusterSize;
}

/** Bytes of the clusters that ranges touch; a range goes on from the end of the cluster the one before ends in. */
async function dataSize(allocated: Ranges, clusterSize: number): Promise<number> {
  let clusters = 0;
  let counted = 0;
  for await (const { offset, length } of allocated) {
    const first = Math.max(counted, Math.floor(offset / clusterSize));
    const end = Math.ceil((offset + length) / clusterSize);
    clusters += Math.max(0, end - first);
    counted = Math.max(counted, end);
  }
  return clusters * clusterSize;
}

/** Fixed bytes of an entry of the bitmap directory. */
const directoryEntry = 24;

/** Bytes of bitmaps with all of their clusters, of their tables, and of the directory. */
function bitmapsSize(bitmaps: readonly MeasuredBitmap[], size: number, clusterSize: number): number {
  const whole = (bytes: number) => Math.ceil(bytes / clusterSize) * clusterSize;
  let sum = 0;
  let directory = 0;
  for (const { name, granularity } of bitmaps) {
    const clusters = Math.ceil(Math.ceil(Math.ceil(size / granularity) / 8) / clusterSize);
    sum += clusters * clusterSize + whole(clusters * 8);
    directory += Math.ceil((directoryEntry + new TextEncoder().encode(name).length) / 8) * 8;
  }
  return sum + whole(directory);
}

function encrypted(): BlockError {
  return new BlockError("ENOTSUP", "Encrypted qcow2 images are not measured here", {
    hint: "Leave the options of encryption out.",
    peer: { message: "Parameter 'encrypt.key-secret' is required for cipher" },
  });
}
