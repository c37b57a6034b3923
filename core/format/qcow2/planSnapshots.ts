// The snapshot table written anew, with the extra data that version 3 asks for in every entry: they say what readers take
// for granted where they are missing. Specification: qcow2, "Snapshots".
import { u32be } from "../../base/bytes.ts";
import type { BlockNode } from "../../block/node.ts";
import { readPadded } from "./header.ts";
import { type Qcow2Header, snapshotEntryLength } from "./layout.ts";
import type { Qcow2Snapshot } from "./snapshots.ts";

/** Bytes of extra data that version 3 asks for, and that entries are given here. */
const leastExtra = 16;
const givenExtra = 24;
const noCount = 0xffff_ffff_ffff_ffffn;

/** Those that have less than version 3 asks for. */
export function incompleteSnapshots(
  header: Qcow2Header,
  snapshots: readonly Qcow2Snapshot[],
): readonly Qcow2Snapshot[] {
  return header.version < 3 ? [] : snapshots.filter(({ extraLength }) => extraLength < leastExtra);
}

/** The bytes of the whole table. Throws EIO. */
export async function completeSnapshotTable(
  file: BlockNode,
  snapshots: readonly Qcow2Snapshot[],
): Promise<Uint8Array> {
  const entries: Uint8Array[] = [];
  for (const snapshot of snapshots) {
    const bytes = new Uint8Array(snapshot.length);
    await readPadded(file, snapshot.offset, bytes);
    entries.push(snapshot.extraLength < leastExtra ? completed(bytes, snapshot) : bytes);
  }
  return Buffer.concat(entries);
}

function completed(bytes: Uint8Array, snapshot: Qcow2Snapshot): Uint8Array {
  const { idLength, nameLength, vmStateSize, diskSize } = snapshot;
  const names = bytes.subarray(snapshotEntryLength + u32be(bytes, 36)).subarray(0, idLength + nameLength);
  const length = Math.ceil((snapshotEntryLength + givenExtra + names.length) / 8) * 8;
  const entry = new Uint8Array(length);
  entry.set(bytes.subarray(0, snapshotEntryLength));
  const view = new DataView(entry.buffer);
  view.setUint32(36, givenExtra);
  view.setBigUint64(40, BigInt(vmStateSize));
  view.setBigUint64(48, BigInt(diskSize));
  view.setBigUint64(56, noCount);
  entry.set(names, snapshotEntryLength + givenExtra);
  return entry;
}
