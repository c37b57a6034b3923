// `blkscope log state`: writes the disk as it was at an entry of its log to a file, sparse. The bytes are those of the
// logged device: a raw disk, or the file of an image when the log was kept below a format.
import * as fs from "node:fs";
import { asBlockError } from "../base/errors.ts";
import { formatSize } from "../base/units.ts";
import type { BlockNode } from "../block/node.ts";
import { type Graph, imageSpecForPath, openGraph } from "../graph.ts";
import { convert } from "../ops/convert.ts";
import { lengthenTo } from "../ops/stateFile.ts";
import { createFile } from "../protocol/fileCreate.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type LogReadRequest, notWholeExit } from "./logFile.ts";
import { diskSize, stateSpec } from "./logStateOf.ts";
import { openError } from "./openError.ts";
import { jsonText, printable, printWarning, stderr, stdout } from "./output.ts";
import { Progress } from "./progress.ts";
import { tellOfUnfinished, UnfinishedFile } from "./unfinishedFile.ts";

export interface StateRequest extends LogReadRequest {
  readonly out: string;
  readonly entry: number | undefined;
  readonly lost: string | undefined;
  readonly base: string | undefined;
  /** Bytes. */
  readonly size: number | undefined;
  readonly over: boolean;
}

/** Zeroes found in blocks of this many bytes become holes. */
const sparse = 4096;

/** The exit code. Throws CliError. */
export async function writeState(request: StateRequest): Promise<number> {
  const { log, out, over } = request;
  const graph = await openState(request).catch((error: unknown) => {
    throw openError(log, error, 1);
  });
  try {
    refuseFull(out, over);
    await writeOut(graph.root, out);
    const { specific } = graph.root.info;
    report(request, Number(specific?.["entries-applied"]), graph.root.size);
    return request.entry === undefined && specific?.["log-is-whole"] === false ? notWholeExit : 0;
  } finally {
    await graph.close();
  }
}

function report({ json, out, lost }: StateRequest, entries: number, size: number): void {
  if (json) stdout.line(jsonText({ target: out, entries, ...(lost !== undefined && { lost }), size }));
  else
    stdout.line(`${printable(out)}: the disk after ${entries} entries, ${formatSize(size)} (${size} bytes)`);
}

async function openState(request: StateRequest): Promise<Graph> {
  const { forceShare, size } = request;
  const warnings: string[] = [];
  const graph = await openGraph(stateSpec(request, request), {
    forceShare,
    warn: (message) => warnings.push(message),
  });
  try {
    diskSize(size, Number(graph.root.info.specific?.["disk-end-in-log"] ?? 0), graph.root);
  } catch (error) {
    await graph.close();
    throw error;
  }
  for (const warning of warnings) printWarning(warning);
  return graph;
}

/** A file that holds something is not written over unasked. */
export function refuseFull(out: string, over: boolean): void {
  const stat = fs.statSync(out, { throwIfNoEntry: false });
  if (stat === undefined || over || (stat.isFile() && stat.size === 0)) return;
  throw new CliError(`'${out}' is there already`, 1, "With --over what it holds is written over.");
}

async function writeOut(state: BlockNode, out: string): Promise<void> {
  try {
    createFile(out);
  } catch (error) {
    throw openError(out, error, 1);
  }
  tellOfUnfinished(out);
  const file = UnfinishedFile.hide(out);
  const shows = process.stderr.isTTY === true;
  const progress = new Progress(shows ? stderr : undefined);
  const target = await openGraph(imageSpecForPath(file.path), { format: "raw", readOnly: false });
  try {
    await lengthenTo(target.root, state.size);
    await interruptible(({ signal }) =>
      convert({
        sources: [state],
        target: target.root,
        sparse,
        targetIsZero: target.nodes.every(({ driver }) => driver !== "host_device"),
        parallel: 4,
        outOfOrder: true,
        signal,
        progress: (copied) => progress.show(copied / Math.max(1, state.size)),
      }),
    );
    await target.close();
    file.finish();
  } catch (thrown) {
    await target.close().catch(() => undefined);
    const left =
      file.discard() === "removed" ? "The unfinished file was removed." : `'${out}' is unfinished.`;
    if (thrown instanceof CliError)
      throw new CliError(thrown.message, thrown.exitCode, left, { cause: thrown });
    const { message, context } = asBlockError(thrown);
    const hint = context.hint === undefined ? left : `${left}\n${context.hint}`;
    throw new CliError(`Could not write '${out}': ${message}`, 1, hint, { cause: thrown });
  } finally {
    if (shows) progress.end();
  }
}
