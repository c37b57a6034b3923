// What a person fills in to look for the first state that fails, and the request that comes of it, or what is wrong with it.
// Pure; main parses the command once more, shows it, and asks before it runs.
import { toPlain } from "../../../core/base/errors.ts";
import { parseSize } from "../../../core/base/units.ts";
import { commandFor, commandLine, commandOf, commandText } from "../../../core/ops/commandWords.ts";
import type { LogSummary } from "../../../core/ops/logIndexRun.ts";
import type { JobRequest } from "../../store/jobs.ts";
import type { EntryRange } from "../../timeline/contract.ts";
import { bytes, count, decimal } from "../../widgets/format.ts";

export type MomentChoice = "flush" | "fua" | "mark" | "each" | "every" | "reorder";
export type SearchChoice = "binary" | "first" | "all";
export type RangeChoice = "all" | "selection" | "filter" | "given";

/** Numbers are as typed. */
export interface BisectForm {
  readonly judge: "check" | "command";
  /** Whose check it is; empty while none was chosen. */
  readonly format: string;
  readonly line: string;
  readonly shell: boolean;
  readonly seconds: string;
  readonly moments: MomentChoice;
  readonly every: string;
  readonly sample: string;
  readonly seed: string;
  readonly torn: boolean;
  readonly search: SearchChoice;
  readonly refine: boolean;
  readonly range: RangeChoice;
  readonly first: string;
  readonly last: string;
  /** Of the disk; empty: as long as the base, or as far as the log writes. */
  readonly size: string;
}

export const usualForm: BisectForm = {
  judge: "command",
  format: "",
  line: "",
  shell: false,
  seconds: "300",
  moments: "flush",
  every: "100",
  sample: "100",
  seed: "0",
  torn: false,
  search: "binary",
  refine: true,
  range: "all",
  first: "0",
  last: "",
  size: "",
};

/** Ranges that can be chosen; entries [first, end). */
export type Ranges = Readonly<Partial<Record<"selection" | "filter", EntryRange>>>;

export type BisectField = "line" | "seconds" | "every" | "sample" | "seed" | "range" | "size";
/** The request but for the images. */
export type BisectWish = Omit<JobRequest<"logBisect">, "image" | "base">;
export type FormResult =
  | { readonly ok: true; readonly wish: BisectWish }
  | { readonly ok: false; readonly field: BisectField; readonly message: string };

class Wrong extends Error {
  constructor(
    readonly field: BisectField,
    message: string,
  ) {
    super(message);
  }
}

const longestLine = 2000;

/** What is wrong first, from top to bottom, or what to ask for. */
export function readForm(form: BisectForm, summary: LogSummary, ranges: Ranges): FormResult {
  try {
    const judge = judgeOf(form);
    const at = momentsOf(form);
    const isSample = form.moments === "reorder";
    const range = rangeOf(form, summary, ranges);
    const size = sizeOf(form, summary);
    const search = isSample ? "first" : form.search;
    return {
      ok: true,
      wish: {
        judge,
        at,
        search: search === "binary" ? "binary" : "linear",
        all: form.search === "all",
        refine: form.refine && !isSample,
        ...(range && { range: { first: range.first, end: range.end } }),
        ...(size !== undefined && { size }),
      },
    };
  } catch (error) {
    if (error instanceof Wrong) return { ok: false, field: error.field, message: error.message };
    throw error;
  }
}

function judgeOf({ judge, format, line, shell, seconds }: BisectForm): BisectWish["judge"] {
  if (judge === "check") return { kind: "check", format };
  if (line.length > longestLine)
    throw new Wrong("line", `The command is longer than ${decimal(longestLine)} characters`);
  try {
    commandOf(line, shell, 1);
  } catch (error) {
    throw new Wrong("line", sentences(error));
  }
  return { kind: "command", line, shell, seconds: whole("seconds", seconds, "a time in seconds", 1, 86_400) };
}

function sentences(error: unknown): string {
  const { message, context } = toPlain(error);
  return context.hint === undefined ? message : `${message}. ${context.hint}`;
}

function momentsOf({ moments, every, sample, seed, torn }: BisectForm): BisectWish["at"] {
  if (moments === "every") return whole("every", every, "a number of entries", 1, Number.MAX_SAFE_INTEGER);
  if (moments !== "reorder") return moments;
  return {
    count: whole("sample", sample, "a number of states", 1, 100_000),
    seed: whole("seed", seed, "a seed", 0, Number.MAX_SAFE_INTEGER),
    torn,
  };
}

function rangeOf(form: BisectForm, summary: LogSummary, ranges: Ranges): EntryRange | undefined {
  if (form.range === "all") return undefined;
  if (form.range !== "given") return ranges[form.range];
  const last = summary.entries - 1;
  const first = whole("range", form.first, "a first entry", 0, last);
  const end = form.last.trim() === "" ? last : whole("range", form.last, "a last entry", 0, last);
  if (end < first) throw new Wrong("range", "The last entry is before the first");
  return { first, end: end + 1 };
}

function sizeOf({ size }: BisectForm, { diskEnd }: LogSummary): number | undefined {
  if (size.trim() === "") return undefined;
  // "1 MiB" as it is shown, "1M" as commands take it.
  const given = parseSize(size.replaceAll(",", "").replace(/\s*([kKmMgGtTpPeE])i[bB]\s*$/, "$1"));
  if (given === undefined) throw new Wrong("size", "The disk's size is a number of bytes, such as 64 MiB");
  if (given >= diskEnd) return given;
  throw new Wrong("size", `The log writes up to ${bytes(diskEnd)} of its disk: it can't be shorter`);
}

function whole(field: BisectField, text: string, what: string, least: number, most: number): number {
  const digits = text.replaceAll(",", "").trim();
  const value = /^[0-9]+$/.test(digits) ? Number(digits) : Number.NaN;
  if (value >= least && value <= most) return value;
  const limits = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `${least} to ${decimal(most)}`;
  throw new Wrong(field, `Give ${what}, ${limits}`);
}

/** The command exactly as it will run, `{}` for the file of the state; undefined while it is wrong. */
export function shownCommand({ line, shell }: Pick<BisectForm, "line" | "shell">): string | undefined {
  try {
    const command = commandOf(line, shell, 1);
    return shell ? commandLine(commandFor(command, "{}")) : commandText(command);
  } catch {
    return undefined;
  }
}

/** About how many states there are; undefined where only the search itself can tell. */
function aboutStates(wish: BisectWish, summary: LogSummary): number | undefined {
  const { at, range } = wish;
  const entries = range === undefined ? summary.counted : range.end - range.first;
  if (at === "each") return entries;
  if (typeof at === "number") return Math.ceil(entries / at);
  if (typeof at === "object") return at.count;
  if (range !== undefined) return undefined;
  const { flushes, fua, marks } = summary.totals;
  return { flush: flushes, fua, mark: marks }[at] + 1;
}

/** "About 412 states; by halves some 11 checks of them." */
export function effortText(wish: BisectWish, summary: LogSummary): string {
  const states = aboutStates(wish, summary);
  if (states === undefined) return "";
  if (typeof wish.at === "object") return `Up to ${count(states, "state")}.`;
  const many = `About ${count(states, "state")}`;
  if (wish.search === "linear") return `${many}.`;
  return `${many}; by halves some ${decimal(Math.min(states, 2 + Math.ceil(Math.log2(Math.max(1, states)))))} checks.`;
}
