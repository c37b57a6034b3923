// The guest's disk by the tables: the kinds of its clusters in their order, and the entry that speaks of one byte, wrong
// and unreadable ones as well.
import { BlockError } from "../../base/errors.ts";
import type { ClusterMarks } from "../../block/clusterMarks.ts";
import { type ByteRange, type GuestEntry, kindNumber, type Reference } from "../../block/structure.ts";
import {
  compressedPlace,
  entryKind,
  hasOffset,
  isCompressed,
  isCopied,
  kindOf,
  offsetOf,
  subclusterKind,
} from "./entry.ts";
import { readPadded } from "./header.ts";
import { guestRange, type Qcow2Header, subclustersPerCluster } from "./layout.ts";
import { type Root, rootsOf, type StructureSource } from "./parts.ts";
import { PieceReader } from "./pieces.ts";
import { bigEndianWords } from "./tables.ts";

const turnMs = 20;
const kind = {
  hole: kindNumber("hole"),
  zero: kindNumber("zero"),
  data: kindNumber("data"),
  compressed: kindNumber("compressed"),
  badEntry: kindNumber("bad-entry"),
  unreadable: kindNumber("unreadable"),
  overlap: kindNumber("overlap"),
};
/** What a cluster of the file may be that a guest's entry points to. */
const good = new Set((["data", "zero", "compressed", "snapshot"] as const).map(kindNumber));

/** The table of what the node shows: the disk as it is, or a snapshot. */
function shownRoot(source: StructureSource): Root {
  const [active, ...others] = rootsOf(source);
  const { shown } = source;
  const root = shown === undefined ? active : others.find(({ snapshot }) => snapshot?.id === shown.id);
  if (root === undefined) throw new BlockError("ECORRUPT", "The snapshot's L1 table can't be looked at");
  return root;
}

/** The worst kind of each `clusters` guest clusters. `marks`: of the clusters of the file. Throws ECANCELED. */
export async function guestKinds(
  source: StructureSource,
  marks: ClusterMarks,
  into: { readonly kinds: Uint8Array; readonly clusters: number },
  signal: AbortSignal,
): Promise<void> {
  into.kinds.fill(kind.hole);
  await new GuestPass(source, marks, into, signal).run();
}

class GuestPass {
  readonly #source: StructureSource;
  readonly #header: Qcow2Header;
  readonly #marks: ClusterMarks;
  readonly #kinds: Uint8Array;
  readonly #clusters: number;
  readonly #signal: AbortSignal;
  #lastTurn = performance.now();

  constructor(
    source: StructureSource,
    marks: ClusterMarks,
    { kinds, clusters }: { readonly kinds: Uint8Array; readonly clusters: number },
    signal: AbortSignal,
  ) {
    this.#source = source;
    this.#header = source.image.header;
    this.#marks = marks;
    this.#kinds = kinds;
    this.#clusters = clusters;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    const { file } = this.#source;
    const { l2Entries, clusterSize } = this.#header;
    const { table } = shownRoot(this.#source);
    const l2 = new PieceReader(file);
    await this.#reading(0, this.#kinds.length * this.#clusters, async () => {
      for await (const { halves, first } of new PieceReader(file).words(table)) {
        for (let at = 0; at < halves.length; at += 2) {
          const offset = offsetOf(halves[at] ?? 0, halves[at + 1] ?? 0);
          if (offset === 0) continue;
          const base = (first + at / 2) * l2Entries;
          if (base >= this.#kinds.length * this.#clusters) return;
          if (offset % clusterSize !== 0 || offset >= file.size)
            this.#worsenRun(base, l2Entries, kind.badEntry);
          else await this.#reading(base, l2Entries, () => this.#readTable(l2, base, offset));
          await this.#breathe();
        }
      }
    });
  }

  async #readTable(reader: PieceReader, base: number, offset: number): Promise<void> {
    const { l2Entries, l2EntryLength } = this.#header;
    const words = { offset, entries: (l2Entries * l2EntryLength) / 8 };
    const step = l2EntryLength / 4;
    for await (const { halves, first } of reader.words(words)) {
      const index = base + (first * 2) / step;
      for (let i = 0; i < halves.length; i += step) {
        if (halves[i] === 0 && halves[i + 1] === 0 && (step === 2 || halves[i + 2] === 0)) continue;
        const [high, low] = [halves[i] as number, halves[i + 1] as number];
        this.#worsen(index + i / step, this.#kindOf(high, low, step === 4 ? (halves[i + 2] as number) : 0));
      }
      await this.#breathe();
    }
  }

  #kindOf(high: number, low: number, zeroes: number): number {
    const { clusterSize, clusterBits, hasDataFile, l2EntryLength } = this.#header;
    if (isCompressed(high)) {
      const cluster = Math.floor(compressedPlace(high, low, clusterBits).offset / clusterSize);
      return this.#stored(cluster, kind.compressed);
    }
    const isZero = l2EntryLength === 8 && (low & 1) !== 0;
    if (!hasOffset(high, low) && !(hasDataFile && isCopied(high))) {
      return isZero || zeroes !== 0 ? kind.zero : kind.hole;
    }
    if (hasDataFile) return isZero ? kind.zero : kind.data;
    const cluster = offsetOf(high, low) / clusterSize;
    const isGood = Number.isInteger(cluster) && cluster < this.#marks.kinds.length;
    if (!isGood) return kind.badEntry;
    return this.#stored(cluster, isZero ? kind.zero : kind.data);
  }

  /** `asked` unless the cluster is something else as well. */
  #stored(cluster: number, asked: number): number {
    const stored = this.#marks.kinds[cluster];
    if (stored === undefined) return kind.badEntry;
    const held = this.#marks.held(cluster);
    if (!good.has(held)) return kind.overlap;
    return asked === kind.data || stored !== held ? stored : asked;
  }

  #worsen(cluster: number, to: number): void {
    const at = Math.floor(cluster / this.#clusters);
    if (at < this.#kinds.length && (this.#kinds[at] as number) < to) this.#kinds[at] = to;
  }

  #worsenRun(first: number, count: number, to: number): void {
    const end = Math.min(this.#kinds.length, Math.ceil((first + count) / this.#clusters));
    for (let at = Math.floor(first / this.#clusters); at < end; at++) {
      if ((this.#kinds[at] as number) < to) this.#kinds[at] = to;
    }
  }

  /** What can't be read makes its guest clusters unreadable. */
  async #reading(first: number, count: number, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (error) {
      if (error instanceof BlockError && error.code === "ECANCELED") throw error;
      this.#worsenRun(first, count, kind.unreadable);
    }
  }

  async #breathe(): Promise<void> {
    if (performance.now() - this.#lastTurn < turnMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurn = performance.now();
    if (this.#signal.aborted) throw new BlockError("ECANCELED", "The map was cancelled");
  }
}

/** The entry on which the way to a byte of the guest's disk ends. Wrong entries are an answer. Throws ECANCELED. */
export async function guestEntry(source: StructureSource, offset: number): Promise<GuestEntry> {
  const { header } = source.image;
  const { clusterSize, l2Entries, l2EntryLength } = header;
  const root = shownRoot(source);
  const guest = { clusterSize, size: root.size };
  const cluster = Math.floor(offset / clusterSize);
  const l1Index = Math.floor(cluster / l2Entries);
  const l1Entry: Reference = {
    by: `${root.prefix}L1[${l1Index}]`,
    offset: root.table.offset + l1Index * 8,
    length: 8,
    ...guestRange(guest, l1Index * l2Entries, l2Entries),
  };
  const nothing = (what: GuestEntry["kind"], entry: Reference) => ({
    kind: what,
    entry,
    fileOffset: undefined,
  });
  // The table of a snapshot may be shorter than its disk.
  if (l1Index >= root.table.entries) return nothing("hole", l1Entry);
  const l1 = await readEntry(source, l1Entry.offset, 8);
  if (l1 === undefined) return nothing("unreadable", l1Entry);
  const table = offsetOf(l1[0] ?? 0, l1[1] ?? 0);
  if (table === 0) return nothing("hole", l1Entry);
  if (table % clusterSize !== 0 || table >= source.file.size) return nothing("bad-entry", l1Entry);
  const l2Index = cluster % l2Entries;
  const entry: Reference = {
    by: `${l1Entry.by} -> L2[${l2Index}]`,
    offset: table + l2Index * l2EntryLength,
    length: l2EntryLength,
    ...guestRange(guest, cluster, 1),
  };
  const halves = await readEntry(source, entry.offset, l2EntryLength, "l2_load");
  if (halves === undefined) return nothing("unreadable", entry);
  const [high = 0, low = 0] = halves;
  const isBad = isWrong(header, high, low, offset, source.file.size);
  switch (isBad ? entryKind.invalid : entryKindAt(header, halves, offset)) {
    case entryKind.invalid:
      return nothing("bad-entry", entry);
    case entryKind.unallocated:
    case entryKind.unallocatedInCluster:
      return nothing("hole", entry);
    case entryKind.zeroPlain:
    case entryKind.zeroAllocated:
      return nothing("zero", entry);
    case entryKind.compressed:
      return { ...nothing("compressed", entry), stream: streamPlace(header, high, low, source.file.size) };
    case entryKind.data: {
      const isHere = !header.hasDataFile && header.crypt === "none";
      const fileOffset = isHere ? offsetOf(high, low) + (offset % clusterSize) : undefined;
      return { kind: "data", entry, fileOffset };
    }
  }
}

/** Whole sectors to the end, of which the file need not have all. */
function streamPlace({ clusterBits }: Qcow2Header, high: number, low: number, fileSize: number): ByteRange {
  const { offset, length } = compressedPlace(high, low, clusterBits);
  return { offset, length: Math.min(length, fileSize - offset) };
}

function entryKindAt(header: Qcow2Header, halves: Int32Array, offset: number) {
  const [high = 0, low = 0, zeroes = 0, allocated = 0] = halves;
  if (header.l2EntryLength === 8) return kindOf(high, low, header.hasDataFile);
  const subcluster = Math.floor((offset % header.clusterSize) / (header.clusterSize / subclustersPerCluster));
  return subclusterKind(high, low, zeroes, allocated, subcluster, header.hasDataFile);
}

function isWrong(header: Qcow2Header, high: number, low: number, guest: number, fileSize: number): boolean {
  const { clusterSize, clusterBits, hasDataFile, version } = header;
  if (isCompressed(high)) {
    return hasDataFile || compressedPlace(high, low, clusterBits).offset >= fileSize;
  }
  if (version === 2 && (low & 1) !== 0) return true;
  if (!hasOffset(high, low)) return false;
  const offset = offsetOf(high, low);
  if (hasDataFile) return offset !== Math.floor(guest / clusterSize) * clusterSize;
  return offset % clusterSize !== 0 || offset >= fileSize;
}

/** Undefined where it can't be read. `event` is the step that blkdebug is told first. */
async function readEntry(
  { file }: StructureSource,
  offset: number,
  length: number,
  event?: string,
): Promise<Int32Array | undefined> {
  const bytes = new Uint8Array(length);
  try {
    if (event !== undefined && file.raise) await file.raise(event);
    await readPadded(file, offset, bytes);
  } catch (error) {
    if (error instanceof BlockError && error.code === "ECANCELED") throw error;
    return undefined;
  }
  return bigEndianWords(bytes);
}
