// The kinds of a QED image's guest clusters, in their order: one pass over the tables, after the map of the file is made.
import { join64 } from "../../base/bytes.ts";
import { BlockError } from "../../base/errors.ts";
import type { BlockNode } from "../../block/node.ts";
import { kindNumber } from "../../block/structure.ts";
import { boundsOf, isClusterOffset, isTableOffset, type QedHeader, tableEntries } from "./layout.ts";
import { PieceReader } from "./tablePieces.ts";

const turnMs = 20;
const kind = {
  hole: kindNumber("hole"),
  zero: kindNumber("zero"),
  data: kindNumber("data"),
  unreadable: kindNumber("unreadable"),
  badEntry: kindNumber("bad-entry"),
  overlap: kindNumber("overlap"),
};

export interface GuestMarks {
  readonly kinds: Uint8Array;
  /** Guest clusters of one byte. */
  readonly clusters: number;
}

/** `fileKinds`: of the clusters of the file. Throws ECANCELED. */
export async function guestKinds(
  file: BlockNode,
  header: QedHeader,
  fileKinds: Uint8Array,
  { kinds, clusters }: GuestMarks,
  signal: AbortSignal,
): Promise<void> {
  const entries = tableEntries(header);
  const bounds = boundsOf(header, file.size);
  const { clusterSize } = header;
  kinds.fill(kind.hole);
  const worsen = (cluster: number, to: number) => {
    const at = Math.floor(cluster / clusters);
    if (at < kinds.length && (kinds[at] as number) < to) kinds[at] = to;
  };
  const worsenRun = (first: number, count: number, to: number) => {
    const end = Math.min(kinds.length, Math.ceil((first + count) / clusters));
    for (let at = Math.floor(first / clusters); at < end; at++) {
      if ((kinds[at] as number) < to) kinds[at] = to;
    }
  };
  let turnedAt = performance.now();
  const turn = async () => {
    if (performance.now() - turnedAt < turnMs) return;
    await new Promise((resolve) => setImmediate(resolve));
    turnedAt = performance.now();
    if (signal.aborted) throw new BlockError("ECANCELED", "The map was cancelled");
  };
  /** Runs `body`; what can't be read makes its guest clusters unreadable. */
  const reading = async (first: number, count: number, body: () => Promise<void>) => {
    try {
      await body();
    } catch (error) {
      if (error instanceof BlockError && error.code === "ECANCELED") throw error;
      worsenRun(first, count, kind.unreadable);
    }
  };
  const l2 = new PieceReader(file, entries);
  const readTable = (l1Index: number, table: number) =>
    reading(l1Index * entries, entries, async () => {
      for await (const { signed, first } of l2.entries(table)) {
        const base = l1Index * entries + first;
        for (let at = 0; at < signed.length; at += 2) {
          const low = (signed[at] as number) >>> 0;
          const high = (signed[at + 1] as number) >>> 0;
          if (high === 0 && low < 2) {
            if (low === 1) worsen(base + at / 2, kind.zero);
            continue;
          }
          const offset = join64(low, high);
          const isGood = offset !== undefined && isClusterOffset(offset, bounds);
          const stored = isGood ? (fileKinds[offset / clusterSize] as number) : kind.badEntry;
          worsen(base + at / 2, isGood && stored !== kind.data ? kind.overlap : stored);
        }
        await turn();
      }
    });
  const needed = Math.ceil((kinds.length * clusters) / entries);
  await reading(0, kinds.length * clusters, async () => {
    for await (const { halves, first } of new PieceReader(file, entries).entries(header.l1Offset)) {
      for (let at = 0; at < halves.length && first + at / 2 < needed; at += 2) {
        const low = halves[at] as number;
        const high = halves[at + 1] as number;
        if (low === 0 && high === 0) continue;
        const l1Index = first + at / 2;
        const offset = join64(low, high);
        if (offset !== undefined && isTableOffset(offset, bounds)) await readTable(l1Index, offset);
        else worsenRun(l1Index * entries, entries, kind.badEntry);
        await turn();
      }
      if (first + halves.length / 2 >= needed) return;
    }
  });
}
