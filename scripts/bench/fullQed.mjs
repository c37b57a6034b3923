// A QED image in which every guest cluster has one of its own in the file: the tables are real, the data are holes.
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

const clusterSize = 64 * 1024;
const tableSize = 4;
const tableBytes = tableSize * clusterSize;
const entries = tableBytes / 8;

/** Guest bytes that one L2 table maps: 2 GiB. */
export const tableSpan = entries * clusterSize;

/**
 * @param {string} path
 * @param {number} size guest bytes, a multiple of `tableSpan`
 * @param {"contiguous" | "scattered" | "anywhere"} order contiguous: all tables, then all data in order; scattered: each
 *   table in front of its data, which are in no order; anywhere: the data of each table all over the file
 */
export function fullQed(path, size, order) {
  const tables = size / tableSpan;
  const l1 = new BigUint64Array(entries);
  const fd = openSync(path, "w");
  const table = new BigUint64Array(entries);
  const start = clusterSize + tableBytes;
  for (let i = 0; i < tables; i++) {
    const isTogether = order === "contiguous";
    const at = isTogether ? start + i * tableBytes : start + i * (tableBytes + tableSpan);
    const data = isTogether ? start + tables * tableBytes + i * tableSpan : at + tableBytes;
    l1[i] = BigInt(at);
    for (let entry = 0; entry < entries; entry++) table[entry] = BigInt(data + entry * clusterSize);
    if (order === "scattered") shuffle(table, i);
    if (order === "anywhere") spread(table, i, tables);
    writeSync(fd, new Uint8Array(table.buffer), 0, tableBytes, at);
  }
  writeSync(fd, header(size), 0, 64, 0);
  writeSync(fd, new Uint8Array(l1.buffer), 0, tableBytes, clusterSize);
  ftruncateSync(fd, start + tables * (tableBytes + tableSpan));
  closeSync(fd);
}

function header(/** @type {number} */ size) {
  const bytes = Buffer.alloc(64);
  bytes.write("QED\0", 0, "latin1");
  bytes.writeUInt32LE(clusterSize, 4);
  bytes.writeUInt32LE(tableSize, 8);
  bytes.writeUInt32LE(1, 12); // header_size, clusters
  bytes.writeBigUInt64LE(BigInt(clusterSize), 40); // l1_table_offset
  bytes.writeBigUInt64LE(BigInt(size), 48); // image_size
  return bytes;
}

/** The same order each time. */
function shuffle(/** @type {BigUint64Array} */ table, /** @type {number} */ seed) {
  let state = seed + 1;
  for (let i = table.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 0x100000000) * (i + 1));
    const kept = table[i] ?? 0n;
    table[i] = table[j] ?? 0n;
    table[j] = kept;
  }
}

/** Takes every cluster of all data once; for a power of two of tables, below which an odd factor permutes numbers. */
function spread(
  /** @type {BigUint64Array} */ table,
  /** @type {number} */ index,
  /** @type {number} */ tables,
) {
  const all = tables * entries;
  const start = clusterSize + tableBytes;
  for (let entry = 0; entry < entries; entry++) {
    const slot = Math.imul(index * entries + entry, 0x9e3779b1) & (all - 1);
    const at = start + Math.floor(slot / entries) * (tableBytes + tableSpan) + tableBytes;
    table[entry] = BigInt(at + (slot % entries) * clusterSize);
  }
}
