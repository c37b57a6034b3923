// Opens a log for the commands that read it, and reads it into its index with progress on a terminal.
import type { BlockNode } from "../block/node.ts";
import { indexLog } from "../writelog/index.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { recoverPast } from "../writelog/recover.ts";
import type { IndexJob } from "../writelog/walk.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { withImage } from "./openImage.ts";
import { stderr } from "./output.ts";
import { Progress } from "./progress.ts";

export interface LogReadRequest {
  /** As given: a file name or, with imageOpts, a list of options. */
  readonly log: string;
  readonly imageOpts: boolean;
  readonly forceShare: boolean;
  /** Look behind damage too. */
  readonly recover: boolean;
  readonly json: boolean;
}

export interface ReadLog {
  readonly node: BlockNode;
  readonly index: LogIndex;
  readonly filename: string;
  readonly signal: AbortSignal;
}

/** Throws CliError: it could not be opened, it is no log, interrupted. */
export function withLog<T>(request: LogReadRequest, use: (log: ReadLog) => Promise<T>): Promise<T> {
  const { log, imageOpts, forceShare, recover } = request;
  return withImage(log, { imageOpts, forceShare, unprobed: true }, ({ graph, filename }) =>
    interruptible(async ({ signal }) => {
      const index = await readWithProgress(graph.root, recover, signal);
      if (index.end.kind === "foreign") throw noLog(log, index, !recover && graph.root.size > 0);
      return use({ node: graph.root, index, filename, signal });
    }),
  );
}

/** 0, or 2 where the log is not whole. */
export function exitOf(index: LogIndex): number {
  return index.end.kind === "complete" ? 0 : 2;
}

/** `mayRecover`: it has not been tried yet, and there is something to try it on. */
export function noLog(given: string, { end }: LogIndex, mayRecover: boolean): CliError {
  const hint = "If its beginning is lost, blkscope log list --recover looks for entries.";
  return new CliError(`'${given}' can't be read: ${end.message}`, 1, mayRecover ? hint : undefined);
}

async function readWithProgress(node: BlockNode, recover: boolean, signal: AbortSignal): Promise<LogIndex> {
  const shows = process.stderr.isTTY === true;
  const progress = new Progress(shows ? stderr : undefined);
  const job: IndexJob = {
    signal,
    progress: (done, total) => progress.show(total === 0 ? 1 : done / total),
  };
  try {
    const index = await indexLog(node, job);
    if (recover) while (await recoverPast(node, index, job));
    return index;
  } finally {
    if (shows) progress.end();
  }
}
