// What `blkscope log replay` was asked for, and what it shares with bisect: the stretch of the log and the command.
import type { StateCommand } from "../ops/commandWords.ts";
import type { ReplaySelection } from "../writelog/replaySelect.ts";
import { CliError, UsageError } from "./command.ts";
import { commandWords } from "./commandWords.ts";
import type { LogReadRequest } from "./logFile.ts";
import {
  diskSizeOption,
  type LogArguments,
  type LogOptions,
  numberOption,
  wholeNumber,
} from "./logOptions.ts";
import type { ReplayRequest } from "./logReplay.ts";
import type { CheckPlan, CheckWhen } from "./logReplayCheck.ts";

export const replayOptions = [
  "startEntry",
  "startMark",
  "endEntry",
  "endMark",
  "limit",
  "nextFlush",
  "nextFua",
  "tail",
  "recover",
  "startSector",
  "endSector",
  "noDiscard",
  "find",
  "numEntries",
  "dryRun",
  "base",
  "size",
  "over",
  "verify",
  "fsck",
  "check",
  "shell",
  "timeout",
] as const satisfies readonly (keyof LogOptions)[];

const defaultTimeout = 300;
/** What a timer can count. */
const longestTimeout = 2_000_000;

/** Throws CliError. */
export function replayRequest(
  args: LogArguments,
  reading: LogReadRequest,
  target: string | undefined,
): ReplayRequest {
  const modes = ["find", "numEntries", "dryRun"] as const;
  const given = modes.filter((mode) => args.has(mode));
  if (given.length > 1) throw new UsageError("--find, --num-entries and --dry-run exclude one another");
  const what = ({ find: "find", numEntries: "num-entries", dryRun: "dry-run" } as const)[given[0] ?? "find"];
  return {
    ...reading,
    target,
    selection: selectionOf(args),
    startSector: numberOption(args, "startSector", "a sector"),
    endSector: numberOption(args, "endSector", "a sector"),
    discards: !args.has("noDiscard"),
    what: given.length === 0 ? "replay" : what,
    base: args.value("base"),
    size: diskSizeOption(args),
    over: args.has("over"),
    verify: args.has("verify"),
    check: checkPlan(args, reading.json),
  };
}

/** The stretch of the log. Throws CliError. */
export function selectionOf(args: LogArguments): ReplaySelection {
  return {
    startEntry: numberOption(args, "startEntry"),
    startMark: args.value("startMark"),
    endEntry: numberOption(args, "endEntry"),
    endMark: args.value("endMark"),
    limit: numberOption(args, "limit"),
    nextFlush: args.has("nextFlush"),
    nextFua: args.has("nextFua"),
    tail: args.has("tail"),
  };
}

function checkPlan(args: LogArguments, json: boolean): CheckPlan | undefined {
  const [fsck, check] = [args.value("fsck"), args.value("check")];
  if (fsck === undefined && check === undefined) return undefined;
  if (fsck === undefined || check === undefined) throw new UsageError("--fsck and --check go together");
  const shell = args.has("shell");
  const words = shell ? [fsck] : commandWords(fsck, "--fsck");
  return { command: { words, shell, timeoutMs: timeoutOf(args) }, when: whenOf(check), json };
}

function whenOf(text: string): CheckWhen {
  if (text === "flush" || text === "fua" || text === "discard" || text === "mark") return text;
  const count = wholeNumber(text, "--check", "flush, fua, discard, mark or a number of entries");
  if (count > 0) return count;
  throw new CliError("Invalid --check '0': after every 1 entry at least", 1);
}

/** Milliseconds. Throws CliError. */
export function timeoutOf(args: LogArguments): number {
  const seconds = numberOption(args, "timeout", "seconds") ?? defaultTimeout;
  if (seconds > 0 && seconds <= longestTimeout) return seconds * 1000;
  throw new CliError(`Invalid --timeout '${seconds}': expecting 1 to ${longestTimeout} seconds`, 1);
}

/** Throws UsageError for a command that does not name the file it is about. */
export function refuseWithoutPlace({ words }: StateCommand): void {
  if (words.some((word) => word.includes("{}"))) return;
  throw new UsageError("The command has no {}, which stands for the file of the state");
}
