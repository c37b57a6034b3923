// `blkscope rebase`: another backing file for an image. Options, messages and exit codes of `qemu-img rebase`.
import { cacheMode } from "./cacheMode.ts";
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
  backing: {
    short: "b",
    long: "backing",
    value: "FILE",
    help: 'the new backing file, a relative name starts in the image\'s folder; "" for none',
  },
  backingFormat: { short: "F", long: "backing-format", value: "FMT", help: "the new backing file's format" },
  backingFormatNew: { short: "B", value: "FMT", own: true, help: "the same as -F" },
  unsafe: {
    short: "u",
    long: "backing-unsafe",
    help: "only change the name: for a backing file that was moved or renamed, or is known to hold the same",
  },
  cache: {
    short: "t",
    long: "cache",
    value: "MODE",
    help: "cache mode of the image: none, writeback (default), writethrough, directsync or unsafe",
  },
  sourceCache: { short: "T", long: "source-cache", value: "MODE", help: "cache mode of the backing files" },
  progress: { short: "p", long: "progress", help: "show progress" },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open a new backing file that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const rebase = defineCommand({
  usage: [
    "[OPTION...] -b FILE -F FMT IMAGE",
    "[OPTION...] -b '' IMAGE",
    "-u [OPTION...] -b FILE -F FMT IMAGE",
  ],
  description: `Gives an image another backing file. What a guest reads stays the same: where the old and the new backing
file differ, the data are copied into the image first. Interrupted, the image still has its old backing file.

With -u nothing is compared and nothing copied: if the files differ, the contents of the image change.`,
  options,
  exits: [
    [0, "the image has its new backing file"],
    [1, "wrong usage, or an image could not be opened or written; the image reads as before"],
    [130, "interrupted; the image reads as before"],
  ],
  examples: [
    "rebase -b newbase.raw -F raw overlay.qed",
    "rebase -b '' overlay.qed",
    "rebase -u -b moved/base.qed -F qed overlay.qed",
  ],
  failure: 1,
  async run(args) {
    const [file, ...more] = args.operands;
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    const backing = args.value("backing");
    const unsafe = args.has("unsafe");
    // The peer takes -u without a name as the wish for no backing file; who types it wants something else.
    if (backing === undefined && !(unsafe && inPlaceOfPeer)) {
      throw new UsageError("Must specify backing file (-b) or use unsafe mode (-u)");
    }
    if (args.has("imageOpts") && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    return (await import("./rebaseImage.ts")).rebaseCommand({
      file,
      imageOpts: args.has("imageOpts"),
      format: args.value("format"),
      backing: backing ?? "",
      backingFormat: args.value("backingFormatNew") ?? args.value("backingFormat"),
      unsafe,
      cache: cacheMode(args.value("cache") ?? "writeback", "cache"),
      sourceCache: cacheMode(args.value("sourceCache") ?? "writeback", "source cache"),
      progress: args.has("progress") && !args.has("quiet"),
      forceShare: args.has("forceShare"),
    });
  },
});
