// The snapshot table as it is written: always as a whole and to a new place. Entries that stay keep their bytes, whatever
// unknown things their extra data hold; those that have less of it than version 3 wants get what is known of them.
// Specification: qcow2, "Snapshots".
import { BlockError } from "../../../base/errors.ts";
import type { BlockNode } from "../../../block/node.ts";
import { readPadded } from "../header.ts";
import { limits, snapshotEntryLength, type TablePlace } from "../layout.ts";
import { parseEntry, type Qcow2Snapshot } from "../snapshots.ts";

/** VM state size of 64 bits, disk size, instructions counted. */
const extraLength = 24;
/** The peer cuts longer ones off, and never finds them again. */
const mostNameBytes = 255;

/** What a new snapshot of a disk without a machine consists of. */
export interface NewSnapshot {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly date: number;
  /** Guest bytes. */
  readonly diskSize: number;
  readonly l1: TablePlace;
}

/** Entries one behind the other, each at a multiple of 8, and where each is in it. */
export interface SnapshotTable {
  readonly bytes: Uint8Array;
  /** As they will be read when the table lies at `offset`. */
  at(offset: number): readonly Qcow2Snapshot[];
}

/** `diskSize` of an entry that has none. Throws EFBIG. */
export function snapshotTable(entries: readonly Uint8Array[], diskSize: number): SnapshotTable {
  const length = entries.reduce((sum, entry) => sum + entry.length, 0);
  if (length > limits.snapshotTable) {
    const message = `The snapshot table would be larger than the ${limits.snapshotTable} bytes there may be`;
    const hint = "Delete snapshots that are not needed any more.";
    throw new BlockError("EFBIG", message, { hint, peer: { message: "File too large" } });
  }
  const at = (offset: number) => {
    let place = offset;
    return entries.map((entry) => {
      const parsed = parseEntry(entry, place, diskSize);
      place += entry.length;
      return parsed;
    });
  };
  return { bytes: Buffer.concat(entries), at };
}

/** Throws EINVAL for a name that is too long or can't be stored. */
export function newEntry({ id, name, date, diskSize, l1 }: NewSnapshot): Uint8Array {
  const idBytes = new TextEncoder().encode(id);
  const nameBytes = nameOf(name);
  const idAt = snapshotEntryLength + extraLength;
  const entry = new Uint8Array(paddedLength(idAt + idBytes.length + nameBytes.length));
  const view = new DataView(entry.buffer);
  view.setBigUint64(0, BigInt(l1.offset));
  view.setUint32(8, l1.entries);
  view.setUint16(12, idBytes.length);
  view.setUint16(14, nameBytes.length);
  view.setUint32(16, Math.floor(date / 1000));
  view.setUint32(20, (date % 1000) * 1_000_000);
  view.setUint32(36, extraLength);
  view.setBigUint64(48, BigInt(diskSize));
  entry.set(idBytes, idAt);
  entry.set(nameBytes, idAt + idBytes.length);
  return entry;
}

/** Its entry says all that is known here to be said. */
export function isComplete(snapshot: Qcow2Snapshot): boolean {
  return snapshot.extraLength >= extraLength;
}

/** The entry of a snapshot that stays. Throws EIO. */
export async function keptEntry(file: BlockNode, snapshot: Qcow2Snapshot): Promise<Uint8Array> {
  const old = new Uint8Array(snapshot.length);
  await readPadded(file, snapshot.offset, old);
  if (isComplete(snapshot)) return old;
  const oldIdAt = snapshotEntryLength + snapshot.extraLength;
  const names = old.subarray(oldIdAt, oldIdAt + snapshot.idLength + snapshot.nameLength);
  const idAt = snapshotEntryLength + extraLength;
  const entry = new Uint8Array(paddedLength(idAt + names.length));
  entry.set(old.subarray(0, snapshotEntryLength));
  const view = new DataView(entry.buffer);
  view.setUint32(36, extraLength);
  view.setBigUint64(40, BigInt(snapshot.vmStateSize));
  view.setBigUint64(48, BigInt(snapshot.diskSize));
  // Not counted.
  view.setBigInt64(56, -1n);
  entry.set(names, idAt);
  return entry;
}

/** One above the highest number among the ids; of others the digits that they begin with count. */
export function nextId(snapshots: readonly Pick<Qcow2Snapshot, "id">[]): string {
  let highest = 0n;
  for (const { id } of snapshots) {
    const number = BigInt(/^\d+/.exec(id)?.[0] ?? 0);
    if (number > highest) highest = number;
  }
  return String(highest + 1n);
}

function nameOf(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  const refuse = (message: string) =>
    new BlockError("EINVAL", message, { peer: { message: "Invalid argument" } });
  if (bytes.length > mostNameBytes) {
    throw refuse(`A snapshot's name has at most ${mostNameBytes} bytes, this one has ${bytes.length}`);
  }
  if (bytes.includes(0)) throw refuse("A snapshot's name can't contain a NUL character");
  return bytes;
}

const paddedLength = (length: number) => Math.ceil(length / 8) * 8;
