// What `blkscope log bisect` was asked for.
import type { MomentKind, ReorderSample } from "../writelog/states.ts";
import { CliError, UsageError } from "./command.ts";
import type { BisectRequest, JudgeRequest } from "./logBisect.ts";
import type { LogReadRequest } from "./logFile.ts";
import {
  diskSizeOption,
  type LogArguments,
  type LogOptions,
  numberOption,
  wholeNumber,
} from "./logOptions.ts";
import { refuseWithoutPlace, selectionOf, timeoutOf } from "./logReplayOptions.ts";

export const bisectOptions = [
  "at",
  "startEntry",
  "startMark",
  "endEntry",
  "endMark",
  "tail",
  "recover",
  "base",
  "size",
  "check",
  "shell",
  "timeout",
  "search",
  "all",
  "refine",
  "torn",
  "jobs",
  "dryRun",
] as const satisfies readonly (keyof LogOptions)[];

const defaultSample = 100;
const mostSampled = 100_000;
const mostJobs = 64;

/** Throws CliError. */
export function bisectRequest(
  args: LogArguments,
  reading: LogReadRequest,
  words: readonly string[],
): BisectRequest {
  const search = args.value("search") ?? "linear";
  if (search !== "linear" && search !== "binary") {
    throw new CliError(`Invalid --search '${search}': expecting linear or binary`, 1);
  }
  const atText = args.value("at") ?? "flush";
  const at = momentsOf(atText, args.has("torn"));
  refuseTogether(args, typeof at === "object", search);
  const jobs = numberOption(args, "jobs", "a number of states");
  if (jobs !== undefined && (jobs < 1 || jobs > mostJobs)) {
    throw new CliError(`Invalid --jobs '${jobs}': expecting 1 to ${mostJobs}`, 1);
  }
  return {
    ...reading,
    selection: selectionOf(args),
    at,
    atText,
    search,
    all: args.has("all"),
    refine: args.has("refine"),
    jobs,
    base: args.value("base"),
    size: diskSizeOption(args),
    dryRun: args.has("dryRun"),
    judge: judgeOf(args, words),
  };
}

function momentsOf(text: string, torn: boolean): MomentKind | ReorderSample {
  if (text === "flush" || text === "fua" || text === "mark" || text === "each") return text;
  const [, count, seed] = /^reorder(?::([0-9]+)(?:,([0-9]+))?)?$/.exec(text) ?? [];
  if (text.startsWith("reorder") && (count !== undefined || text === "reorder")) {
    const sample = { count: Number(count ?? defaultSample), seed: Number(seed ?? 0), torn };
    const isSane = sample.count > 0 && sample.count <= mostSampled && Number.isSafeInteger(sample.seed);
    if (isSane) return sample;
    throw new CliError(`Invalid --at '${text}': a sample is 1 to ${mostSampled} states`, 1);
  }
  const step = wholeNumber(
    text,
    "--at",
    "flush, fua, mark, each, a number of entries, or reorder[:COUNT[,SEED]]",
  );
  if (step > 0) return step;
  throw new CliError("Invalid --at '0': after every 1 entry at least", 1);
}

function refuseTogether(args: LogArguments, isSample: boolean, search: "linear" | "binary"): void {
  if (args.has("torn") && !isSample) throw new UsageError("--torn goes with --at reorder");
  if (isSample && search === "binary") {
    throw new UsageError("States of --at reorder have no order to be halved: --search linear");
  }
  if (isSample && args.has("refine")) throw new UsageError("--refine does not go with --at reorder");
  if (args.has("all") && search === "binary") throw new UsageError("--all goes with --search linear");
}

function judgeOf(args: LogArguments, words: readonly string[]): JudgeRequest {
  const format = args.value("check");
  if (format !== undefined && words.length > 0) {
    throw new UsageError("States are judged by --check FORMAT or by a command, not by both");
  }
  if (format !== undefined) {
    if (args.has("shell") || args.has("timeout")) {
      throw new UsageError("--shell and --timeout are about a command, not about --check");
    }
    return { kind: "check", format };
  }
  if (words.length === 0) throw new UsageError("Expecting --check FORMAT, or -- and a command");
  const command = { words, shell: args.has("shell"), timeoutMs: timeoutOf(args) };
  refuseWithoutPlace(command);
  return { kind: "command", command };
}
