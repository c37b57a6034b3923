// `blkscope repair`: options and their rules. The work is in repairRun.ts and repairFinish.ts.
import { CliError, defineCommand, UsageError } from "./command.ts";
import type { OptionSpecs, Parsed } from "./options.ts";

const options = {
  plan: { long: "plan", help: "show what can be mended, byte by byte; nothing is changed (the default)" },
  apply: { long: "apply", help: "mend what is chosen: all that loses nothing, or what --only names" },
  undo: { long: "undo", value: "JOURNAL", help: "take a repair back: every byte becomes what it was" },
  resume: { long: "resume", value: "JOURNAL", help: "finish a repair that was cut off" },
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
  ],
  description: `Mends the tables of an image, beyond what check -r can: clusters and tables with two users are copied for the
later one, entries that point nowhere are cleared, unused clusters at the end are given back, and the mark of an
image that was not closed properly is removed last.

Before the first change all of it, old and new, is written to an undo journal and synced. Whatever ends the program
then, --resume finishes the repair and --undo takes it back. See docs/repair.md.`,
  options,
  exits: [
    [0, "nothing is left to be mended; with --undo and --resume: done"],
    [1, "failed; the message says whether anything was changed"],
    [2, "something can be mended (--plan), or something is left (--apply)"],
    [63, "the format has no repair"],
    [130, "interrupted"],
  ],
  examples: [
    "repair --plan disk.qed",
    "repair --apply --copy mended.qed disk.qed",
    "repair --apply disk.qed",
    "repair --undo disk.qed.blkscope-undo",
  ],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    const modes = (["plan", "apply", "undo", "resume"] as const).filter((name) => args.has(name));
    if (modes.length > 1) throw new UsageError("--plan, --apply, --undo and --resume exclude each other");
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
    const { runRepair } = await import("./repairRun.ts");
    return runRepair({
      file,
      apply: mode === "apply",
      format: args.value("format"),
      imageOpts: args.has("imageOpts"),
      only: args
        .value("only")
        ?.split(",")
        .filter((id) => id !== ""),
      journal: args.value("journal"),
      copy: args.value("copy"),
      json,
    });
  },
});

type Mode = "plan" | "apply" | "undo" | "resume";

/** What would be passed over in silence is refused: the person expects something of it. */
function refuseIdleOptions(args: Parsed<typeof options>, mode: Mode): void {
  if ((mode === "plan" || mode === "apply") && args.has("dryRun")) {
    throw new UsageError("--dry-run goes with --undo or --resume; --plan changes nothing");
  }
  if (mode === "plan" && args.has("copy")) throw new UsageError("--copy goes with --apply");
  if (mode === "plan" || mode === "apply") return;
  const idle = (["only", "journal", "copy", "format", "imageOpts"] as const).find((name) => args.has(name));
  if (idle === undefined) return;
  throw new UsageError(`--${options[idle].long} goes with --plan or --apply; the journal says what is done`);
}
