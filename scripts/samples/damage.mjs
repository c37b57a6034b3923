// The mismatches of the sample pair: image A (the QED image) is the disk after some bad days, image B (the raw
// image) is the reference. One or more of every kind that the comparison tells apart.
import { diskSize, places, sector } from "./disk.mjs";
import { randomNumbers } from "./random.mjs";

/**
 * @typedef {object} Mismatch
 * @property {string} signature what `compare --all` should take it for
 * @property {number} offset guest offset of the first mismatched sector
 * @property {number} sectors
 * @property {(a: Buffer, b: Buffer) => void} apply changes one of the two disks, which begin equal
 */

const block = 4096;
/** Bytes of a cluster of the QED image: where A has lost whole ones. */
export const clusterSize = 16 * 1024;

/** Ascending by offset; none touches another. */
export const mismatches = /** @type {readonly Mismatch[]} */ ([
  // A bit of the volume name in the superblock: "blkscope" became "blkscgpe".
  single(places.superblock, (a) => {
    a[places.superblock + 125] = /** @type {number} */ (a[places.superblock + 125]) - 0x08;
  }),
  // Words of the inode table written by a machine of the other byte order.
  swapped(places.inodeTable + 2 * sector, 2, 4),
  // A journal block whose words of 2 bytes are swapped.
  swapped(places.journal + 2 * block, 1, 2),
  // A text with another text written over it, one sector and then some.
  overwritten(places.text + 6 * sector, 1, "Nothing here is what it was. "),
  overwritten(places.text + 64 * sector, 7, "The same line, again and again. "),
  // A lost cluster: never allocated in A.
  lost(places.text + 4 * clusterSize, clusterSize / sector),
  // A table with one byte inserted: everything after it moved by one.
  shifted(places.table + 20 * sector, 5, 1),
  // A write of 8 KiB of which only the second page arrived.
  torn(places.table + 0x8000 + block, 6),
  // The table again, where 8 bytes went missing.
  shifted(places.table + 100 * sector, 3, -8),
  // A single bit in a program: the kind a faulty memory module makes.
  single(places.program + 40 * sector, (a) => {
    const at = places.program + 40 * sector + 200;
    a[at] = /** @type {number} */ (a[at]) ^ 0x10;
  }),
  // Two sectors written to the wrong place: they belong 32 KiB further on.
  moved(places.program + 100 * sector, places.program + 164 * sector, 2),
  // Sectors that never reached the reference.
  missingInB(places.letters + 10 * sector, 3),
  missingInB(places.letters + 96 * sector, 24),
  // Garbage in an archive.
  noise(places.archive + 33 * sector, 20),
  overwritten(places.label, 1, "?"),
]);

/** @returns {{ a: Buffer, b: Buffer }} the two disks, both of `diskSize` bytes */
export function damaged(/** @type {Buffer} */ disk) {
  const a = Buffer.from(disk);
  const b = Buffer.from(disk);
  for (const { apply } of mismatches) apply(a, b);
  if (a.length !== diskSize || b.length !== diskSize)
    throw new Error("a mismatch changed the size of a disk");
  return { a, b };
}

/** @returns {Mismatch} */
function single(/** @type {number} */ offset, /** @type {(a: Buffer) => void} */ apply) {
  return { signature: "single-bit", offset, sectors: 1, apply };
}

/** @returns {Mismatch} */
function swapped(/** @type {number} */ offset, /** @type {number} */ sectors, /** @type {2 | 4} */ size) {
  return {
    signature: "byte-swapped",
    offset,
    sectors,
    apply: (a) => {
      const part = a.subarray(offset, offset + sectors * sector);
      if (size === 2) part.swap16();
      else part.swap32();
    },
  };
}

/** @returns {Mismatch} */
function overwritten(
  /** @type {number} */ offset,
  /** @type {number} */ sectors,
  /** @type {string} */ text,
) {
  return {
    signature: "plain",
    offset,
    sectors,
    apply: (a) => {
      // Not from the very start, so that it is plainly a text within a sector.
      a.fill(text, offset + 32, offset + sectors * sector - 32, "latin1");
    },
  };
}

/** @returns {Mismatch} */
function lost(/** @type {number} */ offset, /** @type {number} */ sectors) {
  return { signature: "a-zero", offset, sectors, apply: (a) => a.fill(0, offset, offset + sectors * sector) };
}

/** @returns {Mismatch} */
function missingInB(/** @type {number} */ offset, /** @type {number} */ sectors) {
  return {
    signature: "b-zero",
    offset,
    sectors,
    apply: (_, b) => b.fill(0, offset, offset + sectors * sector),
  };
}

/** @returns {Mismatch} B[i] = A[i - shift] */
function shifted(/** @type {number} */ offset, /** @type {number} */ sectors, /** @type {number} */ shift) {
  return {
    signature: "shifted",
    offset,
    sectors,
    apply: (a, b) => {
      const end = offset + sectors * sector;
      if (shift > 0) a.copy(b, offset + shift, offset, end - shift);
      else a.copy(b, offset, offset - shift, end);
    },
  };
}

/** @returns {Mismatch} the difference begins on a 4 KiB boundary and ends in the middle of a page */
function torn(/** @type {number} */ offset, /** @type {number} */ sectors) {
  return {
    signature: "torn",
    offset,
    sectors,
    apply: (a) => {
      const random = randomNumbers(0x70e);
      // Letters for digits: every byte of the range differs from the table below it.
      for (let i = offset; i < offset + sectors * sector; i++) a[i] = 0x80 + random(64);
    },
  };
}

/** @returns {Mismatch} */
function moved(/** @type {number} */ offset, /** @type {number} */ from, /** @type {number} */ sectors) {
  return {
    signature: "moved",
    offset,
    sectors,
    apply: (a, b) => b.copy(a, offset, from, from + sectors * sector),
  };
}

/** @returns {Mismatch} */
function noise(/** @type {number} */ offset, /** @type {number} */ sectors) {
  return {
    signature: "plain",
    offset,
    sectors,
    apply: (a) => {
      const random = randomNumbers(0x901);
      for (let i = offset + 100; i < offset + sectors * sector - 100; i++) a[i] = random(256);
    },
  };
}
