// What was made of a log to show its states, lent by the thread that has it to all others of the process: the memory is
// the same, so that no thread reads a log that another has read. Threads hear of it as it happens; those that are started
// later are given it when they start.
import {
  BroadcastChannel,
  getEnvironmentData,
  isMainThread,
  type Serializable,
  setEnvironmentData,
} from "node:worker_threads";
import type { BlockLists } from "./intervals.ts";
import type { SharedIndex } from "./logIndex.ts";

/** Plain data for threads. */
export interface LentTables {
  /** Which file they were made of, and what it was then. */
  readonly key: string;
  readonly index: SharedIndex;
  /** Entries listed in the levels. */
  readonly entries: number;
  readonly levels: readonly BlockLists[];
}

/** `tables` undefined: they are not lent any more. */
interface Message {
  readonly key: string;
  readonly tables: LentTables | undefined;
}

const name = "blkscope:log-tables";

/** By key: those of other threads and this one's. */
const lent = new Map<string, LentTables>();
let line: BroadcastChannel | undefined;

if (!isMainThread) {
  for (const tables of given()) lent.set(tables.key, tables);
  listen();
}

/** Set by our own threads only. */
function given(): readonly LentTables[] {
  return (getEnvironmentData(name) ?? []) as unknown as readonly LentTables[];
}

function listen(): BroadcastChannel {
  if (line !== undefined) return line;
  line = new BroadcastChannel(name);
  // Listening alone keeps no thread alive.
  line.unref();
  line.onmessage = (event) => take((event as { readonly data: Message }).data);
  return line;
}

function take({ key, tables }: Message): void {
  if (tables === undefined) lent.delete(key);
  else lent.set(key, tables);
}

/** From now on, until what is answered is called. */
export function lendTables(tables: LentTables): () => void {
  const { key } = tables;
  const tell = (message: Message) => {
    take(message);
    listen().postMessage(message);
  };
  tell({ key, tables });
  return () => tell({ key, tables: undefined });
}

/** undefined where nobody has them. */
export function lentTables(key: string): LentTables | undefined {
  return lent.get(key);
}

/** Before a thread is started: gives it what is lent now. Hears from then on of what is lent, for those after it. */
export function giveLentTables(): void {
  listen();
  setEnvironmentData(name, [...lent.values()] as unknown as Serializable);
}
