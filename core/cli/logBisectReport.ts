// What `blkscope log bisect` found, for people and as JSON: the states in the order of the log, the first that fails, and
// the commands that make it again.
import { hex } from "../base/bytes.ts";
import type { Looked } from "../ops/bisectStates.ts";
import { commandFor, commandLine } from "../ops/commandWords.ts";
import type { StateOutcome } from "../ops/stateCheckRun.ts";
import type { BinaryResult, LinearResult } from "../writelog/bisect.ts";
import { coversDisk, type LogIndex } from "../writelog/logIndex.ts";
import { formatLost } from "../writelog/lost.ts";
import type { CrashState } from "../writelog/states.ts";
import { entriesText } from "../writelog/walk.ts";
import type { BisectRequest } from "./logBisect.ts";
import type { ReadLog } from "./logFile.ts";
import { jsonText, printable, printWarning, stdout } from "./output.ts";

export interface BisectFound {
  readonly looked: Looked;
  readonly result: LinearResult | BinaryResult;
  /** The entries before the state that fails, where they were looked at one by one. */
  readonly refined: Looked | undefined;
  readonly refinedBad: number | undefined;
  readonly isStopped: boolean;
}

/** The name of the file in the commands that are printed. */
const stateName = "state.raw";
const mostOutputLines = 20;
const notFoundExit = 127;

export function printBisect(request: BisectRequest, log: ReadLog, found: BisectFound): void {
  if (request.json) stdout.line(jsonText(jsonOf(request, log.index, found), 4));
  else printHuman(request, log.index, found);
}

function* rowsOf({ states, outcomes }: Looked): Generator<readonly [CrashState, StateOutcome]> {
  for (const [place, state] of states.entries()) {
    const outcome = outcomes.get(place);
    if (outcome !== undefined) yield [state, outcome];
  }
}

/** Places of the first and the last state of each stretch that fails, where all were looked at. */
function badStretches({ states, outcomes }: Looked): [number, number][] {
  const stretches: [number, number][] = [];
  let isOpen = false;
  for (let place = 0; place < states.length; place++) {
    const verdict = outcomes.get(place)?.verdict;
    const last = stretches.at(-1);
    if (verdict === "bad" && isOpen && last !== undefined) last[1] = place;
    else if (verdict === "bad") stretches.push([place, place]);
    if (verdict !== "skip") isOpen = verdict === "bad";
  }
  return stretches;
}

function printHuman(request: BisectRequest, index: LogIndex, found: BisectFound): void {
  const { looked, result, refined, refinedBad } = found;
  printTable(looked);
  if (refined !== undefined) {
    stdout.line("Entry by entry behind the last good state:");
    printTable(refined);
  }
  stdout.line(countsText(looked));
  if (found.isStopped) stdout.line("Interrupted: the states above are those that were looked at until then.");
  for (const line of edgeLines(request, result)) stdout.line(line);
  const bad = looked.states[result.firstBad ?? -1];
  const outcome = looked.outcomes.get(result.firstBad ?? -1);
  if (bad === undefined || outcome === undefined) return;
  stdout.line(`First that fails: ${stateText(index, bad)}: ${outcome.text}`);
  const good = looked.states[result.lastGood ?? -1];
  if (good !== undefined) stdout.line(`Last good before it: ${stateText(index, good)}`);
  const inner = refined?.states[refinedBad ?? -1];
  if (inner !== undefined) stdout.line(`Fails already: ${stateText(index, inner)}`);
  if (request.all && typeof request.at !== "object") {
    const stretches = badStretches(looked);
    if (stretches.length > 1)
      stdout.line(`It fails in ${stretches.length} stretches, good again between them.`);
  }
  for (const line of outcome.output.trimEnd().split("\n").slice(-mostOutputLines)) {
    if (line !== "") stdout.line(`    | ${printable(line)}`);
  }
  if (outcome.exit === notFoundExit)
    printWarning("Exit 127 is what a shell says when it finds no such command");
  stdout.line(`Make it again: ${printable(reproduction(request, inner ?? bad))}`);
  const culprit =
    inner === undefined ? onlyEntry(good, bad) : onlyEntry(before(refined, refinedBad) ?? good, inner);
  if (culprit === undefined || !coversDisk(index, culprit)) return;
  stdout.line(`What entry ${culprit} changed: ${printable(historyOfEntry(request, index, culprit))}`);
}

function before(looked: Looked | undefined, place: number | undefined): CrashState | undefined {
  return looked?.states[(place ?? 0) - 1];
}

/** The entry that is all the difference between the two. */
function onlyEntry(good: CrashState | undefined, bad: CrashState): number | undefined {
  const isOne = good?.entries === bad.entries - 1 && good.lost.size === 0 && bad.lost.size === 0;
  return isOne ? bad.entries - 1 : undefined;
}

/** A line for a shell. */
function historyOfEntry(
  { log, imageOpts, recover, base }: BisectRequest,
  index: LogIndex,
  entry: number,
): string {
  const at = `${hex(index.offsetOf(entry))}+${index.lengthOf(entry)}`;
  return commandLine([
    ...["blkscope", "log", "history", ...(imageOpts ? ["--image-opts"] : []), "--at", at],
    ...["--entry", String(entry + 1), "--count", "1", "--bytes", ...(recover ? ["--recover"] : [])],
    ...(base === undefined ? [] : ["--base", base]),
    log,
  ]);
}

function printTable(looked: Looked): void {
  const line = (cells: readonly string[]) =>
    stdout.line(
      `${(cells[0] ?? "").padStart(9)} ${(cells[1] ?? "").padStart(9)}  ${(cells[2] ?? "").padEnd(8)}${(cells[3] ?? "").padEnd(5)} ${(cells[4] ?? "").padStart(7)}  ${cells[5] ?? ""}`.trimEnd(),
    );
  line(["Applied", "Last", "At", "", "ms", "Outcome"]);
  for (const [{ entries, kind, lost }, { verdict, text, ms }] of rowsOf(looked)) {
    const without = lost.size === 0 ? "" : `, lost ${shortened(formatLost(lost))}`;
    const last = entries === 0 ? "-" : String(entries - 1);
    line([String(entries), last, kind, verdict, ms.toFixed(0), `${text}${without}`]);
  }
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function countsText({ states, outcomes }: Looked): string {
  const count = { good: 0, bad: 0, skip: 0 };
  for (const { verdict } of outcomes.values()) count[verdict]++;
  const skipped = count.skip === 0 ? "" : `, ${count.skip} skipped`;
  return `${outcomes.size} of ${states.length} states looked at: ${count.good} good, ${count.bad} bad${skipped}`;
}

function edgeLines({ search }: BisectRequest, result: LinearResult | BinaryResult): string[] {
  const beginLater =
    "The first state fails already: begin the search at a later one (--start-mark, --start-entry).";
  if (search !== "binary" || !("edges" in result)) return result.firstBad === 0 ? [beginLater] : [];
  switch (result.edges) {
    case "good-bad": {
      const lines = ["Searched by halves, which assumes that what fails once fails from then on."];
      if (result.skipped.length > 0) {
        lines.push(
          `${result.skipped.length} states before it could not be judged: any of them may be the first that fails.`,
        );
      }
      return lines;
    }
    case "first-bad":
      return [beginLater];
    case "last-good":
      return ["The last state is good: there is nothing to search by halves. --search linear looks at all."];
    case "skipped":
      return ["The first or the last state could not be judged: there are no edges to search between."];
  }
}

/** "after entry 411, at flush 36 (412 entries applied)". */
function stateText(index: LogIndex, { entries, kind, lost }: CrashState): string {
  const place = entries === 0 ? "before entry 0" : `after entry ${entries - 1}`;
  const without = lost.size === 0 ? "" : `, without ${shortened(formatLost(lost))}`;
  return `${place}, ${epochText(index, entries, kind)} (${entriesText(entries)} applied${without})`;
}

/** Within an epoch a state need not be whole: many updates take several writes. */
function epochText(index: LogIndex, entries: number, kind: CrashState["kind"]): string {
  const passed = index.flushes.positionOf(entries);
  if (entries > 0 && index.flushes.at(passed - 1) === entries - 1) return `at flush ${passed - 1}`;
  const where = passed === 0 ? "before the first flush" : `behind flush ${passed - 1}`;
  return kind === "mark" ? `a mark ${where}` : where;
}

/** A line for a shell. */
function reproduction(request: BisectRequest, { entries, lost }: CrashState): string {
  const { judge, log, imageOpts, recover, base, size } = request;
  const state = [
    ...["blkscope", "log", "state", ...(imageOpts ? ["--image-opts"] : []), "--entry", String(entries)],
    ...(recover ? ["--recover"] : []),
    ...(lost.size > 0 ? ["--lost", formatLost(lost)] : []),
    ...(base === undefined ? [] : ["--base", base]),
    ...(size === undefined ? [] : ["--size", String(size)]),
    ...[log, stateName],
  ];
  const check =
    judge.kind === "check"
      ? ["blkscope", "check", "-f", judge.format, stateName]
      : commandFor(judge.command, stateName);
  return `${commandLine(state)} && ${commandLine(check)}`;
}

function jsonOf(request: BisectRequest, index: LogIndex, found: BisectFound): object {
  const { judge, log, atText, search } = request;
  const { looked, result, refined, refinedBad } = found;
  const bad = looked.states[result.firstBad ?? -1];
  const good = looked.states[result.lastGood ?? -1];
  const inner = refined?.states[refinedBad ?? -1];
  const rows = [...rowsOf(looked)].map(([state, outcome]) => rowJson(index, state, outcome));
  return {
    log,
    at: atText,
    search,
    ...("edges" in result && { edges: result.edges, undecided: result.skipped.length }),
    judge: judge.kind === "check" ? { check: judge.format } : { command: judge.command.words },
    interrupted: found.isStopped,
    states: looked.states.length,
    looked: looked.outcomes.size,
    ...(bad !== undefined && {
      "first-bad": {
        ...stateJson(index, bad),
        output: looked.outcomes.get(result.firstBad ?? -1)?.output ?? "",
        reproduce: reproduction(request, bad),
      },
    }),
    ...(good !== undefined && { "last-good": stateJson(index, good) }),
    ...(inner !== undefined && { refined: stateJson(index, inner) }),
    table: rows,
    ...(refined !== undefined && {
      "refined-table": [...rowsOf(refined)].map(([state, outcome]) => rowJson(index, state, outcome)),
    }),
  };
}

function stateJson(index: LogIndex, { entries, kind, lost }: CrashState): object {
  return {
    entries,
    ...(entries > 0 && { entry: entries - 1 }),
    kind,
    "flushes-before": index.flushes.positionOf(entries),
    ...(lost.size > 0 && { lost: formatLost(lost) }),
    ...(index.gapBefore(entries) > 0 && { "gap-before": index.gapBefore(entries) }),
  };
}

function rowJson(index: LogIndex, state: CrashState, { verdict, text, exit, ms }: StateOutcome): object {
  return { ...stateJson(index, state), verdict, outcome: text, exit, ms: Math.round(ms) };
}
