// Judges states of a log: by the check of a format, in this thread, or by a command that is given the state as a file.
import { asBlockError, BlockError } from "../base/errors.ts";
import { openGraph } from "../graph.ts";
import type { Verdict } from "../writelog/bisect.ts";
import type { StateCommand } from "./commandWords.ts";
import type { StateCheckParams, StateOutcome, StateQuestion } from "./stateCheckRun.ts";
import { outcomeText, runCommand } from "./stateCommand.ts";
import type { StateFile } from "./stateFile.ts";

/** A command says with this that it can't judge the state. */
const skipExit = 125;
/** What an image is to blame for that can't be opened. */
const faults: ReadonlySet<string> = new Set(["ECORRUPT", "EINVAL", "ENOTSUP", "EFBIG"]);
/** Of the image among the nodes that are opened; the state of the log is below it. */
const imagePlace = "";
/** Findings that are told of a state. */
const mostFindings = 20;

/** Throws ENOENT, EACCES, ECANCELED, and what writing the file throws. */
export async function judgeByCommand(
  command: StateCommand,
  file: StateFile,
  signal: AbortSignal,
): Promise<StateOutcome> {
  const outcome = await runCommand(command, file.path, signal);
  const { exit, output, ms } = outcome;
  const verdict = exit === 0 ? "good" : exit === skipExit ? "skip" : "bad";
  return { verdict, text: outcomeText(outcome, command.timeoutMs), exit, output, ms };
}

/**
 * Opens the state as an image of the format and checks it. Corruptions are bad, and so is an image that can't be opened
 * or whose tables can't be read; leaks are not. Throws ENOTSUP for a format without a check, ECANCELED, and whatever keeps the
 * log and its base from showing the state: a log that is gone, or has fewer entries by now, says nothing of it.
 */
export async function judgeByCheck(
  { format, log, recover, base, size }: StateCheckParams,
  { entries, lost }: StateQuestion,
  signal: AbortSignal,
): Promise<StateOutcome> {
  const began = performance.now();
  const judged = (verdict: Verdict, text: string, output = ""): StateOutcome => {
    return { verdict, text, exit: undefined, output, ms: performance.now() - began };
  };
  const file = {
    driver: "logstate",
    log,
    entry: entries,
    ...(recover && { recover }),
    ...(lost !== "" && { lost }),
    ...(base !== undefined && { base }),
    ...(size !== undefined && { size }),
  };
  let graph: Awaited<ReturnType<typeof openGraph>>;
  try {
    graph = await openGraph({ driver: format, file }, { backing: "none", forceShare: true });
  } catch (thrown) {
    if (signal.aborted) throw new BlockError("ECANCELED", "The search was stopped");
    const error = asBlockError(thrown);
    if (error.context.place !== imagePlace) throw notShown(error, entries);
    if (!faults.has(error.code)) throw error;
    return judged("bad", "can't be opened", error.message);
  }
  try {
    if (!graph.root.check) throw new BlockError("ENOTSUP", `The format ${format} has no check`);
    const messages: string[] = [];
    const result = await graph.root.check({
      signal,
      finding: ({ kind, message }) => {
        if (kind !== "leak" && messages.length < mostFindings) messages.push(message);
      },
    });
    const { corruptions, leaks, checkErrors, readError } = result;
    if (readError !== undefined) messages.push(readError.message);
    const parts = [
      ...(corruptions > 0 ? [counted(corruptions, "corruption")] : []),
      ...(checkErrors > 0 ? [counted(checkErrors, "table can't be read", "tables can't be read")] : []),
      ...(leaks > 0 ? [counted(leaks, "leak")] : []),
    ];
    const isBad = corruptions > 0 || checkErrors > 0;
    const text = [...(isBad ? [] : ["consistent"]), ...parts].join(", ");
    return judged(isBad ? "bad" : "good", text, messages.join("\n"));
  } finally {
    await graph.close();
  }
}

function notShown({ code, message, context }: BlockError, entries: number): BlockError {
  const { hint: _, ...where } = context;
  return new BlockError(code, `The disk after ${entries} entries can't be shown any more: ${message}`, where);
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
