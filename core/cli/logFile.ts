// Opens a log for the commands that read it, and reads it into its index with progress on a terminal.
import type { BlockNode } from "../block/node.ts";
import { indexLog } from "../writelog/index.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { readOn } from "../writelog/readOn.ts";
import { canRecover, recoverAll } from "../writelog/recover.ts";
import type { IndexJob } from "../writelog/walk.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { openImage } from "./openImage.ts";
import { printWarning, stderr } from "./output.ts";
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
  const open = () => openImage(log, { imageOpts, forceShare, unprobed: true });
  return interruptible(async ({ signal }) => {
    const image = await open();
    // Whichever is in use when the work ends.
    let { graph } = image;
    const reopen = async () => (await open()).graph;
    try {
      const index = await withProgress(signal, async (job) => {
        const index = await indexLog(graph.root, job);
        graph = await readOn(graph, index, reopen, job);
        if (recover) await recoverAll(graph.root, index, job);
        return index;
      });
      if (index.end.kind === "foreign") throw noLog(log, index, withoutBeginning(recover, graph.root.size));
      return await use({ node: graph.root, index, filename: image.filename, signal });
    } finally {
      await graph.close();
    }
  });
}

/** Exit code where a log ends before all that was asked for. */
export const notWholeExit = 2;

/** 0, or 2 where the log is not whole; one that is being written is as whole as it can be. */
export function exitOf({ end }: LogIndex): number {
  return end.kind === "complete" || end.kind === "growing" ? 0 : notWholeExit;
}

/** Says why the log ends where it does, unless it ends there, and what else can be done. */
export function warnOfEnd({ end }: LogIndex, { recover }: Pick<LogReadRequest, "recover">): void {
  if (end.kind === "complete") return;
  const more = !recover && canRecover(end.kind) ? "; --recover looks for entries behind it" : "";
  printWarning(`${end.message}${more}`);
}

/** `hint`: what else can be done. */
export function noLog(given: string, { end }: LogIndex, hint?: string): CliError {
  return new CliError(`'${given}' can't be read: ${end.message}`, 1, hint);
}

function withoutBeginning(recover: boolean, size: number): string | undefined {
  if (size === 0) return undefined;
  return recover
    ? "No entries were found in it either."
    : "If its beginning is lost, --recover looks for entries.";
}

/** Shown on a terminal. */
async function withProgress<T>(signal: AbortSignal, read: (job: IndexJob) => Promise<T>): Promise<T> {
  const shows = process.stderr.isTTY === true;
  const progress = new Progress(shows ? stderr : undefined);
  try {
    return await read({
      signal,
      progress: (done, total) => progress.show(total === 0 ? 1 : done / total),
    });
  } finally {
    if (shows) progress.end();
  }
}
