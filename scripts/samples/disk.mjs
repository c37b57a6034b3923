// The guest disk of the samples, 3 MiB: a boot sector with a partition, and in it what a small file system could
// hold (superblock, bitmaps, inodes, directory, journal, text, table, program, archive). It only looks like one:
// it is there to be recognised in a hex view, not to be mounted.
import { randomNumbers } from "./random.mjs";

export const diskSize = 3 * 1024 * 1024;
export const sector = 512;
/** Bytes of a block of the file system. */
const block = 4096;

/** Where things lie on the disk, bytes. Everything not named here is zero. */
export const places = {
  partition: 0x10000,
  superblock: 0x10400,
  groupDescriptors: 0x11000,
  blockBitmap: 0x12000,
  inodeBitmap: 0x13000,
  inodeTable: 0x14000,
  directory: 0x1c000,
  journal: 0x20000,
  text: 0x40000,
  table: 0x90000,
  program: 0x100000,
  letters: 0x180000,
  archive: 0x200000,
  backupSuperblock: 0x2c0000,
  label: diskSize - sector,
};

/** 2024-03-01 12:00:00 UTC: every time stamp on the disk counts from here. */
const epoch = 1709294400;

/** @returns {Buffer} */
export function makeDisk() {
  const disk = Buffer.alloc(diskSize);
  bootSector(disk);
  superblock(disk, places.superblock, 0);
  superblock(disk, places.backupSuperblock, 1);
  groupDescriptors(disk);
  bitmaps(disk);
  const files = [
    { name: "README.txt", inode: 12, at: places.text, bytes: prose(0x2d1f, 150_000, "The book of the disk") },
    { name: "readings.csv", inode: 13, at: places.table, bytes: readings() },
    { name: "survey", inode: 14, at: places.program, bytes: program() },
    { name: "letters.txt", inode: 15, at: places.letters, bytes: prose(0x77aa, 90_000, "Letters") },
    { name: "backup.arc", inode: 16, at: places.archive, bytes: archive() },
  ];
  for (const { at, bytes } of files) bytes.copy(disk, at);
  inodes(disk, files);
  directory(disk, files);
  journal(disk);
  disk.write("BLKSCOPE SAMPLE DISK: LAST SECTOR", places.label, "latin1");
  disk.writeBigUInt64LE(BigInt(diskSize / sector), places.label + 64);
  disk.fill("end of disk ", places.label + 128, diskSize, "latin1");
  return disk;
}

/** A master boot record: code that prints a line, one Linux partition, 55 AA. */
function bootSector(/** @type {Buffer} */ disk) {
  // cli; xor ax,ax; mov ds,ax; mov si,0x7c20; lodsb; or al,al; jz +6; mov ah,0x0e; int 0x10; jmp -10; hlt; jmp -3
  Buffer.from("fa31c08ed8be207cac08c07406b40ecd10ebf5f4ebfd", "hex").copy(disk, 0);
  disk.write("This sample disk does not boot.\r\n\0", 0x20, "latin1");
  disk.writeUInt32LE(0xb15c0de5, 0x1b8);
  const entry = 0x1be;
  disk.writeUInt8(0x83, entry + 4);
  disk.writeUInt32LE(places.partition / sector, entry + 8);
  disk.writeUInt32LE((diskSize - places.partition) / sector, entry + 12);
  disk.writeUInt16LE(0xaa55, 510);
}

function superblock(/** @type {Buffer} */ disk, /** @type {number} */ at, /** @type {number} */ group) {
  const blocks = (diskSize - places.partition) / block;
  const words = [128, blocks, blocks / 20, 61, 117, 0, 2, 2, 32768, 32768, 128, epoch, epoch + 60];
  words.forEach((word, i) => {
    disk.writeUInt32LE(Math.floor(word), at + i * 4);
  });
  disk.writeUInt16LE(7, at + 52);
  disk.writeUInt16LE(0xef53, at + 56);
  disk.writeUInt32LE(epoch, at + 64);
  disk.writeUInt16LE(group, at + 90);
  Buffer.from("5b1c7e9a44f04d0ba2d5c3908e6f1a27", "hex").copy(disk, at + 104);
  disk.write("blkscope-sample", at + 120, "latin1");
  disk.write("/mnt/sample", at + 136, "latin1");
}

function groupDescriptors(/** @type {Buffer} */ disk) {
  const first = [places.blockBitmap, places.inodeBitmap, places.inodeTable];
  for (let group = 0; group < 16; group++) {
    const at = places.groupDescriptors + group * 32;
    first.forEach((place, i) => {
      disk.writeUInt32LE((place - places.partition) / block + group * 512, at + i * 4);
    });
    disk.writeUInt16LE(61 - group, at + 12);
    disk.writeUInt16LE(117 + group, at + 14);
    disk.writeUInt16LE(2, at + 16);
  }
}

function bitmaps(/** @type {Buffer} */ disk) {
  disk.fill(0xff, places.blockBitmap, places.blockBitmap + 70);
  disk.fill(0x3f, places.blockBitmap + 70, places.blockBitmap + 71);
  disk.fill(0xff, places.blockBitmap + 96, places.blockBitmap + block);
  disk.fill(0xff, places.inodeBitmap, places.inodeBitmap + 2);
  disk.fill(0xff, places.inodeBitmap + 16, places.inodeBitmap + block);
}

function inodes(
  /** @type {Buffer} */ disk,
  /** @type {readonly { inode: number, at: number, bytes: Buffer }[]} */ files,
) {
  const random = randomNumbers(0x1de);
  for (let inode = 1; inode <= 128; inode++) {
    const at = places.inodeTable + (inode - 1) * 256;
    const file = files.find((one) => one.inode === inode);
    disk.writeUInt16LE(file === undefined ? 0x41ed : 0x81a4, at);
    disk.writeUInt16LE(1000, at + 2);
    disk.writeUInt32LE(file?.bytes.length ?? block, at + 4);
    for (let i = 0; i < 4; i++) disk.writeUInt32LE(epoch + inode * 61 + random(3600), at + 8 + i * 4);
    disk.writeUInt32LE(Math.ceil((file?.bytes.length ?? block) / sector), at + 28);
    const firstBlock = ((file?.at ?? places.directory) - places.partition) / block;
    for (let i = 0; i < 12; i++) disk.writeUInt32LE(firstBlock + i, at + 40 + i * 4);
    disk.writeUInt32LE(random(2 ** 32), at + 100);
  }
}

function directory(
  /** @type {Buffer} */ disk,
  /** @type {readonly { name: string, inode: number }[]} */ files,
) {
  let at = places.directory;
  const entries = [
    { name: ".", inode: 2 },
    { name: "..", inode: 2 },
    { name: "lost+found", inode: 11 },
    ...files,
  ];
  for (const { name, inode } of entries) {
    const length = 8 + Math.ceil(name.length / 4) * 4;
    disk.writeUInt32LE(inode, at);
    disk.writeUInt16LE(length, at + 4);
    disk.writeUInt8(name.length, at + 6);
    disk.writeUInt8(inode >= 12 ? 1 : 2, at + 7);
    disk.write(name, at + 8, "latin1");
    at += length;
  }
}

/** Journal blocks, big-endian as journals are. */
function journal(/** @type {Buffer} */ disk) {
  for (let i = 0; i < 16; i++) {
    const at = places.journal + i * block;
    disk.writeUInt32BE(0xc03b3998, at);
    disk.writeUInt32BE(i % 4 === 3 ? 2 : 1, at + 4);
    disk.writeUInt32BE(100 + Math.floor(i / 4), at + 8);
    for (let tag = 0; tag < 120; tag++) {
      disk.writeUInt32BE(0x140 + i * 120 + tag, at + 12 + tag * 8);
      disk.writeUInt32BE(tag === 119 ? 8 : 2, at + 16 + tag * 8);
    }
  }
}

const subjects = [
  "The reader",
  "A cluster",
  "The first table",
  "Every extent",
  "The journal",
  "One sector",
  "The guest",
];
const verbs = [
  "points to",
  "is kept beside",
  "was written before",
  "waits for",
  "agrees with",
  "lies next to",
];
const objects = [
  "the header",
  "a backing file",
  "its mapping",
  "the last flush",
  "an empty block",
  "the second copy",
];
const ends = [
  "as it should",
  "on a quiet evening",
  "without a trace",
  "for the third time",
  "until power returns",
];

/** English-looking prose in lines, at least `length` bytes. */
function prose(/** @type {number} */ seed, /** @type {number} */ length, /** @type {string} */ title) {
  const random = randomNumbers(seed);
  const pick = (/** @type {readonly string[]} */ words) => words[random(words.length)];
  let text = `${title}\n${"=".repeat(title.length)}\n\n`;
  for (let paragraph = 1; text.length < length; paragraph++) {
    text += `${paragraph}. `;
    for (let sentence = 0; sentence < 5; sentence++) {
      text += `${pick(subjects)} ${pick(verbs)} ${pick(objects)} ${pick(ends)} (${random(10_000)}).\n`;
    }
    text += "\n";
  }
  return Buffer.from(text, "latin1");
}

/** A table of readings, one a minute. */
function readings() {
  const random = randomNumbers(0xc5f);
  let text = "time,station,temperature,pressure,state\n";
  for (let minute = 0; text.length < 200_000; minute++) {
    const time = new Date((epoch + minute * 60) * 1000).toISOString();
    const temperature = (18 + random(60) / 10).toFixed(1);
    text += `${time},S${random(8)},${temperature},${1000 + random(30)},${random(20) === 0 ? "check" : "ok"}\n`;
  }
  return Buffer.from(text, "latin1");
}

/** An ELF header, instructions that look like a compiler's, strings. */
function program() {
  const random = randomNumbers(0xe1f);
  const bytes = Buffer.alloc(160_000);
  Buffer.from("7f454c4602010100000000000000000002003e0001000000", "hex").copy(bytes, 0);
  bytes.writeBigUInt64LE(0x401000n, 24);
  bytes.writeBigUInt64LE(64n, 32);
  const instructions = [
    "554889e5",
    "4883ec20",
    "488b45f8",
    "8945ec",
    "e8",
    "85c0",
    "740a",
    "c9c3",
    "0f1f4000",
    "48c7c0",
  ];
  let at = 4096;
  while (at < 120_000) {
    const code = Buffer.from(instructions[random(instructions.length)] ?? "90", "hex");
    at += code.copy(bytes, at);
    if (code.length === 1 || code.length === 3) at = bytes.writeUInt32LE(random(65_536), at);
  }
  bytes.write("usage: survey [-v] FILE\0cannot open %s: %s\0%zu sectors read\0", 124_000, "latin1");
  for (let i = 0; i < 400; i++) bytes.writeBigUInt64LE(BigInt(0x404000 + i * 16), 128_000 + i * 8);
  return bytes;
}

/** Bytes without pattern, as compressed files are. */
function archive() {
  const random = randomNumbers(0xa7c);
  const bytes = Buffer.alloc(128 * 1024);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random(256);
  bytes.write("ARC1", 0, "latin1");
  return bytes;
}
