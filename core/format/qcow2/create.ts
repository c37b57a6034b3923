// New qcow2 images. Where things lie is settled first (createSpace.ts, createTables.ts), as the peer's allocator would
// have it; then tables and refcounts are written in bulk, and the header last: what is cut short is no image.
import { BlockError } from "../../base/errors.ts";
import type { Creation } from "../../block/driver.ts";
import type { BlockNode } from "../../block/node.ts";
import { createOptions, type NewImage, newImage } from "./createOptions.ts";
import { NewFileSpace } from "./createSpace.ts";
import { type GuestLayout, guestLayout } from "./createTables.ts";
import { writeGuestTables, writeRefcounts } from "./createWrite.ts";
import { encodeHeader } from "./headerBytes.ts";
import { autoclear, compatible, incompatible, subclustersPerCluster } from "./layout.ts";
import { measure } from "./measure.ts";

export const creation: Creation = {
  supportsBacking: true,
  options: createOptions,
  check: (request) => {
    // The header with the longest that is known by now: whether the names fit.
    const image = newImage(request);
    encodeHeader(headerOf(image, { l1Offset: 0, tableOffset: 0, tableClusters: 1 }));
  },
  dataFile: ({ options }) => (options.data_file === undefined ? undefined : String(options.data_file)),
  create: async (file, request, dataFile) => {
    const image = newImage(request);
    const space = new NewFileSpace(image);
    const layout = guestLayout(image, space);
    await makeRoom(file, image, space, layout);
    await writeGuestTables(file, image, layout);
    await writeRefcounts(file, image, space);
    if (dataFile !== undefined) await setAsideOutside(dataFile, image);
    const { start, end } = space.table;
    const places = {
      l1Offset: layout.l1 * image.clusterSize,
      tableOffset: start * image.clusterSize,
      tableClusters: end - start,
    };
    await file.write(0, encodeHeader(headerOf(image, places)));
  },
  measure,
};

interface Places {
  readonly l1Offset: number;
  readonly tableOffset: number;
  readonly tableClusters: number;
}

function headerOf(image: NewImage, places: Places) {
  const bits = (list: readonly (readonly [boolean, bigint])[]) =>
    list.reduce((sum, [isSet, bit]) => (isSet ? sum | bit : sum), 0n);
  return {
    version: image.version,
    clusterBits: Math.log2(image.clusterSize),
    size: image.size,
    l1: { offset: places.l1Offset, entries: image.l1Entries },
    refcountTable: { offset: places.tableOffset, clusters: places.tableClusters },
    refcountOrder: image.refcountOrder,
    incompatible: bits([
      [image.dataFile !== undefined, incompatible.dataFile],
      [image.compression !== "zlib", incompatible.compressionType],
      [image.isExtended, incompatible.extendedL2],
    ]),
    compatible: bits([[image.lazyRefcounts, compatible.lazyRefcounts]]),
    autoclear: bits([[image.isDataFileRaw, autoclear.rawDataFile]]),
    compression: image.compression,
    dataFile: image.dataFile,
    backing: image.backing,
  };
}

/** The file as long as it will be, its data set aside, everything zeroes; a device keeps what lies in its data. */
async function makeRoom(
  file: BlockNode,
  { clusterSize, preallocation }: NewImage,
  space: NewFileSpace,
  { dataEnd, length, runs }: GuestLayout,
): Promise<void> {
  await file.resize(0);
  if (file.size > 0) return makeRoomOnDevice(file, length, space.used, clusterSize);
  if (dataEnd > 0 && (preallocation === "falloc" || preallocation === "full")) {
    // Only from where the data begin: tables are written anyway.
    await file.resize((runs[0]?.host ?? 0) * clusterSize);
    await file.resize(dataEnd, { preallocation });
  }
  await file.resize(Math.max(dataEnd, length));
}

async function makeRoomOnDevice(
  file: BlockNode,
  length: number,
  used: NewFileSpace["used"],
  clusterSize: number,
): Promise<void> {
  if (file.size < length) {
    throw new BlockError("ENOSPC", `The device has ${file.size} bytes; the new image begins with ${length}`, {
      hint: "Choose a larger device, or leave preallocation out.",
      peer: { message: "Could not resize image: Cannot grow device files" },
    });
  }
  for (const { start, end } of used) {
    const offset = start * clusterSize;
    await file.writeZeroes(offset, Math.min(end * clusterSize, file.size) - offset);
  }
}

/** The data file holds the whole disk at its own place; with preallocation whole subclusters. */
async function setAsideOutside(dataFile: BlockNode, image: NewImage): Promise<void> {
  const { size, preallocation, clusterSize, isExtended } = image;
  if (preallocation === "off") return dataFile.resize(size);
  const granule = isExtended ? clusterSize / subclustersPerCluster : clusterSize;
  const mode = preallocation === "metadata" ? "off" : preallocation;
  await dataFile.resize(Math.ceil(size / granule) * granule, { preallocation: mode });
}
