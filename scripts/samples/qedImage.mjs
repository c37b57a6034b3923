// Writes a QED image (QED specification: header, "L1/L2 tables"): as a guest might have written it, cluster after
// cluster in the order given, tables where they were first needed. Closed cleanly: no need-check bit.

const tableClusters = 2;
const unallocated = 0;
const zeroCluster = 1;

/**
 * @param {Buffer} disk guest content, a multiple of the cluster size
 * @param {object} how
 * @param {number} how.clusterSize bytes
 * @param {readonly number[]} how.order guest cluster indices in the order they were written; the others are not allocated
 * @param {readonly number[]} how.zeroClusters guest cluster indices that are marked as zero
 * @returns {Buffer}
 */
export function qedImage(disk, { clusterSize, order, zeroClusters }) {
  const entries = (tableClusters * clusterSize) / 8;
  if (disk.length % clusterSize !== 0) throw new Error("the disk is not a whole number of clusters");
  if (disk.length / clusterSize > entries) throw new Error("the disk needs more than one L2 table");
  const header = Buffer.alloc(clusterSize);
  const l1 = Buffer.alloc(tableClusters * clusterSize);
  const l2 = Buffer.alloc(tableClusters * clusterSize);
  /** @type {Buffer[]} */
  const parts = [header, l1];
  let end = clusterSize * (1 + tableClusters);
  const append = (/** @type {Buffer} */ part) => {
    const at = end;
    parts.push(part);
    end += part.length;
    return BigInt(at);
  };
  order.forEach((cluster, i) => {
    const at = append(disk.subarray(cluster * clusterSize, (cluster + 1) * clusterSize));
    l2.writeBigUInt64LE(at, cluster * 8);
    // The L2 table comes into being with the first write, after its data.
    if (i === 0) l1.writeBigUInt64LE(append(l2), 0);
  });
  for (const cluster of zeroClusters) {
    if (l2.readBigUInt64LE(cluster * 8) !== BigInt(unallocated))
      throw new Error(`cluster ${cluster} is allocated`);
    l2.writeBigUInt64LE(BigInt(zeroCluster), cluster * 8);
  }
  header.write("QED\0", 0, "latin1");
  header.writeUInt32LE(clusterSize, 4);
  header.writeUInt32LE(tableClusters, 8);
  header.writeUInt32LE(1, 12); // header_size, clusters
  header.writeBigUInt64LE(BigInt(clusterSize), 40); // l1_table_offset
  header.writeBigUInt64LE(BigInt(disk.length), 48); // image_size
  return Buffer.concat(parts);
}
