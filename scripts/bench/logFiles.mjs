// Logs of writes for the bench, made by a writer of its own: what is measured did not make its input.
import { randomFillSync } from "node:crypto";
import * as fs from "node:fs";

const MiB = 1024 * 1024;
const sectorSize = 512;
const flags = { flush: 1, discard: 4 };

/** An entry of a log, in sectors; `payload` bytes of it follow its header. */
/** @typedef {{ sector: number, sectors: number, flags: number, payload: number }} Entry */

/** Numbers that look random and are the same each time: from 0, below `limit`. */
export function numbers(seed = 1) {
  let state = seed;
  return (/** @type {number} */ limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Mostly headers: three of four entries discard 4 to 64 KiB of 4 GiB, the others write a sector or flush. */
export function manyEntries(/** @type {string} */ file, /** @type {number} */ count) {
  const below = numbers();
  writeLog(file, count, (number) => {
    if (number % 16 === 0) return { sector: 0, sectors: 0, flags: flags.flush, payload: 0 };
    const sector = 8 * below(2 ** 20);
    if (number % 4 === 0) return { sector, sectors: 1, flags: 0, payload: sectorSize };
    return { sector, sectors: 8 * (1 + below(16)), flags: flags.discard, payload: 0 };
  });
}

/** Writes of 4 to 17 KiB of random bytes anywhere on 1 GiB, 1 GiB in 100,000 of them, with a flush now and then. */
export function muchPayload(/** @type {string} */ file, /** @type {number} */ count) {
  const below = numbers(7);
  writeLog(file, count, (number) => {
    if (number % 200 === 199) return { sector: 0, sectors: 0, flags: flags.flush, payload: 0 };
    const sectors = 8 + below(27);
    return { sector: below(2 ** 21 - sectors), sectors, flags: 0, payload: sectors * sectorSize };
  });
}

function writeLog(
  /** @type {string} */ file,
  /** @type {number} */ count,
  /** @type {(number: number) => Entry} */ entryAt,
) {
  const fd = fs.openSync(file, "w");
  const bytes = Buffer.alloc(8 * MiB);
  const random = randomFillSync(Buffer.alloc(MiB));
  bytes.write("rhswfsj\0", 0, "latin1");
  bytes.writeBigUInt64LE(1n, 8);
  bytes.writeBigUInt64LE(BigInt(count), 16);
  bytes.writeUInt32LE(sectorSize, 24);
  let at = sectorSize;
  for (let number = 0; number < count; number++) {
    const entry = entryAt(number);
    if (at + sectorSize + entry.payload > bytes.length) {
      fs.writeSync(fd, bytes, 0, at);
      at = 0;
    }
    bytes.fill(0, at, at + sectorSize);
    // All numbers are below 2^32: the upper halves stay zero.
    bytes.writeUInt32LE(entry.sector, at);
    bytes.writeUInt32LE(entry.sectors, at + 8);
    bytes.writeUInt32LE(entry.flags, at + 16);
    at += sectorSize;
    random.copy(
      bytes,
      at,
      (number * sectorSize) % (MiB / 2),
      ((number * sectorSize) % (MiB / 2)) + entry.payload,
    );
    at += entry.payload;
  }
  fs.writeSync(fd, bytes, 0, at);
  fs.closeSync(fd);
}
