// `blkscope log bisect`: looks for the first state of a log at which a check fails. Opening a log runs nothing: the
// command is the person's own, and is shown before it runs.
import { availableParallelism } from "node:os";
import { asBlockError } from "../base/errors.ts";
import { protocolLevel } from "../filter/children.ts";
import { type Looked, searchStates, statesBetween, statesOfRequest } from "../ops/bisectStates.ts";
import { commandText, type StateCommand } from "../ops/commandWords.ts";
import { StateJudges } from "../ops/stateJudges.ts";
import { checkedFormats } from "../registry.ts";
import type { BinaryResult, LinearResult } from "../writelog/bisect.ts";
import { fallsShort, type ReplaySelection, type Stretch, selectEntries } from "../writelog/replaySelect.ts";
import type { CrashState, MomentKind, ReorderSample } from "../writelog/states.ts";
import { CliError } from "./command.ts";
import { imageArgument } from "./imageArgument.ts";
import { printBisect } from "./logBisectReport.ts";
import { type LogReadRequest, notWholeExit, type ReadLog, warnOfEnd, withLog } from "./logFile.ts";
import { negativeExit } from "./logOptions.ts";
import { baseSpec, diskSize, statesOf, withBase } from "./logStateOf.ts";
import { printable, printWarning, stderr, stdout } from "./output.ts";
import { Progress } from "./progress.ts";

export interface BisectRequest extends LogReadRequest {
  readonly selection: ReplaySelection;
  readonly at: MomentKind | ReorderSample;
  /** As given: "flush", "reorder:100,7". */
  readonly atText: string;
  readonly search: "linear" | "binary";
  /** Go on behind the first state that fails. */
  readonly all: boolean;
  readonly refine: boolean;
  /** undefined: as many as there are cores. */
  readonly jobs: number | undefined;
  readonly base: string | undefined;
  /** Bytes of the disk. */
  readonly size: number | undefined;
  readonly dryRun: boolean;
  readonly judge: JudgeRequest;
}

export type JudgeRequest =
  | { readonly kind: "check"; readonly format: string }
  | { readonly kind: "command"; readonly command: StateCommand };

const narrowingOptions =
  "That is --at N with --refine; --start-entry, --start-mark, --end-entry and --end-mark for a part.";
/** Exit code after a search that could judge nothing. */
const nothingJudged = 1;

/** The exit code. Throws CliError. */
export function bisectLog(request: BisectRequest): Promise<number> {
  return withLog(request, (log) =>
    withBase(request.base, async (base) => {
      refuseFormat(request.judge);
      const stretch = await stretchOf(request, log);
      const states = statesFor(request, log, stretch);
      if (states.length === 0) throw noStates(request, stretch);
      const jobs = Math.min(states.length, request.jobs ?? availableParallelism());
      announce(request, states.length, jobs);
      const { index } = log;
      const allGood = fallsShort(index, stretch) ? notWholeExit : 0;
      if (request.dryRun) return allGood;
      const judges = new StateJudges({
        states: await statesOf(log, base),
        size: diskSize(request.size, index.diskEnd, base),
        judge: request.judge,
        log: protocolLevel(imageArgument(request.log, { imageOpts: request.imageOpts }).spec),
        base: request.base === undefined ? undefined : baseSpec(request.base),
        jobs,
        signal: log.signal,
      });
      try {
        const exit = await search(request, log, states, judges, jobs);
        return exit === 0 ? allGood : exit;
      } finally {
        await judges.close();
      }
    }),
  );
}

function refuseFormat(judge: JudgeRequest): void {
  if (judge.kind === "command" || checkedFormats.includes(judge.format)) return;
  const known = `It is one of ${checkedFormats.join(", ")}; a command is given behind --.`;
  throw new CliError(`No format with a check is named '${judge.format}'`, 1, known);
}

async function stretchOf(request: BisectRequest, { index, node }: ReadLog): Promise<Stretch> {
  const stretch = await selectEntries(index, node, request.selection).catch((thrown: unknown) => {
    const { message, context } = asBlockError(thrown);
    throw new CliError(message, 1, context.hint, { cause: thrown });
  });
  for (const note of stretch.notes) printWarning(note);
  if (!stretch.isBounded) warnOfEnd(index, request);
  return stretch;
}

function statesFor(
  { at, base, selection }: BisectRequest,
  { index }: ReadLog,
  { first, end }: Stretch,
): readonly CrashState[] {
  const isStarted = selection.startEntry !== undefined || selection.startMark !== undefined;
  try {
    return statesOfRequest(index, { at, first, end, withStart: isStarted || base !== undefined });
  } catch (thrown) {
    const { message, context } = asBlockError(thrown);
    throw new CliError(message, 1, `${context.hint} ${narrowingOptions}`, { cause: thrown });
  }
}

function noStates({ atText }: BisectRequest, { first, end }: Stretch): CliError {
  const message = `There is no state to look at: the entries ${first} to ${end - 1} have none for --at ${atText}`;
  return new CliError(end <= first ? "There is no state to look at: no entry is left" : message, 1);
}

function announce({ judge, json, atText, dryRun }: BisectRequest, count: number, jobs: number): void {
  if (json && !dryRun) return;
  const what = judge.kind === "check" ? `the check of ${judge.format}` : commandText(judge.command);
  const shell = judge.kind === "command" && judge.command.shell ? " (by the shell)" : "";
  const many = count === 1 ? "1 state" : `${count} states`;
  stdout.line(`${many} (--at ${atText}), ${jobs} at a time, judged by: ${printable(what)}${shell}`);
  stdout.flush();
}

async function search(
  request: BisectRequest,
  log: ReadLog,
  states: readonly CrashState[],
  judges: StateJudges,
  jobs: number,
): Promise<number> {
  const looked: Looked = { states, outcomes: new Map() };
  let result: LinearResult | BinaryResult = { firstBad: undefined, lastGood: undefined };
  let refined: Looked | undefined;
  let refinedBad: number | undefined;
  let stopped: unknown;
  try {
    result = await searchIn(request, looked, judges, jobs);
    refined = request.refine ? statesBetween(looked, result) : undefined;
    if (refined !== undefined) {
      const linear = { ...request, search: "linear", all: false } as const;
      refinedBad = (await searchIn(linear, refined, judges, jobs)).firstBad;
    }
  } catch (thrown) {
    if (!log.signal.aborted) {
      const { message, context } = asBlockError(thrown);
      throw new CliError(message, 1, context.hint, { cause: thrown });
    }
    stopped = thrown;
  }
  printBisect(request, log, { looked, result, refined, refinedBad, isStopped: stopped !== undefined });
  if (stopped !== undefined) throw stopped;
  if (result.firstBad !== undefined) return negativeExit;
  const isJudged = [...looked.outcomes.values()].some(({ verdict }) => verdict !== "skip");
  return isJudged ? 0 : nothingJudged;
}

async function searchIn(
  request: Pick<BisectRequest, "search" | "all">,
  looked: Looked,
  judges: StateJudges,
  jobs: number,
): Promise<LinearResult | BinaryResult> {
  const shows = process.stderr.isTTY === true;
  const progress = new Progress(shows ? stderr : undefined);
  const told = () => progress.show(looked.outcomes.size / looked.states.length);
  try {
    return await searchStates({ ...request, jobs }, looked, (state) => judges.judge(state), told);
  } finally {
    if (shows) progress.end();
  }
}
