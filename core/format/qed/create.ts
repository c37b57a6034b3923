// New QED images, and the backing file's name in the header of one (QED specification, "Header"). A fresh image is the
// header in cluster 0, the name behind it, and an L1 table of zeroes from cluster 1 on.
import { isPowerOfTwo } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { CreateRequest, Creation } from "../../block/driver.ts";
import type { BackingName } from "../../block/node.ts";
import type { StoredName } from "./backing.ts";
import {
  encodeHeader,
  featureBits,
  headerLength,
  maxClusterSize,
  maxImageSize,
  maxNameLength,
  maxTableSize,
  minClusterSize,
  type QedHeader,
} from "./layout.ts";

const defaultClusterSize = 65536;
const defaultTableSize = 4;
const sectorSize = 512;

export const creation: Creation = {
  supportsBacking: true,
  options: [
    { name: "size", type: "size", help: "Virtual disk size" },
    { name: "backing_file", type: "str", help: "File name of a base image" },
    { name: "backing_fmt", type: "str", help: "Image format of the base image" },
    { name: "cluster_size", type: "size", help: "Cluster size (in bytes)", default: defaultClusterSize },
    { name: "table_size", type: "size", help: "L1/L2 table size (in clusters)" },
  ],
  check: (request) => void newHeader(request),
  create: async (file, request) => {
    const { header, name } = newHeader(request);
    const bytes = new Uint8Array(headerLength + name.length);
    bytes.set(encodeHeader(header));
    bytes.set(name, headerLength);
    await file.resize(0);
    // A device keeps its size, and what it holds: the L1 table would be old bytes.
    if (file.size > 0) {
      throw new BlockError("ENOTSUP", "QED images can't be made on a device: they grow from nothing", {
        hint: "Make the image in a file, or choose the format raw.",
        peer: { message: "Cannot resize device files" },
      });
    }
    await file.resize(header.clusterSize * (1 + header.tableSize));
    await file.write(0, bytes);
  },
};

function newHeader({ size, backing, options }: CreateRequest): { header: QedHeader; name: Uint8Array } {
  const clusterSize = Number(options.cluster_size ?? defaultClusterSize);
  const tableSize = Number(options.table_size ?? defaultTableSize);
  if (!isPowerOfTwo(clusterSize, minClusterSize, maxClusterSize)) {
    throw new BlockError(
      "EINVAL",
      `QED cluster size must be within range [${minClusterSize}, ${maxClusterSize}] and power of 2`,
    );
  }
  if (!isPowerOfTwo(tableSize, 1, maxTableSize)) {
    throw new BlockError("EINVAL", `QED table size must be within range [1, ${maxTableSize}] and power of 2`);
  }
  const imageSize = Math.ceil(size / sectorSize) * sectorSize;
  const most = maxImageSize({ clusterSize, tableSize });
  if (imageSize > most) {
    throw new BlockError("EINVAL", `With these cluster and table sizes QED holds at most ${most} bytes`, {
      hint: "Give a larger cluster_size or table_size.",
      peer: {
        message: `QED image size must be a non-zero multiple of cluster size and less than ${most} bytes`,
      },
    });
  }
  const bare: QedHeader = {
    clusterSize,
    tableSize,
    headerSize: 1,
    features: 0n,
    compatFeatures: 0n,
    autoclearFeatures: 0n,
    l1Offset: clusterSize,
    imageSize,
    backingName: undefined,
  };
  // As the peer leaves them: a place for a name only where there is one.
  if (backing === undefined) return { header: bare, name: new Uint8Array(0) };
  const { changes, behind } = backingChange(bare, backing);
  return { header: { ...bare, ...changes }, name: behind };
}

export interface BackingChange {
  readonly changes: Partial<QedHeader>;
  /** The name, to be written behind the 64 bytes of the header. */
  readonly behind: Uint8Array;
  readonly stored: StoredName | undefined;
}

/** Throws ENOSPC where the name does not fit into the header area, ENOTSUP where others may use the space. */
export function backingChange(header: QedHeader, backing: BackingName | undefined): BackingChange {
  const kept = header.features & ~(featureBits.backingFile | featureBits.backingFormatNoProbe);
  if (backing === undefined) {
    return {
      changes: { features: kept, backingName: { offset: headerLength, length: 0 } },
      behind: new Uint8Array(0),
      stored: undefined,
    };
  }
  if (header.compatFeatures !== 0n) {
    throw new BlockError("ENOTSUP", "The header has compatible feature bits that are not known here", {
      hint: "What follows the header may belong to one of them, so no name is written there.",
    });
  }
  const behind = new TextEncoder().encode(backing.filename);
  const room = Math.min(header.headerSize * header.clusterSize - headerLength, maxNameLength);
  if (behind.length > room) {
    throw new BlockError(
      "ENOSPC",
      `The backing file's name has ${behind.length} bytes; the header takes ${room}`,
      {
        hint: "Give a shorter name, for example one relative to the image's folder.",
      },
    );
  }
  // No other format can be stored: the backing file is probed then.
  const noProbe = backing.format === "raw" ? featureBits.backingFormatNoProbe : 0n;
  return {
    changes: {
      features: kept | featureBits.backingFile | noProbe,
      backingName: { offset: headerLength, length: behind.length },
    },
    behind,
    stored: { text: backing.filename, fault: undefined },
  };
}
