// The snapshot table written anew, with the extra data that version 3 asks for in every entry: they say what readers take
// for granted where they are missing. Of a table that is damaged the entries that can be had stay, without the extra data
// that no program reads; where they are in order, and only fewer than the header says, it is the header that changes.
// Specification: qcow2, "Snapshots".
import { u32be } from "../../base/bytes.ts";
import type { RepairRisk } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import { lossOf } from "./checkOthers.ts";
import { readPadded } from "./header.ts";
import { limits, type Qcow2Header, snapshotEntryLength } from "./layout.ts";
import { isDoubtful, type Qcow2Snapshot, type SnapshotFault } from "./snapshots.ts";

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
    entries.push(withKnownExtra(bytes, snapshot));
  }
  return Buffer.concat(entries);
}

function withKnownExtra(bytes: Uint8Array, snapshot: Qcow2Snapshot): Uint8Array {
  const { idLength, nameLength, vmStateSize, diskSize, extraLength } = snapshot;
  if (extraLength >= leastExtra && extraLength <= limits.snapshotExtra) return bytes;
  const isCut = extraLength > limits.snapshotExtra;
  const extra = isCut ? limits.snapshotExtra : givenExtra;
  const names = bytes.subarray(snapshotEntryLength + u32be(bytes, 36)).subarray(0, idLength + nameLength);
  const entry = new Uint8Array(Math.ceil((snapshotEntryLength + extra + names.length) / 8) * 8);
  entry.set(bytes.subarray(0, snapshotEntryLength + (isCut ? extra : 0)));
  const view = new DataView(entry.buffer);
  view.setUint32(36, extra);
  entry.set(names, snapshotEntryLength + extra);
  if (isCut) return entry;
  view.setBigUint64(40, BigInt(vmStateSize));
  view.setBigUint64(48, BigInt(diskSize));
  view.setBigUint64(56, noCount);
  return entry;
}

/** What is wrong with a table that is written anew, and what that changes. */
export interface SnapshotMending {
  readonly snapshots: readonly Qcow2Snapshot[];
  /** How many of them lack what version 3 asks for. */
  readonly incomplete: number;
  readonly faults: readonly SnapshotFault[];
}

/** Whether entries have to change, and not just their number. */
export const needsTable = ({ snapshots, incomplete, faults }: SnapshotMending): boolean =>
  snapshots.length > 0 && (incomplete > 0 || faults.some(({ kind }) => kind === "extra"));

/** Corruptions that the peer counts. */
export function snapshotAnswers({ incomplete, faults }: SnapshotMending): number {
  return faults.reduce((sum, fault) => sum + answersOf(fault), incomplete);
}

function answersOf({ kind, lost, stored }: SnapshotFault): number {
  if (kind === "too-many") return stored - limits.snapshots;
  return kind === "too-long" ? lost : 1;
}

/** Whether entries that there should be are not there any more afterwards. */
const losesSnapshots = ({ faults }: SnapshotMending): boolean => faults.some(({ lost }) => lost > 0);

/** Whether it may be that snapshots can't be found any more afterwards. */
export const mayLoseSnapshots = (mending: SnapshotMending): boolean =>
  losesSnapshots(mending) || mending.snapshots.some(isDoubtful);

/** What stands against taking the entries for those of snapshots; nothing of a table in order. */
export function doubtsOf(snapshots: readonly Qcow2Snapshot[]): readonly string[] {
  const first = snapshots.findIndex(isDoubtful);
  if (first < 0) return [];
  const why = "its entries may be read from where there are none, and what its snapshots use is not known";
  return [`Entry ${first} of the snapshot table has no id that a snapshot can have: ${why}`];
}

/** Extra data that is cut off is in the undo journal alone then. */
export function snapshotRisk(mending: SnapshotMending): RepairRisk {
  if (mayLoseSnapshots(mending)) return "may-lose-data";
  return mending.faults.length > 0 ? "cannot-be-undone-elsewhere" : "safe";
}

/** Sentences for the person who chooses it. */
export function snapshotWords(mending: SnapshotMending): {
  readonly problem: string;
  readonly effect: string;
} {
  const { snapshots, incomplete, faults } = mending;
  const lacking = `${incomplete === 1 ? "1 entry" : `${incomplete} entries`} of the snapshot table lack what version 3 asks for`;
  const problems = [...faults.slice(0, mostFaults).map(lossOf), ...(incomplete > 0 ? [lacking] : [])];
  if (faults.length > mostFaults)
    problems.push(`${faults.length - mostFaults} further entries are like that`);
  const anew = needsTable(mending)
    ? "the table is written anew at the end of the file"
    : "the header says how many there are";
  problems.push(...doubtsOf(snapshots));
  if (!mayLoseSnapshots(mending)) {
    return { problem: problems.join("; "), effect: `Nothing reads differently; ${anew}.` };
  }
  if (!losesSnapshots(mending)) {
    return {
      problem: problems.join("; "),
      effect: `The disk reads the same; ${anew} with the entries as they read now, and others can't be found then.`,
    };
  }
  if (snapshots.length === 0) {
    return { problem: problems.join("; "), effect: "The disk reads the same; all snapshots are given up." };
  }
  const stay =
    snapshots.length === 1
      ? "the one snapshot that can be found stays"
      : `the ${snapshots.length} snapshots that can be found stay`;
  const kept = `${stay}, all others are given up, and ${anew}`;
  return { problem: problems.join("; "), effect: `The disk reads the same; ${kept}.` };
}

/** Faults that a sentence names. */
const mostFaults = 3;

/** The header's fields of a table of so many entries. */
export function snapshotField(count: number, offset: number): Uint8Array {
  const field = new Uint8Array(12);
  const view = new DataView(field.buffer);
  view.setUint32(0, count);
  view.setBigUint64(4, BigInt(offset));
  return field;
}
