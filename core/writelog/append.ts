// Where an existing log goes on: its superblock is read and every entry it counts is walked (filters reference, 3.4).
// Unlike the peer, entries with the kernel's METADATA flag are known, and payloads have to lie inside the log.
import { isPowerOfTwo, startsWith } from "../base/bytes.ts";
import { BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import {
  decodeEntry,
  decodeSuperblock,
  entryFlags,
  entryLength,
  knownFlags,
  logMagic,
  logVersion,
  maxSectorSize,
  minSectorSize,
  superblockLength,
} from "./layout.ts";

export interface LogEnd {
  readonly sectorSize: number;
  readonly entries: number;
  /** The sector of the log at which the next entry begins. */
  readonly position: number;
}

export const defaultSectorSize = 512;

/** Throws EINVAL for what is no log, EIO, ECORRUPT (an entry that can't be). An empty file is a log without entries. */
export async function findLogEnd(log: BlockNode): Promise<LogEnd> {
  if (log.size === 0) return { sectorSize: defaultSectorSize, entries: 0, position: 1 };
  const { sectorSize, entries } = await readSuperblock(log);
  let position = 1;
  for (let index = 0; index < entries; index++) {
    position += 1 + (await payloadSectors(log, position, sectorSize, index));
  }
  return { sectorSize, entries, position };
}

async function readSuperblock(log: BlockNode): Promise<{ sectorSize: number; entries: number }> {
  if (log.size < superblockLength) {
    throw new BlockError("EINVAL", `Could not read log superblock: the log has only ${log.size} bytes`);
  }
  const head = new Uint8Array(superblockLength);
  await log.read(0, head);
  if (!startsWith(head, logMagic)) {
    throw new BlockError("EINVAL", "Invalid log superblock magic", {
      offset: 0,
      length: 8,
      hint: "This is no log, or its writer ended before the first superblock. Leave out log-append to begin anew.",
    });
  }
  const { version, entries, sectorSize } = decodeSuperblock(head);
  if (version !== logVersion)
    throw new BlockError("EINVAL", `Unsupported log version ${version ?? "beyond 2^53"}`);
  if (!isPowerOfTwo(sectorSize, minSectorSize, maxSectorSize)) {
    throw new BlockError("EINVAL", `Invalid log sector size ${sectorSize}`);
  }
  // Every entry takes a sector: more of them than the log has sectors can't be.
  if (entries === undefined || entries > log.size / sectorSize) {
    const message = `The superblock counts ${entries ?? "more than 2^53"} entries; the log has ${log.size} bytes`;
    throw new BlockError("ECORRUPT", message, { offset: 16, length: 8 });
  }
  return { sectorSize, entries };
}

async function payloadSectors(
  log: BlockNode,
  position: number,
  sectorSize: number,
  index: number,
): Promise<number> {
  const at = position * sectorSize;
  if (at + entryLength > log.size) {
    throw new BlockError("ECORRUPT", `Log entry ${index} would lie past the end of the log at ${log.size}`, {
      offset: at,
      length: entryLength,
    });
  }
  const bytes = new Uint8Array(entryLength);
  await log.read(at, bytes);
  const { flags = 0, sectorCount } = decodeEntry(bytes);
  if (flags > knownFlags) {
    throw new BlockError("EINVAL", `Invalid flags 0x${flags.toString(16)} in log entry ${index}`, {
      offset: at,
    });
  }
  // Flags are at most 31 here: no bit is lost.
  if ((flags & entryFlags.discard) !== 0) return 0;
  if (sectorCount === undefined || at + (1 + sectorCount) * sectorSize > log.size) {
    throw new BlockError("ECORRUPT", `The data of log entry ${index} would reach past the end of the log`, {
      offset: at,
      length: entryLength,
    });
  }
  return sectorCount;
}
