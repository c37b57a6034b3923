// A qcow2 image in which every guest cluster has one of its own in the file: the tables are real, the data are holes.
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

const clusterSize = 64 * 1024;
const entries = clusterSize / 8;
const countsOfBlock = clusterSize / 2;
const copied = 1n << 63n;

/** Guest bytes that one L2 table maps: 512 MiB. */
export const tableSpan = entries * clusterSize;

/**
 * Header, L1 table, refcount table, refcount blocks and L2 tables lie in this order in front of the data.
 *
 * @param {string} path
 * @param {number} size guest bytes, a multiple of `tableSpan`
 * @param {"contiguous" | "anywhere"} order of the data: that of the guest's disk, or none
 */
export function fullQcow2(path, size, order) {
  const tables = size / tableSpan;
  const data = tables * entries;
  const l1At = 1;
  const l1Clusters = Math.ceil(tables / entries);
  const refcountsAt = l1At + l1Clusters;
  const used = refcountsAt + tables + data;
  // Blocks count themselves and their table; one cluster of the table speaks of 16 TiB.
  const blocks = Math.ceil((used + 4) / (countsOfBlock - 1));
  const tableClusters = Math.ceil(blocks / entries);
  const l2At = refcountsAt + tableClusters + blocks;
  const dataAt = l2At + tables;
  const fd = openSync(path, "w");
  const write = (/** @type {Uint8Array} */ bytes, /** @type {number} */ cluster) =>
    writeSync(fd, bytes, 0, bytes.length, cluster * clusterSize);
  const header = { size, tables, l1At, refcountsAt, tableClusters };
  write(headerOf(header), 0);
  write(pointers(tables, l2At, copied), l1At);
  write(pointers(blocks, refcountsAt + tableClusters, 0n), refcountsAt);
  const ones = Buffer.alloc(clusterSize, "0001", "hex");
  const end = dataAt + data;
  for (let block = 0; block < blocks; block++) {
    const counted = Math.min(countsOfBlock, Math.max(0, end - block * countsOfBlock));
    write(ones.subarray(0, counted * 2), refcountsAt + tableClusters + block);
  }
  const table = new BigUint64Array(entries);
  for (let index = 0; index < tables; index++) {
    for (let entry = 0; entry < entries; entry++) {
      const slot = index * entries + entry;
      const cluster = dataAt + (order === "contiguous" ? slot : anywhere(slot, data));
      table[entry] = BigInt(cluster * clusterSize) | copied;
    }
    write(Buffer.from(table.buffer).swap64(), l2At + index);
  }
  ftruncateSync(fd, end * clusterSize);
  closeSync(fd);
}

/**
 * @param {{ size: number, tables: number, l1At: number, refcountsAt: number, tableClusters: number }} image places in
 *   clusters
 */
function headerOf({ size, tables, l1At, refcountsAt, tableClusters }) {
  const bytes = Buffer.alloc(112);
  bytes.write("QFI\xfb", 0, "latin1");
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20); // cluster_bits
  bytes.writeBigUInt64BE(BigInt(size), 24);
  bytes.writeUInt32BE(tables, 36); // l1_size
  bytes.writeBigUInt64BE(BigInt(l1At * clusterSize), 40);
  bytes.writeBigUInt64BE(BigInt(refcountsAt * clusterSize), 48);
  bytes.writeUInt32BE(tableClusters, 56);
  bytes.writeUInt32BE(4, 96); // refcount_order
  bytes.writeUInt32BE(104, 100); // header_length; an end of extensions follows
  return bytes;
}

/** Offsets of `count` clusters from `first` on. */
function pointers(/** @type {number} */ count, /** @type {number} */ first, /** @type {bigint} */ flags) {
  const words = BigUint64Array.from({ length: count }, (_, i) => BigInt((first + i) * clusterSize) | flags);
  return Buffer.from(words.buffer).swap64();
}

/** Takes every number below `count` once, in an order that looks like none: steps outside are gone on from. */
function anywhere(/** @type {number} */ index, /** @type {number} */ count) {
  const bits = Math.ceil(Math.log2(count));
  const mask = 2 ** bits - 1;
  let number = index;
  do {
    number = (Math.imul(number, 0x9e3779b1) & mask) >>> 0;
    number ^= number >>> (bits >> 1);
    number = (Math.imul(number, 0x85ebca6b) & mask) >>> 0;
    number ^= number >>> (bits >> 1);
  } while (number >= count);
  return number;
}
