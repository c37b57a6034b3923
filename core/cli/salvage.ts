// `blkscope salvage`: options and their rules. The work is in salvageRun.ts.
import { CliError, defineCommand, UsageError } from "./command.ts";
import type { OptionSpecs, Parsed } from "./options.ts";
import type { SalvageArguments } from "./salvageRun.ts";

const options = {
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "format of the copies (default: found by their first bytes); given several times, one for each copy in order",
  },
  targetFormat: {
    short: "O",
    long: "target-format",
    value: "FMT",
    help: "format of the target (default: raw)",
  },
  options: {
    short: "o",
    long: "options",
    value: "OPTIONS",
    help: "name=value,... for the new image; -o help lists them",
  },
  skipCreate: { short: "n", long: "no-create", help: "write into the target that is there" },
  threshold: {
    long: "threshold",
    value: "N",
    help: "copies that have to say the same (default: more than half of all)",
  },
  undecided: {
    long: "undecided",
    value: "WHAT",
    help: "what is written where no majority exists: zeroes (default), or the number of a copy",
  },
  report: { long: "report", value: "FILE", help: "write the report into a file instead of to stdout" },
  output: { long: "output", value: "FORM", help: "form of the report: human (default) or json" },
  progress: {
    short: "p",
    long: "progress",
    help: "show progress on stderr (the default when that is a terminal)",
  },
  quiet: {
    short: "q",
    long: "quiet",
    help: "print nothing but errors; a report into a file is still written",
  },
  imageOpts: {
    long: "image-opts",
    help: "the copies are lists of options: driver=qed,file.filename=disk.qed",
  },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open copies that another program has open for writing",
  },
} as const satisfies OptionSpecs;

const jsonLines = `a range      in which the copies disagree has "offset", "length" (bytes), "winner" (copies that won the vote),
             "outvoted" (those that were read and say otherwise), "unreadable" (list of "copy" and "message"),
             "groups" (copies that say the same), "tied" (two groups were the largest: which of them won is
             owed to quorum's rule, not to a majority) and "written": "winner", "zeroes" or the number of a copy
the summary  comes last, once the target is complete: "target", "format", "size", "threshold", "undecided",
             "agreed", "runs", "bytes", "undecided-runs", "undecided-bytes", "tied-runs", "tied-bytes", and
             "copies": a list of "copy", "file", "size", "outvoted-bytes", "unreadable-bytes"`;

export const salvage = defineCommand({
  usage: ["[OPTION...] COPY COPY... TARGET"],
  description: `Reads several copies of one disk, each perhaps damaged elsewhere, and writes what the majority of them says,
sector by sector. Every range in which they disagree is reported: who was outvoted, who could not be read, and where no
majority exists. The copies are only read.

What cannot be read of a copy has no vote, nor has a shorter copy behind its end; the target is as long as the longest
copy. Copies may be of different formats: a hole says the same as written zeroes. With --threshold 1 the largest group
wins however small it is, and among groups of one size that of the highest first copy, as in quorum.

The target has its name only when it is complete. Until then its file is called TARGET.PID.partial, and it is removed when
the command fails or is interrupted. A killed command leaves it there, to be deleted: the next one for the same target names it.
A file of the target's name is lost at the beginning. With -n, or on a device, the target is written in place.`,
  options,
  sections: [
    {
      title: "Output (--output json) is one JSON object a line; copies are numbered from 1",
      text: jsonLines,
    },
  ],
  exits: [
    [0, "written; all copies say the same"],
    [1, "wrong usage, or nothing complete was written"],
    [2, "written; copies disagree, and everywhere a majority decided"],
    [3, "written; somewhere no majority exists, or a tie was decided by rule"],
    [130, "interrupted by Ctrl-C; other signals likewise give 128 + their number"],
  ],
  examples: [
    "salvage a.raw b.raw c.raw -O raw disk.raw",
    "salvage --undecided 1 --report disputed.txt a.qed b.qed c.qed -O qed disk.qed",
    "salvage -f raw -f qed -f raw --output json a.raw b.qed c.raw disk.raw | jq 'select(.outvoted)'",
  ],
  failure: 1,
  async run(args) {
    const given = checked(args);
    const { asksForHelp, splitOptionLists } = await import("./optionList.ts");
    if (asksForHelp(splitOptionLists(given.options))) {
      const { printCreateOptions } = await import("./createImage.ts");
      return printCreateOptions(given.targetFormat ?? "raw", undefined);
    }
    if (given.copies.length < 2) throw new UsageError("Expecting two copies or more, and the target");
    return (await import("./salvageRun.ts")).salvageRun(given);
  },
});

function checked(args: Parsed<typeof options>): SalvageArguments {
  const copies = args.operands.slice(0, -1);
  const formats = args.values("format");
  const output = args.value("output") ?? "human";
  if (output !== "human" && output !== "json")
    refuse("--output must be used with human or json as argument.");
  if (formats.length > 0 && args.has("imageOpts")) refuse("--image-opts and --format are mutually exclusive");
  if (formats.length > 1 && formats.length !== copies.length) {
    refuse(`${formats.length} formats are given for ${copies.length} copies: give one, or one for each`);
  }
  if (args.has("skipCreate") && args.has("options")) refuse("-o has no effect when skipping image creation");
  return {
    copies,
    target: args.operands.at(-1) ?? "",
    formats,
    targetFormat: args.value("targetFormat"),
    options: args.values("options"),
    skipCreate: args.has("skipCreate"),
    threshold: numberIn(args.value("threshold"), copies.length, "--threshold is a number of copies"),
    fallback: fallbackOf(args.value("undecided"), copies.length),
    report: args.value("report"),
    json: output === "json",
    progress: args.has("progress"),
    quiet: args.has("quiet"),
    imageOpts: args.has("imageOpts"),
    forceShare: args.has("forceShare"),
  };
}

/** Index of a copy; undefined: zeroes. */
function fallbackOf(text: string | undefined, copies: number): number | undefined {
  const number = text === "zeroes" ? undefined : numberIn(text, copies, "--undecided is zeroes or a copy");
  return number === undefined ? undefined : number - 1;
}

function numberIn(text: string | undefined, most: number, what: string): number | undefined {
  if (text === undefined) return undefined;
  const number = /^[0-9]+$/.test(text) ? Number(text) : 0;
  return number >= 1 && number <= most ? number : refuse(`${what}, 1 to ${most}; '${text}' is none`);
}

function refuse(message: string): never {
  throw new CliError(message, 1);
}
