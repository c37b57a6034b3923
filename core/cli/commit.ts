// `blkscope commit`: an image's data into its backing file. Options, messages and exit codes of `qemu-img commit`.
import { cacheMode } from "./cacheMode.ts";
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  base: {
    short: "b",
    long: "base",
    value: "FILE",
    help: "commit into this file of the backing chain, not into the image's own backing file; implies -d",
  },
  drop: { short: "d", long: "drop", help: "do not empty the image afterwards; only qcow2 images are" },
  rate: { short: "r", long: "rate-limit", value: "RATE", help: "bytes a second to write at most" },
  cache: {
    short: "t",
    long: "cache",
    value: "MODE",
    help: "cache mode of the images: none, writeback (default), writethrough, directsync or unsafe",
  },
  progress: { short: "p", long: "progress", help: "show progress" },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors" },
  object: objectOption,
} as const satisfies OptionSpecs;

export const commit = defineCommand({
  usage: ["[OPTION...] FILE"],
  description: `Writes what an image holds into its backing file, which then reads as the image does. A smaller backing
file grows. A qcow2 image is emptied afterwards, unless -d says not to; others are not changed. Interrupted, the command
can be given again.

Other images on the same backing file become worthless, and with -b those between as well.`,
  options,
  exits: [
    [0, "committed"],
    [1, "wrong usage, or an image could not be opened, read or written"],
    [130, "interrupted; the image is complete, the backing file has part of the data"],
  ],
  examples: ["commit overlay.qed", "commit -p -b base.qed top.qed"],
  failure: 1,
  async run(args) {
    const [file, ...more] = args.operands;
    const rate = args.value("rate");
    const bytes = rate === undefined ? 0 : sizeArgument(rate, "rate limit");
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    if (args.has("imageOpts") && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    return (await import("./commitImage.ts")).commitCommand({
      file,
      imageOpts: args.has("imageOpts"),
      format: args.value("format"),
      base: args.value("base"),
      rate: bytes === 0 ? undefined : bytes,
      cache: cacheMode(args.value("cache") ?? "writeback", "cache"),
      progress: args.has("progress") && !args.has("quiet"),
      quiet: args.has("quiet"),
      empties: !args.has("drop") && !args.has("base"),
    });
  },
});
