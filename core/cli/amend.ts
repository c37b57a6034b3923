// `blkscope amend`: other options for an image that is there. Options, messages and exit codes of `qemu-img amend`.
import { cacheMode } from "./cacheMode.ts";
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { stdout } from "./output.ts";
import { Progress } from "./progress.ts";

const options = {
  options: { short: "o", long: "options", value: "OPTS", help: "what to change: name=value,name=value" },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  cache: {
    short: "t",
    long: "cache",
    value: "MODE",
    help: "cache mode of the image: none, writeback (default), writethrough, directsync or unsafe",
  },
  force: { long: "force", help: "also do what can make data unreadable" },
  progress: { short: "p", long: "progress", help: "show progress" },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors" },
  object: objectOption,
} as const satisfies OptionSpecs;

export const amend = defineCommand({
  usage: ["[OPTION...] -o OPTS FILE"],
  description: `Changes options of an image that were chosen when it was created, for formats that have such options: of
qcow2 images the version (compat), the width of refcounts, lazy refcounts, the size, and what is said of the data file. What
is refused is refused before anything is changed. Raw and QED images have no such options: copy the image into a new one
instead.

Going back to compat=0.10 makes clusters that read as zeroes into clusters that hold zeroes where a backing file would show
through, and takes bitmaps out of the image.`,
  options,
  exits: [
    [0, "the image has the options that were asked for"],
    [1, "wrong usage, or the image can't have an option"],
  ],
  examples: [
    "amend -o compat=1.1,lazy_refcounts=on disk.qcow2",
    "amend -p -o refcount_bits=64 disk.qcow2",
    "amend -o help -f qcow2",
  ],
  failure: 1,
  async run(args) {
    const { asksForHelp, splitOptionLists } = await import("./optionList.ts");
    const given = splitOptionLists(args.values("options"));
    if (given.length === 0) throw new UsageError("Must specify options (-o)");
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const [file, ...more] = args.operands;
    const format = args.value("format");
    const { amendImage, printAmendOptions, withImage } = await import("./amendImage.ts");
    if (format !== undefined && asksForHelp(given)) return printAmendOptions(format);
    if (file === undefined || more.length > 0) throw new CliError("Expecting one image file name", 1);
    const cache = cacheMode(args.value("cache") ?? "writeback", "cache");
    const imageOpts = args.has("imageOpts");
    if (imageOpts && format !== undefined) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    const request = { imageOpts, format, writable: true, cache };
    const progress = new Progress(args.has("progress") && !args.has("quiet") ? stdout : undefined);
    return withImage(file, request, ({ graph }) => amendImage(graph.root, given, progress));
  },
});
