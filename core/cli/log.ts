// `blkscope log`: logs of writes in the dm-log-writes format. One command with actions, each in a file of its own that is
// loaded when it is called; options are one table, and an action refuses those it does not take.
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs, Parsed } from "./options.ts";

const options = {
  from: { long: "from", value: "N", help: "list: the first entry, counted from 0 (default 0)" },
  count: { long: "count", value: "N", help: "list: entries at most (default: all)" },
  recover: {
    long: "recover",
    help: "info, list: look for entries behind damage too; those are likely, never sure",
  },
  overTail: {
    long: "over-tail",
    help: "mark: write over the entries that the superblock does not count; they are of an older log",
  },
  output: { long: "output", value: "FORM", help: "info, list: human (default) or json" },
  imageOpts: {
    long: "image-opts",
    help: "LOG is a list of options: driver=file,filename=disk.log (a comma in a value is doubled)",
  },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "info, list: open a log that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export type LogOptions = typeof options;

interface Action {
  readonly takes: readonly (keyof LogOptions)[];
  /** What follows the action's name, for the message when something else does. */
  readonly operands: readonly string[];
  run(args: Parsed<LogOptions>, operands: readonly string[]): Promise<number>;
}

const reading = ["recover", "output", "imageOpts", "forceShare", "object"] as const;

const actions: Readonly<Record<string, Action>> = {
  info: {
    takes: reading,
    operands: ["LOG"],
    run: async (args, [log = ""]) => (await import("./logInfo.ts")).printInfo(readRequest(args, log)),
  },
  list: {
    takes: ["from", "count", ...reading],
    operands: ["LOG"],
    run: async (args, [log = ""]) => {
      const from = entryNumber(args.value("from") ?? "0", "from");
      const given = args.value("count");
      const count = given === undefined ? Number.POSITIVE_INFINITY : entryNumber(given, "count");
      return (await import("./logList.ts")).printList({ ...readRequest(args, log), from, count });
    },
  },
  mark: {
    takes: ["overTail", "imageOpts", "object"],
    operands: ["LOG", "TEXT"],
    run: async (args, [log = "", text = ""]) => {
      const { addMark } = await import("./logMark.ts");
      await addMark({ log, imageOpts: args.has("imageOpts"), text, overTail: args.has("overTail") });
      return 0;
    },
  },
};

export const log = defineCommand({
  usage: ["info [OPTION...] LOG", "list [OPTION...] LOG", "mark [OPTION...] LOG TEXT"],
  description: `Looks into logs of writes, as Linux's dm-log-writes and the blklogwrites driver write them. LOG is a file or a
device.

info says what the log holds, and where and why it ends. list prints its entries. mark adds a mark of that text at the
end of a log that nobody writes to; every mark is a moment that can be found again.

Whatever is wrong with a log, what can be read is shown. The superblock's count is written now and then only: entries
behind it are shown as not counted, since they can also be those of an older log in the same file.`,
  options,
  sections: [
    {
      title: "Output of info (json)",
      text: `one object: "filename", "format", "version", "sector-size", "log-size" (bytes), "stated-entries" (what the
superblock says), "entries" (found), "counted-entries" (of these, by the superblock), "operations" (by name: "count" and,
for writes and discards, "bytes"), "disk-size-at-least" (end of the furthest write or discard), "end": "kind" (complete,
torn, bad-entry, unreadable, foreign, limit), "entry", "offset" (in the log), "message"; "marks": a list of "entry" and
"text", 1000 at most; "recovered": a list of "first", "count", "offset", "skipped"`,
    },
    {
      title: "Output of list (json)",
      text: `one object a line: "entry" (its number), "kind" (write, discard, flush, mark, empty), "flags" (a list of FLUSH,
FUA, DISCARD, MARK, METADATA), "offset" and "length" (on the disk), "header" (its place in the log), "data" (that of its
data, where it has some), "text" (of a mark), "counted" (by the superblock), "recovered"`,
    },
  ],
  exits: [
    [0, "done"],
    [1, "wrong usage, the log could not be opened, or it is none"],
    [2, "the log is not whole: what could be read was shown"],
    [130, "interrupted"],
  ],
  examples: [
    "log info disk.log",
    "log list --from 1000 --count 20 disk.log",
    'log mark disk.log "mkfs done"',
  ],
  failure: 1,
  async run(args) {
    const [name, ...operands] = args.operands;
    const names = Object.keys(actions).join(", ");
    if (name === undefined) throw new UsageError(`Expecting one of ${names}`);
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) throw new UsageError(`log has no '${name}'; expecting one of ${names}`);
    const other = args.given.find((option) => !action.takes.includes(option.name));
    if (other !== undefined) throw new UsageError(`log ${name} takes no --${options[other.name].long}`);
    if ((await takeObjects(args.values("object"))).helped) return 0;
    if (operands.length !== action.operands.length) {
      throw new UsageError(`Expecting log ${name} ${action.operands.join(" ")}`);
    }
    return action.run(args, operands);
  },
});

function readRequest(args: Parsed<LogOptions>, file: string) {
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

function entryNumber(text: string, what: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new CliError(`Invalid --${what} '${text}': expecting a number of entries`, 1);
}
