// A QED image of 1 TiB in which every guest cluster is the same cluster of the file. No writer makes such an
// image, every reader can read it: a scan of it takes minutes although the file has a few hundred KiB.
import { writeFileSync } from "node:fs";

const clusterSize = 64 * 1024;
const tableSize = 4;

/**
 * @param {string} path
 * @param {(cluster: Buffer) => void} fill writes the one data cluster
 */
export function endlessQed(path, fill) {
  const table = tableSize * clusterSize;
  const l2 = clusterSize + table;
  const data = l2 + table;
  const image = Buffer.alloc(data + clusterSize);
  image.write("QED\0", 0, "latin1");
  image.writeUInt32LE(clusterSize, 4);
  image.writeUInt32LE(tableSize, 8);
  image.writeUInt32LE(1, 12); // header_size, clusters
  image.writeBigUInt64LE(BigInt(clusterSize), 40); // l1_table_offset
  image.writeBigUInt64LE(2n ** 40n, 48); // image_size
  for (let entry = 0; entry < table / 8; entry++) {
    image.writeBigUInt64LE(BigInt(l2), clusterSize + entry * 8);
    image.writeBigUInt64LE(BigInt(data), l2 + entry * 8);
  }
  fill(image.subarray(data));
  writeFileSync(path, image);
  return path;
}
