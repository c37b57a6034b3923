// Disk images for the end-to-end tests, made by code in a folder of their own.
import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const sector = 512;

/** Where the images of a pair differ, as a person would list it: sector, first byte that differs, A's and B's value. */
export interface Difference {
  readonly offset: number;
  readonly a: number;
  readonly b: number;
}

export interface Folder {
  readonly path: string;
  file(name: string): string;
  remove(): void;
}

/** A folder whose name has a space, a quote and letters outside ASCII, as people's folders do. */
export function makeFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "blkscope é'x y-"));
  return {
    path,
    file: (name) => join(path, name),
    remove: () => removeFolder(path),
  };
}

/** A process that is about to end may still write into it. */
export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** Byte i of sector s: never 0, different from sector to sector. */
export function patternByte(offset: number): number {
  return ((offset * 7 + Math.floor(offset / sector) * 13) % 251) + 1;
}

export function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = patternByte(at);
  return bytes;
}

/**
 * A raw pair of 4 MiB that differs in single bytes, one per entry: in sectors far apart, so that each is a run
 * of one sector.
 */
export function rawPair(folder: Folder): { a: string; b: string; differences: readonly Difference[] } {
  const offsets = [5000, 81_936, 1_048_576, 2_097_151, 3_000_000, 4_194_303];
  const bytesA = pattern(4 * 1024 * 1024);
  const bytesB = Buffer.from(bytesA);
  const differences = offsets.map((offset) => {
    const a = bytesA[offset] ?? 0;
    const b = a ^ 0xff;
    bytesB[offset] = b;
    return { offset, a, b };
  });
  const [a, b] = [folder.file("left disk.raw"), folder.file("right disk.raw")];
  writeFileSync(a, bytesA);
  writeFileSync(b, bytesB);
  return { a, b, differences };
}

/** A sparse raw file of `size` bytes with `bytes` at each offset. */
export function sparse(
  path: string,
  size: number,
  parts: readonly { offset: number; bytes: Uint8Array }[],
): string {
  const fd = openSync(path, "w");
  ftruncateSync(fd, size);
  for (const { offset, bytes } of parts) writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
  return path;
}

/** The same content as `raw` in a QED image made by qemu-img. */
export function qedOf(raw: string, path: string): string {
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qed", raw, path]);
  return path;
}

export { copyFileSync };
