// `blkscope resize`: another size for an image. Options, messages and exit codes of `qemu-img resize`.
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { inPlaceOfPeer } from "./persona.ts";

const options = {
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  preallocation: {
    long: "preallocation",
    value: "MODE",
    help: "how space for a larger image is set aside: off (default), metadata, falloc, full",
  },
  shrink: {
    long: "shrink",
    help: "allow a smaller size: everything behind the new end is lost, and perhaps where it fails midway, too",
  },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors" },
  object: objectOption,
} as const satisfies OptionSpecs;

export const resize = defineCommand({
  usage: ["[OPTION...] FILE SIZE", "[OPTION...] FILE +SIZE", "[OPTION...] --shrink FILE -SIZE"],
  description: `Changes the size of an image as a guest sees it. +SIZE and -SIZE are added to the size it has. Partitions and
file systems in it stay as they are: make them smaller before shrinking, larger after growing.

QED images can only grow.`,
  options,
  exits: [
    [0, "resized"],
    [1, "wrong usage, or the image could not be opened or resized"],
  ],
  examples: ["resize disk.qed +10G", "resize -f raw --shrink disk.img 1G"],
  failure: 1,
  // The size may look like an option: -1G. As the peer, where we stand in for it, whatever it is.
  arrange(args) {
    const last = args.at(-1);
    if (last === undefined || last === "-h" || last === "--help" || args.at(-2) === "--") return args;
    return inPlaceOfPeer || /^-[0-9.]/.test(last) ? [...args.slice(0, -1), "--", last] : args;
  },
  async run(args) {
    const [file, size, ...more] = args.operands;
    if (args.given.length + args.operands.length < 2) throw new UsageError("Not enough arguments");
    if (file === undefined || size === undefined || more.length > 0) {
      throw new UsageError("Expecting image file name and size");
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const imageOpts = args.has("imageOpts");
    if (imageOpts && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    return (await import("./resizeImage.ts")).resizeCommand({
      file,
      size,
      imageOpts,
      format: args.value("format"),
      preallocation: args.value("preallocation") ?? "off",
      shrink: args.has("shrink"),
      quiet: args.has("quiet"),
    });
  },
});
