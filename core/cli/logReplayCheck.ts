// `blkscope log replay --fsck CMD --check WHEN`: the replay halts at the entries that WHEN names, and the command judges
// the target. It works on the target itself and must not change it: what follows would be applied to something else.
import * as fs from "node:fs";
import { commandFor, commandLine, type StateCommand } from "../ops/commandWords.ts";
import { outcomeText, runCommand } from "../ops/stateCommand.ts";
import type { EntryList } from "../writelog/entryList.ts";
import type { LogIndex } from "../writelog/logIndex.ts";
import { CliError } from "./command.ts";
import type { ReadLog } from "./logFile.ts";
import { printable, stdout } from "./output.ts";

export type CheckWhen = "flush" | "fua" | "discard" | "mark" | number;

export interface CheckPlan {
  readonly command: StateCommand;
  readonly when: CheckWhen;
  readonly json: boolean;
}

export interface CheckedEnd {
  /** The first entry that was not applied. */
  readonly end: number;
  /** How many times the command ran; undefined without one. */
  readonly checks: number | undefined;
  readonly failed: { readonly entry: number; readonly outcome: string; readonly output: string } | undefined;
}

const pastMs = 10_000;

/** Applies the entries [first, end), piece by piece where there is something to check. Throws CliError. */
export async function checkedReplay(
  { index, signal }: ReadLog,
  [first, end]: readonly [number, number],
  plan: CheckPlan | undefined,
  target: string,
  apply: (from: number, to: number) => Promise<void>,
): Promise<CheckedEnd> {
  if (plan === undefined) {
    await apply(first, end);
    return { end, checks: undefined, failed: undefined };
  }
  if (!plan.json) {
    stdout.line(`runs: ${printable(commandLine(commandFor(plan.command, target)))}`);
    stdout.flush();
  }
  let [at, checks] = [first, 0];
  for (const entry of checkedEntries(index, first, end, plan.when)) {
    await apply(at, entry + 1);
    at = entry + 1;
    checks++;
    const before = stamp(target);
    const outcome = await runCommand(plan.command, target, signal);
    if (stampOf(target) !== before) throw changed(entry);
    if (outcome.exit === 0) continue;
    const text = outcomeText(outcome, plan.command.timeoutMs);
    return { end: at, checks, failed: { entry, outcome: text, output: outcome.output } };
  }
  await apply(at, end);
  if (checks > 0) return { end, checks, failed: undefined };
  throw new CliError(
    `The command was never run: none of the entries ${first} to ${end - 1} is one to check at`,
    1,
    "All of them were applied. QEMU's logs have no FUA and no marks; --check flush or a number fits those.",
  );
}

function* checkedEntries(index: LogIndex, first: number, end: number, when: CheckWhen): Generator<number> {
  if (typeof when === "number") {
    for (let entry = first + when - 1; entry < end; entry += when) yield entry;
    return;
  }
  if (when === "discard") {
    for (let entry = first; entry < end; entry++) if (index.kindOf(entry) === "discard") yield entry;
    return;
  }
  const lists: Readonly<Record<typeof when, EntryList>> = {
    flush: index.flushes,
    fua: index.fuas,
    mark: index.marks,
  };
  const list = lists[when];
  for (let i = list.positionOf(first); i < list.length; i++) {
    const entry = list.at(i) ?? end;
    if (entry >= end) return;
    yield entry;
  }
}

/** Time is coarse: a write right behind ours would not show, one behind a time that is past always does. */
function stamp(target: string): string {
  const { atime, mtime } = fs.statSync(target);
  if (fs.statSync(target).isFile()) fs.utimesSync(target, atime, new Date(mtime.getTime() - pastMs));
  return stampOf(target);
}

/** What a write to a file changes; of a device nothing tells. */
function stampOf(target: string): string {
  const stat = fs.statSync(target, { bigint: true });
  return stat.isFile() ? `${stat.mtimeNs} ${stat.size}` : "";
}

function changed(entry: number): CliError {
  return new CliError(
    `The command changed the target after entry ${entry}: what follows can't be applied to it`,
    1,
    "Let it only look (e2fsck -fn), or use blkscope log bisect, which gives it a copy of each state.",
  );
}

export function printCheck(plan: CheckPlan, done: CheckedEnd | undefined, target: string): void {
  if (done === undefined) {
    stdout.line(`    would run: ${printable(commandLine(commandFor(plan.command, target)))}`);
    return;
  }
  const { checks, failed } = done;
  if (failed === undefined) {
    stdout.line(`    checked ${checks} times, always well`);
    return;
  }
  stdout.line(`    check ${checks} failed after entry ${failed.entry}: ${failed.outcome}`);
  for (const line of failed.output.trimEnd().split("\n").slice(-20)) stdout.line(`    | ${printable(line)}`);
}
