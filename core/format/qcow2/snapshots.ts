// Internal snapshots: the table that lists them, and how one is named. Specification: qcow2, "Snapshots".
import { big64be, u16be, u32be, u64be } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode, SnapshotInfo } from "../../block/node.ts";
import { readPadded } from "./header.ts";
import { checkedTable, limits, type Qcow2Header, snapshotEntryLength, type TablePlace } from "./layout.ts";

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

/**
 * All entries. Throws EFBIG for a table or an entry that is larger than any program makes it, EIO. The file may end
 * inside the table: what is missing reads as zeroes.
 */
export async function readSnapshots(
  file: BlockNode,
  header: Pick<Qcow2Header, "snapshots" | "size" | "clusterSize">,
): Promise<readonly Qcow2Snapshot[]> {
  const { offset: table, count } = header.snapshots;
  const list: Qcow2Snapshot[] = [];
  const reader = new ClusterReader(file, table, header.clusterSize);
  let at = table;
  for (let index = 0; index < count; index++) {
    const fixed = await reader.bytes(at, snapshotEntryLength);
    const length = entryLength(fixed, at, index);
    if (at + length - table > limits.snapshotTable) {
      throw tooLarge("Snapshot table is too big", `it has more than ${limits.snapshotTable} bytes`, at);
    }
    list.push(parseEntry(await reader.bytes(at, length), at, header.size));
    at += length;
  }
  return list;
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
function entryLength(fixed: Uint8Array, offset: number, index: number): number {
  const extra = u32be(fixed, 36);
  if (extra > limits.snapshotExtra) {
    const words = `Too much extra metadata in snapshot table entry ${index}`;
    throw tooLarge(words, `it has ${extra} bytes, at most ${limits.snapshotExtra} are known`, offset + 36);
  }
  return Math.ceil((snapshotEntryLength + extra + u16be(fixed, 12) + u16be(fixed, 14)) / 8) * 8;
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

function tooLarge(words: string, why: string, offset: number): BlockError {
  const hint = "You can force-remove this extra metadata by updating the image via qemu-img check -r all";
  const context = { offset, length: 8, hint, peer: { message: words, hint } };
  return new BlockError("EFBIG", `${words}: ${why}`, context);
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
