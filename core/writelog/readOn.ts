// A log that ends within an entry may be torn, or somebody is writing that entry just now. Which it is, its file tells a
// moment later, or at once where it has long been at rest: where it has grown or counts more, it is read on as one that is
// being written; where it is shorter, as one that was cut.
import * as fs from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { BlockNode } from "../block/node.ts";
import { fileOf } from "./fileOf.ts";
import { extendIndex, statedEntries } from "./index.ts";
import type { LogIndex } from "./logIndex.ts";
import type { IndexJob } from "./walk.ts";

/** A log as it was opened: its node knows the size that its file had then. */
export interface OpenLog {
  readonly root: BlockNode;
  close(): Promise<void>;
}

/** Between two looks at a log that ends within an entry, milliseconds: longer than a write takes. */
const momentMs = 200;
/** Nobody is writing an entry to a file that was not changed for so long: long enough for a server's clock that is behind. */
const restMs = 60_000;

/**
 * `index` of the log that is `opened`, read on if that ended within an entry and the log has been written to since. Returns
 * the log that the index is of now, the only one that is open: `opened`, or what `reopen` opened. Throws what reopening and
 * reading throw, EINVAL where the log was begun anew; `opened` is open then.
 */
export async function readOn<Log extends OpenLog>(
  opened: Log,
  index: LogIndex,
  reopen: () => Promise<Log>,
  job: IndexJob = {},
  moment: () => Promise<unknown> = () => pause(momentMs),
): Promise<Log> {
  if (index.end.kind !== "torn") return opened;
  if (!isAtRest(opened.root)) await moment();
  // Also then: it may have been written to while it was read.
  const next = await reopen();
  let hasChanged: boolean;
  try {
    const { size } = next.root;
    hasChanged = size !== opened.root.size || (await statedEntries(next.root)) !== index.superblock.entries;
    // A writer takes nothing away: a log that is shorter now was cut.
    if (hasChanged) await extendIndex(next.root, index, { ...job, growing: size >= opened.root.size });
  } catch (error) {
    await next.close();
    throw error;
  }
  const [used, unused] = hasChanged ? [next, opened] : [opened, next];
  await unused.close();
  return used;
}

/** Of a device nothing tells. A file's time of change can be set, that of its inode can't. */
function isAtRest(log: BlockNode): boolean {
  const file = fileOf(log);
  const stat = file === undefined ? undefined : fs.statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() === true && Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs) > restMs;
}
