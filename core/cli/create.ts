// `blkscope create`: a new image. Options, the `Formatting` line, messages and exit codes of `qemu-img create`.
import { defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";

const options = {
  format: { short: "f", long: "format", value: "FMT", help: "the new image's format (default: raw)" },
  backing: {
    short: "b",
    long: "backing",
    value: "FILE",
    help: "backing file: what is not written to the image reads from it; a relative name starts in the image's folder",
  },
  backingFormat: {
    short: "F",
    long: "backing-format",
    value: "FMT",
    help: "the backing file's format; needed with -b",
  },
  backingFormatNew: { short: "B", value: "FMT", own: true, help: "the same as -F" },
  unsafe: { short: "u", long: "backing-unsafe", help: "do not open the backing file; SIZE is needed then" },
  options: {
    short: "o",
    long: "options",
    value: "OPTS",
    help: "options of the format: name=value,name=value; may be given several times; -o help lists them",
  },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors" },
  object: objectOption,
} as const satisfies OptionSpecs;

export const create = defineCommand({
  usage: ["[OPTION...] FILE [SIZE]", "-f FMT -o help [FILE]"],
  description: `Creates an empty image of SIZE bytes. A file of that name is overwritten. Without SIZE the new image is as
large as its backing file.

SIZE is a number with one of the suffixes k, M, G, T, P, E; images have a whole number of 512-byte sectors.

A qcow2 image with an external data file (-o data_file=NAME) has it made as well, and emptied if it was there; a relative
NAME starts in the image's folder, where it is looked for when the image is opened. Encrypted images are not made.`,
  options,
  exits: [
    [0, "created"],
    [1, "wrong usage, or the image could not be created; a new file is removed again"],
  ],
  examples: [
    "create -f qed disk.qed 10G",
    "create -f qed -b base.raw -F raw overlay.qed",
    "create -f qed -o cluster_size=64k,table_size=4 disk.qed 1T",
    "create -f qed -o help disk.qed",
    "create -f qcow2 -o cluster_size=2M,preallocation=metadata disk.qcow2 1T",
  ],
  failure: 1,
  async run(args) {
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const { asksForHelp, splitOptionLists } = await import("./optionList.ts");
    const given = splitOptionLists(args.values("options"));
    const [file, size, ...more] = args.operands;
    const format = args.value("format") ?? "raw";
    const { createCommand, printCreateOptions } = await import("./createImage.ts");
    if (asksForHelp(given)) return printCreateOptions(format, file);
    if (file === undefined) throw new UsageError("Expecting image file name");
    if (more[0] !== undefined) throw new UsageError(`Unexpected argument: ${more[0]}`);
    const backing = args.value("backing");
    const backingFormat = args.value("backingFormatNew") ?? args.value("backingFormat");
    return createCommand({
      file,
      format,
      size,
      given,
      backing,
      backingFormat,
      opensBacking: !args.has("unsafe"),
      quiet: args.has("quiet"),
    });
  },
});
