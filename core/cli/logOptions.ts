// The options of `blkscope log`: one table for all its actions, and the values that several of them read from it.
import { CliError, UsageError } from "./command.ts";
import { objectOption } from "./objectOption.ts";
import type { OptionSpecs, Parsed } from "./options.ts";
import { exactSize, sizeArgument } from "./sizeArgument.ts";

export const logOptions = {
  from: { long: "from", value: "N", help: "list, find: the first entry, counted from 0 (default 0)" },
  count: { long: "count", value: "N", help: "list, find, history: entries at most (default: all)" },
  at: {
    long: "at",
    value: "WHERE",
    help: "history: OFFSET or OFFSET+LENGTH, bytes of the disk (64k+512); bisect: flush (default), fua, mark, each, N or reorder[:COUNT[,SEED]]",
  },
  bytes: { long: "bytes", help: "history: the bytes before and after each entry" },
  through: {
    long: "through",
    value: "FMT",
    help: "history: the log is that of a FMT image's file, and WHERE is an offset of its guest's disk",
  },
  entry: {
    long: "entry",
    value: "N",
    help: "history, state: the disk after the first N entries (default: all that are counted)",
  },
  lost: {
    long: "lost",
    value: "LIST",
    help: "state: without these of them, which a crash took: entries 5,7-9, sectors of one 12:0-3",
  },
  base: {
    long: "base",
    value: "FILE",
    help: "history, state, replay, bisect: the disk before the first entry: a file as it is, or json:{...} for what a format makes of it (default: zeroes)",
  },
  size: {
    long: "size",
    value: "SIZE",
    help: "state, history, replay, bisect: length of the disk, which no log tells (default: the base's, or as far as the log writes)",
  },
  over: {
    long: "over",
    help: "state: write over what OUT holds; replay: TARGET holds the disk before the first entry",
  },
  startEntry: {
    long: "start-entry",
    value: "N",
    help: "replay, bisect: leave out the first N entries (bisect: begin with the disk after them)",
  },
  startMark: {
    long: "start-mark",
    value: "TEXT",
    help: "replay, bisect: the same, up to and with the first mark of that text",
  },
  endEntry: { long: "end-entry", value: "N", help: "replay, bisect: end before entry N, counted from 0" },
  endMark: {
    long: "end-mark",
    value: "TEXT",
    help: "replay, bisect: end at the first mark of that text behind the start",
  },
  limit: { long: "limit", value: "N", help: "replay: N entries at most, flushes and marks included" },
  nextFlush: { long: "next-flush", help: "replay: end with the next entry with the flag FLUSH" },
  nextFua: { long: "next-fua", help: "replay: end with the next entry with the flag FUA" },
  startSector: {
    long: "start-sector",
    value: "S",
    help: "replay: only sectors from S on, in the log's sector size; entries that reach beyond are cut",
  },
  endSector: { long: "end-sector", value: "S", help: "replay: only sectors up to and with S" },
  noDiscard: { long: "no-discard", help: "replay: leave out discards" },
  find: { long: "find", help: "replay: print the entry that would be the last; nothing is written" },
  numEntries: { long: "num-entries", help: "replay: print how many entries the superblock counts" },
  fsck: {
    long: "fsck",
    value: "CMD",
    help: "replay: run CMD, {} in it stands for TARGET, at the entries that --check names; end where it fails",
  },
  check: {
    long: "check",
    value: "WHEN",
    help: "replay: after every flush, fua, discard or mark, or after every N entries; bisect: the format whose own check is used",
  },
  shell: { long: "shell", help: "replay, bisect: the command is run by the shell (/bin/sh -c)" },
  timeout: {
    long: "timeout",
    value: "SECONDS",
    help: "replay, bisect: a command that takes longer is ended and has failed (default 300)",
  },
  dryRun: { long: "dry-run", help: "replay, bisect: say what would be done; nothing is written or run" },
  verify: { long: "verify", help: "replay: read back all that was written and compare it with the log" },
  tail: {
    long: "tail",
    help: "replay, bisect: also the entries behind the superblock's count, which can be an older log's",
  },
  search: {
    long: "search",
    value: "HOW",
    help: "bisect: linear (default): every state in turn; binary: assumes that what is broken once stays broken",
  },
  all: { long: "all", help: "bisect: go on behind the first state that fails" },
  refine: { long: "refine", help: "bisect: then look at every entry before the first state that fails" },
  torn: { long: "torn", help: "bisect: with reorder, writes may also have landed in part, by sectors" },
  jobs: {
    long: "jobs",
    value: "N",
    help: "bisect: states looked at together (default: as many as there are cores)",
  },
  below: {
    long: "below",
    value: "LOG2",
    help: "stats: the log of the same work below a format, for what the format wrote for it",
  },
  recover: {
    long: "recover",
    help: "look for entries behind damage too: they are likely, never sure, and what lay in the damage is missing",
  },
  overTail: {
    long: "over-tail",
    help: "mark: write over the entries that the superblock does not count; they are of an older log",
  },
  output: { long: "output", value: "FORM", help: "human (default) or json" },
  imageOpts: {
    long: "image-opts",
    help: "LOG is a list of options: driver=file,filename=disk.log (a comma in a value is doubled)",
  },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open a log that another program has open for writing; not for mark",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export type LogOptions = typeof logOptions;
export type LogArguments = Parsed<LogOptions>;

/** What every action that reads a log takes. */
export const reading = ["output", "imageOpts", "forceShare", "object"] as const;

/** Exit code of what was asked and is not so: nothing found, a state that fails. */
export const negativeExit = 3;

/** Throws CliError. */
export function readRequest(args: LogArguments, file: string) {
  const output = args.value("output") ?? "human";
  if (output !== "human" && output !== "json") {
    throw new CliError("--output must be used with human or json as argument.", 1);
  }
  return {
    log: file,
    imageOpts: args.has("imageOpts"),
    forceShare: args.has("forceShare"),
    recover: args.has("recover"),
    json: output === "json",
  };
}

/** A number of entries or of something else that is counted; undefined where it is not given. Throws CliError. */
export function numberOption(
  args: LogArguments,
  name: keyof LogOptions,
  what = "a number of entries",
): number | undefined {
  const text = args.value(name);
  return text === undefined ? undefined : wholeNumber(text, `--${logOptions[name].long}`, what);
}

/** Throws CliError. */
export function wholeNumber(text: string, option: string, what: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new CliError(`Invalid ${option} '${text}': expecting ${what}`, 1);
}

/** Bytes of the disk; undefined where they are not given. Throws CliError. */
export function diskSizeOption(args: LogArguments): number | undefined {
  const text = args.value("size");
  return text === undefined ? undefined : sizeArgument(text, "disk size", { max: Number.MAX_SAFE_INTEGER });
}

/** OFFSET or OFFSET+LENGTH in bytes; one byte without a length. Throws CliError. */
export function placeOption(args: LogArguments): { readonly offset: number; readonly length: number } {
  const text = args.value("at");
  if (text === undefined) throw new UsageError("Expecting --at OFFSET or --at OFFSET+LENGTH");
  const [first = "", second, more] = text.split("+");
  const [offset, length] = [exactSize(first), second === undefined ? 1n : exactSize(second)];
  const isRange = offset !== undefined && length !== undefined && length > 0n && more === undefined;
  if (isRange && offset + length <= BigInt(Number.MAX_SAFE_INTEGER)) {
    return { offset: Number(offset), length: Number(length) };
  }
  throw new CliError(`Invalid --at '${text}': expecting OFFSET or OFFSET+LENGTH, as in 0x5200+512 or 64k`, 1);
}
