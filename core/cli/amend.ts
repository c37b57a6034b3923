// `blkscope amend`: other options for an image that is there. Options, messages and exit codes of `qemu-img amend`; no
// format here has an option that can be changed later.
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
  description: `Changes options of an image that were chosen when it was created, for formats that have such options. Raw
and QED images have none: copy the image into a new one instead.`,
  options,
  exits: [[1, "wrong usage, or the format has no option that can be changed"]],
  examples: ["amend -o help -f qed"],
  failure: 1,
  async run(args) {
    const { asksForHelp, splitOptionLists } = await import("./optionList.ts");
    const given = splitOptionLists(args.values("options"));
    if (given.length === 0) throw new UsageError("Must specify options (-o)");
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const [file, ...more] = args.operands;
    const format = args.value("format");
    const { refuseAmendment, withImage } = await import("./amendImage.ts");
    if (format !== undefined && asksForHelp(given)) return refuseAmendment(format);
    if (file === undefined || more.length > 0) throw new CliError("Expecting one image file name", 1);
    const cache = cacheMode(args.value("cache") ?? "writeback", "cache");
    const imageOpts = args.has("imageOpts");
    if (imageOpts && format !== undefined) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    const request = { imageOpts, format, writable: true, cache };
    return withImage(file, request, async ({ graph }) => {
      new Progress(args.has("progress") && !args.has("quiet") ? stdout : undefined).end();
      return refuseAmendment(graph.root.driver);
    });
  },
});
