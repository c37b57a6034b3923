// Has threads go over the tables of a large image for its map (scanThread.ts). They are for images in which all is well:
// where one cluster is found twice, by one thread or several or as something else, what is told depends on the order of
// the tables, and one thread goes over all of them from the start. So the map is always that of one thread.
import { askAll, ListAnswers, OneThreadAgain } from "../base/programThread.ts";
import type { Sharing } from "../base/sharing.ts";
import type { ClusterMarks } from "./clusterMarks.ts";
import { answerWords, ScanThread, type TableKind } from "./scanThread.ts";

/** Tables of one list: each takes 28 bytes of it and its answers. */
const mostTables = 1024 * 1024;
/** Each thread has a whole one in memory. */
const mostTableBytes = 4 * 1024 * 1024;
/** Milliseconds between two turns, in which all threads wait. */
const turnMs = 100;
/** Clusters whose bits are put together at once. */
const clustersAtOnce = 2 ** 22;

/** Runs a pass, with `sharing` for threads that may help; once more without if what they did can't be used. */
export async function scanShared<T>(
  marks: ClusterMarks,
  sharing: Sharing,
  scan: (sharing: Sharing | undefined) => Promise<T>,
): Promise<T> {
  if (sharing.threads < 2) return scan(undefined);
  try {
    return await scan(sharing);
  } catch (error) {
    if (!(error instanceof OneThreadAgain)) throw error;
  }
  marks.restart();
  return scan(undefined);
}

/** Whether threads are worth their start for so many tables. */
export function areEnough({ leastBytes }: Sharing, tables: number, tableBytes: number): boolean {
  return tables * tableBytes >= leastBytes && tables <= mostTables && tableBytes <= mostTableBytes;
}

/** What threads found in a table. */
export interface ScannedTable {
  readonly allocated: number;
  readonly zero: number;
  /** The first and the last cluster that it points to; undefined where it points to none. */
  readonly span: { readonly min: number; readonly max: number } | undefined;
}

/** What threads found in a list of tables, to be asked for in its order. */
export class ScanAnswers extends ListAnswers {
  constructor(offsets: readonly number[], answers: Uint32Array) {
    super(offsets, answers, answerWords);
  }

  /** Of the next table; undefined: none could do it. Throws OneThreadAgain where another one is the next. */
  next(offset: number): ScannedTable | undefined {
    const [isDone, allocated = 0, zero = 0, min = 0, max = 0] = this.nextWords(offset);
    if (isDone !== 1) return undefined;
    return { allocated, zero, span: min <= max ? { min, max } : undefined };
  }
}

/**
 * Marks what the tables point to, none of which is there twice. `turn` hears how much of it is done, and may take its
 * time: no further tables are gone over meanwhile, and marks can be looked at. Throws OneThreadAgain, and what `turn` throws.
 */
export async function scanInThreads(
  tables: TableKind,
  offsets: readonly number[],
  marks: ClusterMarks,
  { threads: amount }: Sharing,
  turn: (part: number) => Promise<void>,
): Promise<ScanAnswers> {
  const hold = new Int32Array(new SharedArrayBuffer(4));
  const taken = new Int32Array(new SharedArrayBuffer(4));
  const answers = new Uint32Array(new SharedArrayBuffer(offsets.length * answerWords * 4));
  const order = { offsets: Float64Array.from(offsets), answers, taken };
  const takeTurn = turnsOf(hold, () => turn(Math.min(1, Atomics.load(taken, 0) / offsets.length)));
  const threads: ScanThread[] = [];
  try {
    start(threads, amount, tables, hold);
    marks.lookInto(threads.map(({ bits }) => bits));
    const all = await askAll(threads, () => order, takeTurn);
    if (all.some(({ isOver }) => isOver)) throw new OneThreadAgain("a cluster is referred to twice");
    for (const { bits } of threads) await join(marks, bits, takeTurn);
  } finally {
    marks.lookInto([]);
    await Promise.all(threads.map((thread) => thread.close()));
  }
  return new ScanAnswers(offsets, answers);
}

function start(threads: ScanThread[], amount: number, tables: TableKind, hold: Int32Array): void {
  try {
    while (threads.length < amount) threads.push(new ScanThread(tables, hold));
  } catch (cause) {
    throw new OneThreadAgain("a thread could not be started", { cause });
  }
}

/** A function that takes a turn when one is due, for which threads wait. */
function turnsOf(hold: Int32Array, turn: () => Promise<void>): () => Promise<void> {
  let lastTurn = performance.now();
  return async () => {
    if (performance.now() - lastTurn < turnMs) return;
    Atomics.store(hold, 0, 1);
    try {
      await turn();
    } finally {
      Atomics.store(hold, 0, 0);
      Atomics.notify(hold, 0);
    }
    lastTurn = performance.now();
  };
}

async function join(marks: ClusterMarks, bits: DataView, takeTurn: () => Promise<void>): Promise<void> {
  const clusters = marks.kinds.length;
  for (let first = 0; first < clusters; first += clustersAtOnce) {
    const isNew = marks.join(bits, first, Math.min(clusters, first + clustersAtOnce));
    if (!isNew) throw new OneThreadAgain("a cluster is referred to twice");
    await takeTurn();
  }
}
