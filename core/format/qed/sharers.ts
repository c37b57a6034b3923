// Who uses the clusters that are used more than once: a second pass over the tables, made only when there are any.
import { join64 } from "../../base/bytes.ts";
import type { BlockNode } from "../../block/node.ts";
import { type Bounds, isTableOffset, type QedHeader, tableEntries } from "./layout.ts";
import { PieceReader } from "./tablePieces.ts";
import type { ClusterUsage } from "./usage.ts";

/** Referrers named of one cluster; all are counted. */
const mostNames = 16;

export interface Sharer {
  /** The cluster's number in the file. */
  readonly index: number;
  readonly by: string[];
  total: number;
  /** Guest cluster of the first L2 entry that uses it. */
  guestCluster: number | undefined;
}

/** At most `room` clusters, in the order of the file. `breathe` is called often: it may throw ECANCELED. */
export async function nameSharers(
  file: BlockNode,
  header: QedHeader,
  bounds: Bounds,
  usage: ClusterUsage,
  room: number,
  breathe: () => Promise<void>,
): Promise<readonly Sharer[]> {
  const { clusterSize, tableSize, l1Offset } = header;
  const entries = tableEntries(header);
  const found = new Map<number, Sharer>();
  const note = (index: number, by: string, guestCluster?: number) => {
    if (!usage.isShared(index)) return;
    const known = found.get(index);
    if (known === undefined && found.size >= room) return;
    const sharer = known ?? { index, by: [], total: 0, guestCluster: undefined };
    sharer.total++;
    if (sharer.by.length < mostNames) sharer.by.push(by);
    sharer.guestCluster ??= guestCluster;
    found.set(index, sharer);
  };
  const noteTable = (offset: number, by: string) => {
    for (let i = 0; i < tableSize; i++) note(offset / clusterSize + i, by);
  };
  noteTable(l1Offset, "the L1 table");
  const seen = new Set<number>();
  const l2 = new PieceReader(file, entries);
  for await (const l1 of new PieceReader(file, entries).entries(l1Offset)) {
    for (let i = 0; i < l1.halves.length / 2; i++) {
      const offset = join64(l1.halves[i * 2] ?? 0, l1.halves[i * 2 + 1] ?? 0);
      if (offset === 0 || offset === undefined || !isTableOffset(offset, bounds)) continue;
      const l1Index = l1.first + i;
      noteTable(offset, `the L2 table of L1[${l1Index}]`);
      // A table that several L1 entries share is read once, as in the check itself.
      if (seen.has(offset)) continue;
      seen.add(offset);
      await noteEntries(l2, offset, bounds, breathe, (l2Index, index) =>
        note(index, `L1[${l1Index}] -> L2[${l2Index}]`, l1Index * entries + l2Index),
      );
    }
  }
  return [...found.values()].filter(({ total }) => total > 1).sort((a, b) => a.index - b.index);
}

async function noteEntries(
  reader: PieceReader,
  table: number,
  { clusterSize, fileEnd }: Bounds,
  breathe: () => Promise<void>,
  note: (l2Index: number, index: number) => void,
): Promise<void> {
  const pieces = reader.entries(table);
  for (;;) {
    // An unreadable table was told by the first pass.
    const piece = await pieces.next().catch(() => undefined);
    if (piece === undefined || piece.done === true) return;
    const { halves, first } = piece.value;
    for (let i = 0; i < halves.length / 2; i++) {
      const offset = join64(halves[i * 2] ?? 0, halves[i * 2 + 1] ?? 0);
      if (offset === undefined || offset < 2 || offset % clusterSize !== 0 || offset >= fileEnd) continue;
      note(first + i, offset / clusterSize);
    }
    await breathe();
  }
}
