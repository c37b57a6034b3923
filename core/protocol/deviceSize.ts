// The size of a block device, which stat does not tell: by seeking to its end, else by trying where reads end.
import * as fs from "node:fs";
import { sizeBySeeking } from "./holes.ts";

const sector = 512;
/** 2^44 sectors of 512 bytes are 2^53 bytes. */
const mostSectors = 2 ** 44;

/** Bytes. 0 for a device without a medium. */
export function deviceSize(fd: number): number {
  // macOS seeks to 0 on every device.
  return sizeBySeeking(fd) || sizeByReading(fd);
}

/** Bytes, whole sectors, found with about 90 reads. */
export function sizeByReading(fd: number): number {
  let end = 1;
  while (end < mostSectors && hasSector(fd, end - 1)) end *= 2;
  // Sectors below `low` are there, sector `high` is not.
  let low = Math.floor(end / 2);
  let high = end - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (hasSector(fd, middle)) low = middle + 1;
    else high = middle;
  }
  return low * sector;
}

function hasSector(fd: number, index: number): boolean {
  try {
    return fs.readSync(fd, new Uint8Array(sector), 0, sector, index * sector) === sector;
  } catch (thrown) {
    // A sector that is there but damaged fails with EIO; past the end systems say one of these.
    return !["ENXIO", "EINVAL", "ENOSPC", "EOVERFLOW"].includes((thrown as NodeJS.ErrnoException).code ?? "");
  }
}
