// `blkscope repair`: options and their rules. The work is in repairRun, repairFinish and repairRescue.
import { CliError, defineCommand, UsageError } from "./command.ts";
import type { OptionSpecs, Parsed } from "./options.ts";

const options = {
  plan: { long: "plan", help: "show what can be mended, byte by byte; nothing is changed (the default)" },
  apply: { long: "apply", help: "mend what is chosen: all that loses nothing, or what --only names" },
  undo: { long: "undo", value: "JOURNAL", help: "take a repair back: every byte becomes what it was" },
  resume: { long: "resume", value: "JOURNAL", help: "finish a repair that was cut off" },
  rescueLeaks: {
    long: "rescue-leaks",
    value: "OUT",
    help: "write what lies in leaked clusters to a new file, and an index to OUT.json; the image is only read",
  },
  dryRun: { long: "dry-run", help: "with --undo or --resume: only say whether it can be done" },
  only: { long: "only", value: "IDS", help: "items to mend, by their ids, separated by commas" },
  journal: { long: "journal", value: "FILE", help: "the undo journal (default: IMAGE.blkscope-undo)" },
  copy: { long: "copy", value: "OUT", help: "mend a copy of the image, which must not exist yet" },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  imageOpts: { long: "image-opts", help: "IMAGE is a list of options: driver=qed,file.filename=disk.qed" },
  output: { long: "output", value: "FORM", help: "human (default) or json" },
} as const satisfies OptionSpecs;

export const repair = defineCommand({
  usage: [
    "[--plan | --apply] [OPTION...] IMAGE",
    "--undo JOURNAL [--dry-run] [IMAGE]",
    "--resume JOURNAL [--dry-run] [IMAGE]",
    "--rescue-leaks OUT [-f FMT] IMAGE",
  ],
  description: `Mends the tables of an image, beyond what check -r can: clusters and tables with two users are copied for the
later one, entries that point nowhere are cleared, unused clusters at the end are given back, and the mark of an
image that was not closed properly is removed last.

Before the first change all of it, old and new, is written to an undo journal and synced. Whatever ends the program
then, --resume finishes the repair and --undo takes it back. See docs/repair.md.`,
  options,
  exits: [
    [0, "nothing is left to be mended; with --undo, --resume and --rescue-leaks: done"],
    [1, "failed; the message says whether anything was changed"],
    [2, "something can be mended (--plan), is left (--apply), or can't be read (--rescue-leaks)"],
    [63, "the format has no repair"],
    [130, "interrupted"],
  ],
  examples: [
    "repair --plan disk.qed",
    "repair --apply --copy mended.qed disk.qed",
    "repair --apply disk.qed",
    "repair --undo disk.qed.blkscope-undo",
    "repair --rescue-leaks leaked.bin disk.qed",
  ],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    const modes = modeNames.filter((name) => args.has(name));
    if (modes.length > 1) {
      throw new UsageError("--plan, --apply, --undo, --resume and --rescue-leaks exclude each other");
    }
    const mode = modes[0] ?? "plan";
    const [file, ...more] = args.operands;
    if (more.length > 0) throw new UsageError("Expecting one image file name");
    refuseIdleOptions(args, mode);
    const json = output === "json";
    if (mode === "undo" || mode === "resume") {
      const { finishRepair } = await import("./repairFinish.ts");
      const journal = args.value(mode) ?? "";
      return finishRepair({ mode, journal, image: file, dryRun: args.has("dryRun"), json });
    }
    if (file === undefined) throw new UsageError("Expecting one image file name");
    const image = { file, format: args.value("format"), imageOpts: args.has("imageOpts"), json };
    if (mode === "rescueLeaks") {
      const { runRescue } = await import("./repairRescue.ts");
      return runRescue({ ...image, to: args.value("rescueLeaks") ?? "" });
    }
    const { runRepair } = await import("./repairRun.ts");
    return runRepair({
      ...image,
      apply: mode === "apply",
      only: args
        .value("only")
        ?.split(",")
        .filter((id) => id !== ""),
      journal: args.value("journal"),
      copy: args.value("copy"),
    });
  },
});

const modeNames = ["plan", "apply", "undo", "resume", "rescueLeaks"] as const;
type Mode = (typeof modeNames)[number];

/** Options that only some modes have. */
const modesOf: readonly (readonly [option: keyof typeof options, modes: readonly Mode[], why: string])[] = [
  ["dryRun", ["undo", "resume"], "--undo or --resume; --plan changes nothing"],
  ["copy", ["apply"], "--apply"],
  ["only", ["plan", "apply"], "--plan or --apply"],
  ["journal", ["plan", "apply"], "--plan or --apply"],
  ["format", ["plan", "apply", "rescueLeaks"], "an image; a journal says itself what is done"],
  ["imageOpts", ["plan", "apply", "rescueLeaks"], "an image; a journal says itself what is done"],
];

/** What would be passed over in silence is refused: the person expects something of it. */
function refuseIdleOptions(args: Parsed<typeof options>, mode: Mode): void {
  const idle = modesOf.find(([option, modes]) => args.has(option) && !modes.includes(mode));
  if (idle) throw new UsageError(`--${options[idle[0]].long} goes with ${idle[2]}`);
}
