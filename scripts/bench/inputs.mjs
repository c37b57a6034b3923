// Input images for the bench, made anew in a folder of its own: nothing is downloaded or kept.
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { SetupError } from "../setup/say.mjs";

const MiB = 1024 * 1024;

/** A file of random bytes. */
export function randomFile(/** @type {string} */ file, /** @type {number} */ size) {
  const fd = fs.openSync(file, "w");
  const block = Buffer.alloc(8 * MiB);
  for (let at = 0; at < size; at += block.length) {
    fs.writeSync(fd, randomFillSync(block), 0, Math.min(block.length, size - at), at);
  }
  fs.closeSync(fd);
}

/** Equal sparse files of `size` bytes with `pieces` pieces of `pieceSize` random bytes, spread evenly. */
export function scatteredFiles(
  /** @type {readonly string[]} */ files,
  /** @type {number} */ size,
  /** @type {number} */ pieces,
  /** @type {number} */ pieceSize,
) {
  const step = Math.floor(size / pieces / pieceSize) * pieceSize;
  const block = Buffer.alloc(pieceSize);
  const fds = files.map((file) => fs.openSync(file, "w"));
  for (const fd of fds) fs.ftruncateSync(fd, size);
  for (let i = 0; i < pieces; i++) {
    randomFillSync(block);
    for (const fd of fds) fs.writeSync(fd, block, 0, pieceSize, i * step);
  }
  for (const fd of fds) fs.closeSync(fd);
}

/**
 * The same random bytes as a raw image and as one of `format`, both cached, and the name of a file for a target: all of
 * them are there while `use` runs.
 * @template Result
 * @param {string} folder
 * @param {string} format
 * @param {number} size
 * @param {(files: { raw: string, image: string, target: string }) => Result} use
 * @returns {Result}
 */
export function withDenseImages(folder, format, size, use) {
  const raw = path.join(folder, "dense.raw");
  const image = path.join(folder, `dense.${format}`);
  const target = path.join(folder, "target");
  try {
    randomFile(raw, size);
    qemuImg("convert", "-f", "raw", "-O", format, raw, image);
    return use({ raw, image, target });
  } finally {
    for (const file of [raw, image, target]) fs.rmSync(file, { force: true });
  }
}

/** Runs qemu-img, which has to succeed. */
export function qemuImg(/** @type {readonly string[]} */ ...args) {
  const { status, stderr, error } = spawnSync("qemu-img", args, { encoding: "utf8" });
  if (error !== undefined)
    throw new SetupError(`qemu-img cannot be run (package qemu-utils): ${error.message}`);
  if (status !== 0) throw new SetupError(`qemu-img ${args.join(" ")}: ${stderr}`);
}
