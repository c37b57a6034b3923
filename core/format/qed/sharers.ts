// Who uses the clusters that are used more than once: a second pass over the tables, made only when there are any.
import { join64 } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import { type Bounds, isTableOffset, type QedHeader, tableEntries } from "./layout.ts";
import { readEntries } from "./tablePieces.ts";
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

/** At most `room` clusters, in the order of the file. Unreadable tables are passed over: they were told before. */
export async function nameSharers(
  file: BlockNode,
  header: QedHeader,
  bounds: Bounds,
  usage: ClusterUsage,
  room: number,
  signal: AbortSignal | undefined,
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
  for await (const l1 of readEntries(file, l1Offset, entries)) {
    for (let i = 0; i < l1.halves.length / 2; i++) {
      const offset = join64(l1.halves[i * 2] ?? 0, l1.halves[i * 2 + 1] ?? 0);
      if (offset === 0 || offset === undefined || !isTableOffset(offset, bounds)) continue;
      const l1Index = l1.first + i;
      noteTable(offset, `the L2 table of L1[${l1Index}]`);
      // A table that several L1 entries share is read once, as in the check itself.
      if (seen.has(offset)) continue;
      seen.add(offset);
      await new Promise((resolve) => setImmediate(resolve));
      if (signal?.aborted) throw new BlockError("ECANCELED", "The check was cancelled");
      await noteEntries(file, offset, entries, bounds, (l2Index, index) =>
        note(index, `L1[${l1Index}] -> L2[${l2Index}]`, l1Index * entries + l2Index),
      );
    }
  }
  return [...found.values()].filter(({ total }) => total > 1).sort((a, b) => a.index - b.index);
}

async function noteEntries(
  file: BlockNode,
  table: number,
  entries: number,
  { clusterSize, fileEnd }: Bounds,
  note: (l2Index: number, index: number) => void,
): Promise<void> {
  try {
    for await (const { halves, first } of readEntries(file, table, entries)) {
      for (let i = 0; i < halves.length / 2; i++) {
        const offset = join64(halves[i * 2] ?? 0, halves[i * 2 + 1] ?? 0);
        if (offset === undefined || offset < 2 || offset % clusterSize !== 0 || offset >= fileEnd) continue;
        note(first + i, offset / clusterSize);
      }
    }
  } catch {
    // Told by the first pass.
  }
}
