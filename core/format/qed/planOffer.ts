// What can be mended in a QED image, item by item, and the script of chosen items. Beyond the peer's repair, clusters
// with two users are copied to the end of the file for the later one, so that both keep what they read.
import { hex } from "../../base/bytes.ts";
import { formatSize } from "../../base/units.ts";
import { compactItem } from "../../block/compact.ts";
import type { ByteRange, ItemWrite, OfferedRepair, RepairOffer, RepairScript } from "../../block/finding.ts";
import type { BlockNode } from "../../block/node.ts";
import {
  chosenItems,
  type EarlierRepairs,
  type GaveUp,
  itemsById,
  type LeakDoubt,
  offeredLeaks,
} from "../../block/offered.ts";
import type { RepairJob } from "../../block/repair.ts";
import { faultOf } from "./check.ts";
import { readHeader } from "./header.ts";
import { type QedHeader, tableEntries } from "./layout.ts";
import { clearBit } from "./plan.ts";
import { type EntryRun, type MovedTable, type QedScan, scanForRepair } from "./planScan.ts";

const entryLength = 8;
/** Items that one may depend on: nobody chooses among more, and in hostile images each would need all others. */
const mostNeeds = 64;
export const trimId = "trim";
export const dirtyId = "clear-dirty-bit";
/** No item to be chosen: it goes with any. */
const autoclearId = "clear-autoclear-bits";
const autoclearOffset = 32;

/** An item, and what it does once the place of its copies is known. */
interface Draft {
  readonly item: OfferedRepair;
  readonly run?: EntryRun;
  readonly table?: MovedTable;
}

/** `file` is the image's file. Changes nothing. Throws what reading the header and the L1 table throws, ECANCELED. */
export async function offerQedRepair(
  file: BlockNode,
  hasBacking: boolean,
  job: RepairJob = {},
  earlier?: EarlierRepairs,
): Promise<RepairOffer> {
  const header = await readHeader(file);
  const scan = await scanForRepair(file, header, job);
  const all = withNeeds(scan, draftsOf(scan, hasBacking));
  const drafts = withDefaults(withoutTangled(all));
  const unmended = [...scan.unreadable, ...tangledOf(all.length - drafts.length)];
  const bit = clearBit(header);
  const isMended = unmended.length === 0 && scan.dropped === 0;
  // What a table that can't be read refers to looks as if nothing used it.
  // Of the header only features change: all else that a repair writes in place are entries, behind it.
  const isEntry: GaveUp = ({ offset }) => offset >= scan.bounds.dataStart;
  const doubt =
    all.length > 0 || !isMended ? "broken" : (await earlier?.gaveUp(isEntry)) ? "earlier" : undefined;
  const trim = trimItem(scan, doubt);
  const dirty = bit && isMended ? dirtyItem(bit.offset, drafts) : undefined;
  const items = [...drafts.map(({ item }) => item), ...(trim ? [trim] : []), ...(dirty ? [dirty] : [])];
  const byId = itemsById(items);
  return {
    fileSize: scan.fileSize,
    items,
    dropped: scan.dropped,
    unmended,
    leaks: scan.leaks,
    leaked: scan.leaked,
    leakedRanges: scan.leakedRanges,
    script(ids) {
      const chosen = chosenItems(byId, ids);
      const script = new Script(scan, chosen.has(trimId) ? scan.usedEnd : undefined);
      for (const draft of drafts) if (chosen.has(draft.item.id)) script.add(draft);
      const last = bit && chosen.has(dirtyId) ? { ...bit, item: dirtyId } : undefined;
      return script.finish([...chosen], last);
    },
  };
}

function draftsOf(scan: QedScan, hasBacking: boolean): Draft[] {
  const reads = hasBacking ? "reads from the backing file" : "reads as zeroes";
  return [
    ...scan.runs.map((run) => ({ item: runItem(scan, run, reads), run })),
    ...scan.moved.map((table) => ({ item: tableItem(scan, table, reads), table })),
    ...scan.tooLarge.map(({ l1Index, offset }) => ({
      item: takenItem(scan, l1Index, offset, reads),
      run: {
        kind: "clear" as const,
        l1Index: undefined,
        table: scan.header.l1Offset,
        first: l1Index,
        values: [BigInt(offset)],
      },
    })),
  ];
}

function runItem(scan: QedScan, run: EntryRun, reads: string): OfferedRepair {
  const { clusterSize } = scan.header;
  const file = { offset: run.table + run.first * entryLength, length: run.values.length * entryLength };
  const guest = run.kind === "clear" ? guestOf(scan.header, run) : [];
  const isClear = run.kind === "clear";
  return compactItem({
    id: `${isClear ? "clear" : "copy"}:${hex(file.offset)}`,
    action: isClear ? "clear-entry" : "copy-cluster",
    problem: `${nameOf(run)} ${run.values.length === 1 ? "is" : "begin with"} ${hex(run.values[0] ?? 0n)}: ${whyOf(scan, run)}`,
    effect: isClear
      ? clearEffect(guest, reads)
      : "Nothing reads differently; each user has a cluster of its own then.",
    guest,
    risk: isClear ? "cannot-be-undone-elsewhere" : "safe",
    needs: [],
    isDefault: true,
    file,
    grows: isClear ? 0 : run.values.length * clusterSize,
  });
}

/** Why the first entry is wrong. */
function whyOf({ header, bounds }: QedScan, { kind, l1Index, values: [value = 0n] }: EntryRun): string {
  if (kind === "copy") return "the cluster there has another user";
  const size = l1Index === undefined ? header.tableSize * header.clusterSize : header.clusterSize;
  return faultOf(Number(value & 0xffffffffn), Number(value >> 32n), size, bounds).why;
}

function tableItem({ header }: QedScan, { l1Index, offset, runs }: MovedTable, reads: string): OfferedRepair {
  const copies = runs
    .filter(({ kind }) => kind === "copy")
    .reduce((sum, { values }) => sum + values.length, 0);
  const guest = runs.filter(({ kind }) => kind === "clear").flatMap((run) => guestOf(header, run));
  const file = { offset: header.l1Offset + l1Index * entryLength, length: entryLength };
  return {
    id: `table:${hex(file.offset)}`,
    action: "copy-table",
    problem: `L1[${l1Index}] is ${hex(offset)}: another table is there as well`,
    effect:
      guest.length > 0
        ? clearEffect(guest, reads)
        : "Nothing reads differently; the table has clusters of its own then.",
    guest,
    risk: guest.length > 0 ? "cannot-be-undone-elsewhere" : "safe",
    needs: [],
    isDefault: true,
    file,
    grows: (header.tableSize + copies) * header.clusterSize,
  };
}

function takenItem({ header }: QedScan, l1Index: number, offset: number, reads: string): OfferedRepair {
  const file = { offset: header.l1Offset + l1Index * entryLength, length: entryLength };
  const guest = guestRange(header, l1Index * tableEntries(header), tableEntries(header));
  const size = formatSize(guest.reduce((sum, { length }) => sum + length, 0));
  return {
    id: `clear:${hex(file.offset)}`,
    action: "clear-entry",
    problem: `L1[${l1Index}] is ${hex(offset)}: another table is there as well, and too much would have to be copied`,
    effect: `${size} that can be read now ${reads} then.`,
    guest,
    risk: "may-lose-data",
    needs: [],
    isDefault: false,
    file,
    grows: 0,
  };
}

function trimItem({ usedEnd, bounds, fileSize }: QedScan, doubt: LeakDoubt): OfferedRepair | undefined {
  if (usedEnd >= bounds.fileEnd) return undefined;
  const length = fileSize - usedEnd;
  return {
    id: trimId,
    action: "trim",
    problem: `${formatSize(length)} at the end of the file, from ${hex(usedEnd)} on, are not used by anything`,
    ...offeredLeaks("Nothing reads differently", doubt, "the file becomes shorter."),
    guest: [],
    needs: [],
    file: { offset: usedEnd, length },
    grows: 0,
  };
}

function dirtyItem(offset: number, drafts: readonly Draft[]): OfferedRepair {
  return {
    id: dirtyId,
    action: "clear-dirty-bit",
    problem: "The image is marked as not properly closed",
    effect: "Nothing reads differently; programs that open the image do not check it first.",
    guest: [],
    risk: "safe",
    needs: drafts.map(({ item }) => item.id),
    isDefault: drafts.every(({ item }) => item.isDefault),
    file: { offset, length: entryLength },
    grows: 0,
  };
}

function nameOf({ l1Index, first, values }: EntryRun): string {
  const last = first + values.length - 1;
  const index = values.length === 1 ? `[${first}]` : `[${first}..${last}]`;
  return l1Index === undefined ? `L1${index}` : `L1[${l1Index}] -> L2${index}`;
}

function clearEffect(guest: readonly ByteRange[], reads: string): string {
  const [first] = guest;
  if (!first) return "Nothing in the image changes: what is cleared lies behind its end.";
  const size = formatSize(guest.reduce((sum, { length }) => sum + length, 0));
  const where = guest.length === 1 ? "at" : `in ${guest.length} ranges from`;
  return `${size} ${where} guest offset ${first.offset} ${reads}; until now it can't be read.`;
}

function guestOf(header: QedHeader, { l1Index, first, values }: EntryRun): ByteRange[] {
  const entries = tableEntries(header);
  return l1Index === undefined
    ? guestRange(header, first * entries, values.length * entries)
    : guestRange(header, l1Index * entries + first, values.length);
}

/** As far as it lies in the image. */
function guestRange({ clusterSize, imageSize }: QedHeader, firstCluster: number, count: number): ByteRange[] {
  const offset = firstCluster * clusterSize;
  const length = Math.min(count * clusterSize, imageSize - offset);
  return length > 0 ? [{ offset, length }] : [];
}

/**
 * A table that others read as data or as another table may be changed only when these have moved out: else they would
 * read the change.
 */
function withNeeds(scan: QedScan, drafts: readonly Draft[]): Draft[] {
  const { clusterSize, tableSize } = scan.header;
  const leavers = new Map<number, Set<string>>();
  const leave = (cluster: number, id: string) => {
    if (!scan.isTable(cluster)) return;
    const known = leavers.get(cluster) ?? new Set();
    leavers.set(cluster, known.add(id));
  };
  const leaveRun = ({ kind, values }: EntryRun, id: string) => {
    if (kind === "copy") for (const value of values) leave(Number(value) / clusterSize, id);
  };
  for (const { item, run, table } of drafts) {
    if (run) leaveRun(run, item.id);
    if (!table) continue;
    for (let i = 0; i < tableSize; i++) leave(table.offset / clusterSize + i, item.id);
    for (const inside of table.runs) leaveRun(inside, item.id);
  }
  for (const { l1Index, offset } of scan.tooLarge) {
    const id = `clear:${hex(scan.header.l1Offset + l1Index * entryLength)}`;
    for (let i = 0; i < tableSize; i++) leave(offset / clusterSize + i, id);
  }
  return drafts.map((draft) => {
    const { item } = draft;
    const needs = new Set<string>();
    // More are of no interest, and there may be a hundred thousand for each of a hundred thousand items.
    const end = item.file.offset + item.file.length;
    for (let at = item.file.offset; at < end; at = (Math.floor(at / clusterSize) + 1) * clusterSize) {
      for (const id of leavers.get(Math.floor(at / clusterSize)) ?? []) {
        if (id !== item.id) needs.add(id);
        if (needs.size > mostNeeds) break;
      }
    }
    return needs.size === 0 ? draft : { ...draft, item: { ...item, needs: [...needs] } };
  });
}

/** Leaves out items that need too many others, and those that need one of these. */
function withoutTangled(drafts: readonly Draft[]): readonly Draft[] {
  const tangled = withDependents(drafts, ({ needs }) => needs.length > mostNeeds);
  return drafts.filter(({ item }) => !tangled.has(item.id));
}

/** An item that needs one which is not chosen by default is not either, and so on. */
function withDefaults(drafts: readonly Draft[]): Draft[] {
  const left = withDependents(drafts, ({ isDefault }) => !isDefault);
  return drafts.map((draft) =>
    left.has(draft.item.id) ? { ...draft, item: { ...draft.item, isDefault: false } } : draft,
  );
}

/** The ids of such items, of those that need one of them, and so on. */
function withDependents(drafts: readonly Draft[], isSuch: (item: OfferedRepair) => boolean): Set<string> {
  const neededBy = new Map<string, string[]>();
  for (const { item } of drafts) {
    for (const need of item.needs) {
      const known = neededBy.get(need);
      if (known) known.push(item.id);
      else neededBy.set(need, [item.id]);
    }
  }
  const found = new Set(drafts.flatMap(({ item }) => (isSuch(item) ? [item.id] : [])));
  // A set is walked to its end, also over what is added meanwhile.
  for (const id of found) for (const other of neededBy.get(id) ?? []) found.add(other);
  return found;
}

function tangledOf(count: number): string[] {
  if (count === 0) return [];
  const what = count === 1 ? "1 place" : `${count} places`;
  return [`${what} in tables that more than ${mostNeeds} other entries use as well`];
}

/** Gives copies their places, one behind the other. */
class Script {
  readonly #header: QedHeader;
  readonly #oldSize: number;
  readonly #fileEnd: number;
  readonly #trimTo: number | undefined;
  readonly #copies: { from: number; to: number; length: number }[] = [];
  readonly #patches: { offset: number; newBytes: Uint8Array }[] = [];
  readonly #writes: ItemWrite[] = [];
  readonly #places: { item: string; offset: number; length: number }[] = [];
  #end: number;

  constructor({ header, fileSize, bounds }: QedScan, trimTo: number | undefined) {
    this.#header = header;
    this.#oldSize = fileSize;
    this.#fileEnd = bounds.fileEnd;
    this.#trimTo = trimTo;
    this.#end = trimTo ?? bounds.fileEnd;
  }

  add(draft: Draft): void {
    const start = this.#end;
    this.#change(draft);
    if (this.#end > start)
      this.#places.push({ item: draft.item.id, offset: start, length: this.#end - start });
  }

  #change({ item, run, table }: Draft): void {
    if (run) {
      const offset = run.table + run.first * entryLength;
      this.#writes.push({
        item: item.id,
        offset,
        oldBytes: encode(run.values),
        newBytes: this.#newValues(run),
      });
    }
    if (!table) return;
    const { clusterSize, tableSize, l1Offset } = this.#header;
    const to = this.#copy(table.offset, tableSize * clusterSize);
    for (const inside of table.runs) {
      this.#patches.push({ offset: to + inside.first * entryLength, newBytes: this.#newValues(inside) });
    }
    this.#writes.push({
      item: item.id,
      offset: l1Offset + table.l1Index * entryLength,
      oldBytes: encode([BigInt(table.offset)]),
      newBytes: encode([BigInt(to)]),
    });
  }

  finish(items: readonly string[], last: ItemWrite | undefined): RepairScript {
    const cuts = this.#trimTo !== undefined || this.#copies.length > 0;
    const cutSize = cuts ? (this.#trimTo ?? this.#fileEnd) : this.#oldSize;
    const newSize = this.#copies.length > 0 ? this.#end : cutSize;
    return {
      items,
      oldSize: this.#oldSize,
      cutSize,
      newSize,
      copies: this.#copies,
      patches: this.#patches,
      writes: items.length > 0 ? [...this.#writes, ...this.#autoclear()] : this.#writes,
      last,
      places: this.#places,
    };
  }

  /** Whoever writes without knowing these features takes their bits away (QED specification, "Header"). */
  #autoclear(): ItemWrite[] {
    const { autoclearFeatures } = this.#header;
    if (autoclearFeatures === 0n) return [];
    const [oldBytes, newBytes] = [encode([autoclearFeatures]), encode([0n])];
    return [{ item: autoclearId, offset: autoclearOffset, oldBytes, newBytes }];
  }

  #newValues({ kind, values }: EntryRun): Uint8Array {
    if (kind === "clear") return new Uint8Array(values.length * entryLength);
    return encode(values.map((from) => BigInt(this.#copy(Number(from), this.#header.clusterSize))));
  }

  #copy(from: number, length: number): number {
    const to = this.#end;
    const before = this.#copies.at(-1);
    if (before && before.from + before.length === from) before.length += length;
    else this.#copies.push({ from, to, length });
    this.#end += length;
    return to;
  }
}

/** A view of each array would give each memory of its own outside the heap, 100,000 times. */
const oneEntry = new Uint8Array(entryLength);
const entryView = new DataView(oneEntry.buffer);

function encode(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * entryLength);
  for (const [i, value] of values.entries()) {
    entryView.setBigUint64(0, value, true);
    bytes.set(oneEntry, i * entryLength);
  }
  return bytes;
}
