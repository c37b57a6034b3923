// A QED image whose scan takes seconds though its file takes no room: very many L2 tables, all of them holes.
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";

const clusterSize = 65_536;
/** Clusters of a table: 1 MiB. */
const tableSize = 16;
const tableBytes = tableSize * clusterSize;

/** Header, L1 table, and `tables` L2 tables behind it, each read in full but the fourth: its L1 entry is 1, no place of a table. */
export function slowQed(path: string, tables: number): string {
  const header = Buffer.alloc(64);
  header.write("QED\0", 0, "latin1");
  header.writeUInt32LE(clusterSize, 4);
  header.writeUInt32LE(tableSize, 8);
  header.writeUInt32LE(1, 12);
  header.writeBigUInt64LE(BigInt(clusterSize), 40);
  // A table of 1 MiB has 2 ** 17 entries, of a cluster each: 8 GiB.
  header.writeBigUInt64LE(BigInt(tables) * 2n ** 33n, 48);
  const l1 = new BigUint64Array(tableBytes / 8);
  const start = clusterSize + tableBytes;
  for (let index = 0; index < tables; index++) l1[index] = BigInt(start + index * tableBytes);
  l1[3] = 1n;
  const fd = openSync(path, "w");
  writeSync(fd, header, 0, header.length, 0);
  writeSync(fd, new Uint8Array(l1.buffer), 0, tableBytes, clusterSize);
  ftruncateSync(fd, start + tables * tableBytes);
  closeSync(fd);
  return path;
}
