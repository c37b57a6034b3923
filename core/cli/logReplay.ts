// `blkscope log replay`: applies a log to a disk. Everything that can be wrong is found before anything is written.
import * as fs from "node:fs";
import { asBlockError, BlockError } from "../base/errors.ts";
import { formatSize } from "../base/units.ts";
import { type Graph, imageSpecForPath, openGraph } from "../graph.ts";
import { convert } from "../ops/convert.ts";
import { lengthenTo } from "../ops/stateFile.ts";
import { createFile } from "../protocol/fileCreate.ts";
import type { RecoveredRun } from "../writelog/logIndex.ts";
import {
  type ReplayFilter,
  type ReplayTotals,
  replayEntries,
  totalsOf,
  verifyReplay,
} from "../writelog/replay.ts";
import { fallsShort, type ReplaySelection, type Stretch, selectEntries } from "../writelog/replaySelect.ts";
import { entriesText } from "../writelog/walk.ts";
import { CliError } from "./command.ts";
import { type LogReadRequest, notWholeExit, type ReadLog, warnOfEnd, withLog } from "./logFile.ts";
import { negativeExit } from "./logOptions.ts";
import { type CheckedEnd, type CheckPlan, checkedReplay, printCheck } from "./logReplayCheck.ts";
import { diskSize, withBase } from "./logStateOf.ts";
import { openError } from "./openError.ts";
import { jsonText, printable, printWarning, stderr, stdout } from "./output.ts";
import { Progress } from "./progress.ts";
import { tellOfUnfinished, UnfinishedFile } from "./unfinishedFile.ts";

export interface ReplayRequest extends LogReadRequest {
  /** undefined: nothing is to be written, only said. */
  readonly target: string | undefined;
  readonly selection: ReplaySelection;
  /** Sectors of the log's size, both included. */
  readonly startSector: number | undefined;
  readonly endSector: number | undefined;
  readonly discards: boolean;
  readonly what: "replay" | "dry-run" | "find" | "num-entries";
  readonly base: string | undefined;
  /** Bytes of the disk; undefined: as far as the entries write. */
  readonly size: number | undefined;
  readonly over: boolean;
  readonly verify: boolean;
  readonly check: CheckPlan | undefined;
}

interface Plan {
  readonly log: ReadLog;
  readonly stretch: Stretch;
  readonly filter: ReplayFilter;
  readonly totals: ReplayTotals;
  /** The log promises more than it holds, and no end was asked for that lies before. */
  readonly isShort: boolean;
}

/** The exit code. Throws CliError. */
export function replayLog(request: ReplayRequest): Promise<number> {
  return withLog(request, async (log) => {
    if (request.what === "num-entries") {
      stdout.line(String(log.index.superblock.entries ?? "more than 2^53"));
      return 0;
    }
    const plan = await planOf(request, log);
    for (const note of plan.stretch.notes) printWarning(note);
    if (request.what === "find") {
      printFind(request, plan);
      return exitAtEnd(request, plan);
    }
    const { target } = request;
    diskSize(request.size, plan.totals.diskEnd, undefined);
    if (target === undefined) throw new CliError("Expecting log replay LOG TARGET", 1);
    refuseSame(target, request);
    const end = request.what === "dry-run" ? undefined : await writeTo(target, request, plan);
    report(request, target, plan, end);
    return end?.failed === undefined ? exitAtEnd(request, plan) : negativeExit;
  });
}

/** The exit code of a replay of all that was to be there, or of a log that ends before, which is said. */
function exitAtEnd(request: ReplayRequest, { log, isShort }: Plan): number {
  if (!isShort) return 0;
  warnOfEnd(log.index, request);
  return notWholeExit;
}

async function planOf(request: ReplayRequest, log: ReadLog): Promise<Plan> {
  const { index, node } = log;
  const stretch = await selectEntries(index, node, request.selection).catch((thrown: unknown) => {
    const error = asBlockError(thrown);
    throw new CliError(error.message, 1, error.context.hint, { cause: thrown });
  });
  const { startSector = 0, endSector } = request;
  if (endSector !== undefined && endSector < startSector) {
    throw new CliError(`Sectors ${startSector} to ${endSector} are none`, 1);
  }
  const end = endSector === undefined ? Number.MAX_SAFE_INTEGER : (endSector + 1) * index.sectorSize;
  const filter = { start: startSector * index.sectorSize, end, discards: request.discards };
  const totals = totalsOf(index, stretch.first, stretch.end, filter);
  const isShort = fallsShort(index, stretch);
  return { log, stretch, filter, totals, isShort };
}

/** The last entry that would be applied. */
function printFind({ json }: ReplayRequest, { log, stretch }: Plan): void {
  const { first, end } = stretch;
  if (end === first) throw new CliError(`The log has no entry ${first} to end with`, 1);
  const header = log.index.headerOf(end - 1);
  if (json) stdout.line(jsonText({ entry: end - 1, header, kind: log.index.kindOf(end - 1) }));
  else stdout.line(`entry ${end - 1}, at byte ${header} of the log`);
}

/** Neither the log nor the base can be written over. */
function refuseSame(target: string, { log, base, imageOpts }: ReplayRequest): void {
  const stat = fs.statSync(target, { throwIfNoEntry: false });
  if (stat === undefined) return;
  for (const [what, name] of [
    ["log", imageOpts ? undefined : log],
    ["base", base],
  ] as const) {
    const other = name === undefined ? undefined : fs.statSync(name, { throwIfNoEntry: false });
    if (other === undefined || other.ino !== stat.ino || other.dev !== stat.dev) continue;
    throw new CliError(`'${target}' is the ${what} itself`, 1, "Nothing was written. Choose another target.");
  }
}

async function writeTo(target: string, request: ReplayRequest, plan: Plan): Promise<CheckedEnd> {
  const isNew = prepare(target, request);
  if (isNew) tellOfUnfinished(target);
  // A command is told the name that the disk keeps.
  const file = isNew && request.check === undefined ? UnfinishedFile.hide(target) : undefined;
  const path = file?.path ?? target;
  const shows = process.stderr.isTTY === true;
  const progress = new Progress(shows ? stderr : undefined);
  const { first, end } = plan.stretch;
  try {
    const graph = await openTarget(path, target);
    try {
      await lengthen(graph, request, plan, isNew);
    } finally {
      await graph.close();
    }
    const job = {
      signal: plan.log.signal,
      progress: (done: number, total: number) => progress.show(done / Math.max(1, total)),
    };
    const apply = async (from: number, to: number) => {
      const opened = await openTarget(path, target);
      try {
        const { index, node } = plan.log;
        await replayEntries(index, node, opened.root, [from, to], plan.filter, job);
        await opened.root.flush();
      } finally {
        await opened.close();
      }
    };
    const reached = await checkedReplay(plan.log, [first, end], request.check, target, apply);
    if (request.verify) await verify(path, target, plan, reached.end, job);
    file?.finish();
    return reached;
  } catch (thrown) {
    throw unfinished(thrown, target, file, isNew);
  } finally {
    if (shows) progress.end();
  }
}

/** Creates it or finds that it may be written to; true where it holds nothing. */
function prepare(target: string, { over, base }: ReplayRequest): boolean {
  const stat = fs.statSync(target, { throwIfNoEntry: false });
  const isNew = stat === undefined || (stat.isFile() && stat.size === 0);
  if (!isNew && !over) {
    throw new CliError(
      `'${target}' is there already`,
      1,
      "Nothing was written. If it holds the disk as it was before the first entry, give --over; one that holds a later state would keep blocks from the future.",
    );
  }
  if (!isNew && base !== undefined) {
    throw new CliError("--base makes a new target; with --over the target itself is the base", 1);
  }
  if (!isNew) return false;
  try {
    createFile(target);
  } catch (error) {
    throw openError(target, error, 1);
  }
  return true;
}

function openTarget(path: string, given: string): Promise<Graph> {
  return openGraph(imageSpecForPath(path), { format: "raw", readOnly: false }).catch((error: unknown) => {
    throw openError(given, error, 1);
  });
}

/** The base's bytes, and room for all that the entries write. Throws CliError: a device is too small. */
async function lengthen(graph: Graph, request: ReplayRequest, plan: Plan, isNew: boolean): Promise<void> {
  const { base } = request;
  const diskEnd = request.size ?? plan.totals.diskEnd;
  const isDevice = graph.nodes.some(({ driver }) => driver === "host_device" || driver === "host_cdrom");
  if (isDevice && graph.root.size < diskEnd) {
    const have = `The device has ${graph.root.size} bytes; the log writes up to byte ${diskEnd}`;
    throw new CliError(have, 1, "Nothing was written.");
  }
  await withBase(base, async (source) => {
    const size = Math.max(diskEnd, source?.size ?? 0);
    if (!isDevice && graph.root.size < size) {
      if (!isNew) {
        printWarning(`The target has ${graph.root.size} bytes; the log writes up to byte ${size}: it grows`);
      }
      await lengthenTo(graph.root, size);
    }
    if (source === undefined) return;
    await convert({
      sources: [source],
      target: graph.root,
      sparse: 4096,
      targetIsZero: !isDevice,
      parallel: 4,
      outOfOrder: true,
      signal: plan.log.signal,
    });
  });
}

async function verify(
  path: string,
  target: string,
  { log, stretch, filter }: Plan,
  end: number,
  job: Parameters<typeof verifyReplay>[5],
): Promise<void> {
  const graph = await openGraph(imageSpecForPath(path), { format: "raw" });
  try {
    const { index, node } = log;
    const wrong = await verifyReplay(index, node, graph.root, [stretch.first, end], filter, job);
    if (wrong === undefined) return;
    throw new BlockError(
      "EMISMATCH",
      `'${target}' reads back differently at byte ${wrong.offset}, written by entry ${wrong.entry}`,
    );
  } finally {
    await graph.close();
  }
}

function unfinished(
  thrown: unknown,
  target: string,
  file: UnfinishedFile | undefined,
  isNew: boolean,
): CliError {
  const left =
    file?.discard() === "removed" ? "The unfinished target was removed." : `'${target}' is unfinished.`;
  const hint = isNew ? left : `${left} Begin again with the disk as it was before the first entry.`;
  if (thrown instanceof CliError) {
    return new CliError(thrown.message, thrown.exitCode, thrown.hint ?? hint, { cause: thrown });
  }
  const { message, context } = asBlockError(thrown);
  const more = context.hint === undefined ? hint : `${hint}\n${context.hint}`;
  return new CliError(message, 1, more, { cause: thrown });
}

/** Runs of entries that were found behind damage, among those that were applied. */
function recoveredIn({ log, stretch }: Plan, end: number): readonly RecoveredRun[] {
  return log.index.recovered.filter((run) => run.first < end && run.first + run.count > stretch.first);
}

function report(request: ReplayRequest, target: string, plan: Plan, done: CheckedEnd | undefined): void {
  const { first } = plan.stretch;
  const end = done?.end ?? plan.stretch.end;
  const totals = totalsOf(plan.log.index, first, end, plan.filter);
  if (request.json) {
    const check = done?.checks === undefined ? undefined : { checks: done.checks, failed: done.failed };
    stdout.line(
      jsonText(
        {
          target,
          "dry-run": done === undefined,
          first,
          end,
          ...totals,
          verified: request.verify,
          recovered: recoveredIn(plan, end),
          ...check,
        },
        4,
      ),
    );
    return;
  }
  const verb = done === undefined ? "would be replayed to" : "replayed to";
  const range = totals.entries === 0 ? "" : `, ${first} to ${end - 1}`;
  stdout.line(`${entriesText(totals.entries)}${range}, ${verb} ${printable(target)}`);
  stdout.line(
    `    writes    ${totals.writes}  ${formatSize(totals.writtenBytes)} (${totals.writtenBytes} bytes)`,
  );
  stdout.line(
    `    discards  ${totals.discards}  ${formatSize(totals.discardedBytes)} (${totals.discardedBytes} bytes)`,
  );
  if (request.verify && done !== undefined) stdout.line("    verified: all that was written reads back");
  if (request.check !== undefined) printCheck(request.check, done, target);
}
