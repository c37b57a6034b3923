// Internal snapshots: the table that lists them, and how one is named. Specification: qcow2, "Snapshots".
import { big64be, u16be, u32be, u64be } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode, SnapshotInfo } from "../../block/node.ts";
import { readPadded } from "./header.ts";
import {
  checkedTable,
  limits,
  type Qcow2Header,
  type SnapshotPlaceFault,
  snapshotEntryLength,
  type TablePlace,
} from "./layout.ts";

export interface Qcow2Snapshot extends SnapshotInfo {
  /** The entry in the file, with its padding. */
  readonly offset: number;
  readonly length: number;
  readonly idLength: number;
  readonly nameLength: number;
  readonly extraLength: number;
  /** Where its L1 table is said to be; not validated before it is used. */
  readonly l1: { readonly offset: bigint; readonly entries: number };
}

/** Why a snapshot table is not what it has to be. */
export interface SnapshotFault {
  /** extra: entries with more extra data than any program makes; too-long: the table reaches too far. */
  readonly kind: SnapshotPlaceFault["kind"] | "extra" | "too-long";
  readonly error: BlockError;
  /** The entry it was found at, where it is one. */
  readonly entry?: number;
  /** What is stored: of extra how long that is, else how many entries there should be. */
  readonly stored: number;
  /** Entries that there should be from there on and that can't be had. */
  readonly lost: number;
}

export interface SnapshotTableRead {
  /** Entries that can be had. */
  readonly snapshots: readonly Qcow2Snapshot[];
  /** In the order in which they were found. */
  readonly faults: readonly SnapshotFault[];
}

type SnapshotsOf = Pick<Qcow2Header, "snapshots" | "size" | "clusterSize">;

/**
 * All entries. Throws EFBIG for a table or an entry that is larger than any program makes it, EIO. The file may end
 * inside the table: what is missing reads as zeroes.
 */
export async function readSnapshots(file: BlockNode, header: SnapshotsOf): Promise<readonly Qcow2Snapshot[]> {
  const { snapshots, faults } = await inspectSnapshots(file, header);
  const [fault] = faults;
  if (fault !== undefined) throw fault.error;
  return snapshots;
}

/** The entries that can be had of a table that may be damaged, and what is wrong with it. Throws EIO. */
export async function inspectSnapshots(file: BlockNode, header: SnapshotsOf): Promise<SnapshotTableRead> {
  const { offset: table, count, fault } = header.snapshots;
  if (fault?.kind === "misplaced") {
    return { snapshots: [], faults: [{ ...fault, lost: fault.stored }] };
  }
  const snapshots: Qcow2Snapshot[] = [];
  const faults: SnapshotFault[] = [];
  const reader = new ClusterReader(file, table, header.clusterSize);
  let at = table;
  for (let index = 0; index < count; index++) {
    const fixed = await reader.bytes(at, snapshotEntryLength);
    const extra = u32be(fixed, 36);
    if (fault !== undefined && !canBeSnapshot(fixed, header.clusterSize)) break;
    if (extra > limits.snapshotExtra) {
      const words = `Too much extra metadata in snapshot table entry ${index}`;
      const why = `it has ${extra} bytes, at most ${limits.snapshotExtra} are known`;
      faults.push({
        kind: "extra",
        error: tooLarge(words, why, at + 36, "this extra metadata"),
        entry: index,
        stored: extra,
        lost: 0,
      });
    }
    const length = entryLength(fixed);
    if (at + length - table > limits.snapshotTable) {
      const why = `it has more than ${limits.snapshotTable} bytes`;
      const given = `all ${count - index} overhanging snapshots`;
      const error = tooLarge("Snapshot table is too big", why, at, given);
      faults.push({ kind: "too-long", error, entry: index, stored: count, lost: count - index });
      break;
    }
    snapshots.push(parseEntry(await reader.bytes(at, length), at, header.size));
    at += length;
  }
  if (fault === undefined) return { snapshots, faults };
  return { snapshots, faults: [{ ...fault, lost: fault.stored - snapshots.length }, ...faults] };
}

/** Where a table says that it has more entries than it can have, most of them are none: they have no id, or no L1 table. */
function canBeSnapshot(fixed: Uint8Array, clusterSize: number): boolean {
  const isPlaced = big64be(fixed, 0) % BigInt(clusterSize) === 0n;
  return u16be(fixed, 12) > 0 && isPlaced && u32be(fixed, 8) * 8 <= limits.l1Table;
}

/**
 * Whether this is read from where no entry is, as all are behind one with a wrong length: no program gives a snapshot an
 * empty id, or a name with a zero byte. What the snapshots of such a table use is not known.
 */
export function isDoubtful({ id, name }: SnapshotInfo): boolean {
  return id === "" || id.includes("\0") || name.includes("\0");
}

/** Bytes of a table one after the other, of whole clusters that it has: nothing behind them is read. */
class ClusterReader {
  readonly #file: BlockNode;
  readonly #clusterSize: number;
  #window = new Uint8Array();
  #windowAt: number;

  constructor(file: BlockNode, at: number, clusterSize: number) {
    this.#file = file;
    this.#clusterSize = clusterSize;
    this.#windowAt = at;
  }

  /** `at` is never before one asked for earlier. */
  async bytes(at: number, length: number): Promise<Uint8Array> {
    const end = this.#windowAt + this.#window.length;
    if (at + length > end) {
      const kept = this.#window.subarray(Math.min(this.#window.length, at - this.#windowAt));
      const from = end - kept.length;
      const more = Math.ceil((at + length - end) / this.#clusterSize) * this.#clusterSize;
      this.#window = new Uint8Array(kept.length + more);
      this.#window.set(kept);
      this.#windowAt = from;
      await readPadded(this.#file, end, this.#window.subarray(kept.length));
    }
    return this.#window.subarray(at - this.#windowAt, at - this.#windowAt + length);
  }
}

/** Bytes of an entry with its padding, by its fixed fields. */
function entryLength(fixed: Uint8Array): number {
  return Math.ceil((snapshotEntryLength + u32be(fixed, 36) + u16be(fixed, 12) + u16be(fixed, 14)) / 8) * 8;
}

/** `bytes`: one entry with its padding, which lies at `offset`; `size`: of the disk where the entry does not say. */
export function parseEntry(bytes: Uint8Array, offset: number, size: number): Qcow2Snapshot {
  const extraLength = u32be(bytes, 36);
  const idLength = u16be(bytes, 12);
  const nameLength = u16be(bytes, 14);
  const idAt = snapshotEntryLength + extraLength;
  const text = (at: number, length: number) => new TextDecoder().decode(bytes.subarray(at, at + length));
  return {
    offset,
    length: bytes.length,
    idLength,
    nameLength,
    extraLength,
    id: text(idAt, idLength),
    name: text(idAt + idLength, nameLength),
    dateSeconds: u32be(bytes, 16),
    dateNanoseconds: u32be(bytes, 20),
    vmClockSeconds: Number(big64be(bytes, 24) / 1_000_000_000n),
    vmClockNanoseconds: Number(big64be(bytes, 24) % 1_000_000_000n),
    vmStateSize: extraLength >= 8 ? Number(big64be(bytes, 40)) : u32be(bytes, 32),
    diskSize: extraLength >= 16 ? (u64be(bytes, 48) ?? Number.MAX_SAFE_INTEGER) : size,
    ...(extraLength >= 24 && !isNoCount(bytes) && { icount: Number(big64be(bytes, 56)) }),
    l1: { offset: big64be(bytes, 0), entries: u32be(bytes, 8) },
  };
}

const isNoCount = (bytes: Uint8Array) => big64be(bytes, 56) === 0xffff_ffff_ffff_ffffn;

/** `given`: what a repair gives up. */
function tooLarge(words: string, why: string, offset: number, given: string): BlockError {
  const hint = `blkscope check -r all gives up ${given}.`;
  const context = { offset, length: 8, hint, peer: { message: words, hint: removalOffer(given) } };
  return new BlockError("EFBIG", `${words}: ${why}`, context);
}

/** The peer's line on what a repair gives up. */
export function removalOffer(what: string): string {
  return `You can force-remove ${what} with qemu-img check -r all`;
}

/** By id first, then by name. Throws ENOENT. */
export function snapshotNamed(list: readonly Qcow2Snapshot[], wanted: string): Qcow2Snapshot {
  const found = list.find(({ id }) => id === wanted) ?? list.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const most = 20;
  const names = list.slice(0, most).map(({ id, name }) => `${id} (${name})`);
  const more = list.length > most ? ` and ${list.length - most} more` : "";
  throw new BlockError("ENOENT", `The image has no snapshot '${wanted}'`, {
    option: "snapshot",
    hint: list.length === 0 ? "It has none at all." : `It has ${names.join(", ")}${more}.`,
    peer: { message: `Can't find snapshot '${wanted}'` },
  });
}

/** The L1 table of a snapshot. Throws EFBIG, ECORRUPT. */
export function snapshotL1({ l1, offset: at }: Qcow2Snapshot, clusterSize: number): TablePlace {
  const table = { name: "Snapshot L1 table", bytes: l1.entries * 8, most: limits.l1Table };
  return { offset: checkedTable({ ...table, offset: l1.offset, clusterSize, at }), entries: l1.entries };
}
