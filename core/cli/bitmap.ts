// `blkscope bitmap`: dirty bitmaps kept in an image. Options, messages and exit codes of `qemu-img bitmap`.
import { CliError, defineCommand } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  add: { long: "add", help: "add bitmap NAME" },
  remove: { long: "remove", help: "remove it" },
  clear: { long: "clear", help: "forget what it has noted" },
  enable: { long: "enable", help: "note writes from now on" },
  disable: { long: "disable", help: "note none from now on" },
  merge: { long: "merge", value: "SOURCE", help: "add what bitmap SOURCE has noted" },
  sourceFile: { short: "b", long: "source-file", value: "FILE", help: "the image that has SOURCE" },
  sourceFormat: { short: "F", long: "source-format", value: "FMT", help: "that image's format" },
  granularity: {
    short: "g",
    long: "granularity",
    value: "SIZE",
    help: "with --add: bytes that share one bit, a power of 2 of at least 512 (default: 64k)",
  },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  object: objectOption,
} as const satisfies OptionSpecs;

const actions = ["add", "remove", "clear", "enable", "disable", "merge"] as const;

export const bitmap = defineCommand({
  usage: ["(--add | --remove | --clear | --enable | --disable | --merge SOURCE)... [OPTION...] FILE NAME"],
  description: `Adds, changes and removes dirty bitmaps, which note what was written, for formats that can keep them in the
image: qcow2 from version 3 on. Raw and QED images cannot. What is asked for is done in its order, and ends with the first
that fails.`,
  options,
  exits: [
    [0, "all of it was done"],
    [1, "wrong usage, an image could not be opened, its format keeps no bitmaps, or there is no such bitmap"],
  ],
  examples: [
    "bitmap --add -g 64k disk.qcow2 b0",
    "bitmap --add --disable --merge b0 disk.qcow2 copy",
    "bitmap --add --merge b0 -b other.qcow2 -F qcow2 disk.qcow2 all",
  ],
  failure: 1,
  async run(args) {
    const asked = args.given.filter(({ name }) => (actions as readonly string[]).includes(name));
    const granularityText = args.value("granularity");
    const granularity =
      granularityText === undefined ? undefined : sizeArgument(granularityText, "granularity", { min: 1 });
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const [file, name, ...more] = args.operands;
    if (args.has("imageOpts") && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    if (asked.length === 0) {
      throw new CliError("Need at least one of --add, --remove, --clear, --enable, --disable, or --merge", 1);
    }
    if (granularity !== undefined && !args.has("add")) {
      throw new CliError("granularity only supported with --add", 1);
    }
    const sourceFile = args.value("sourceFile");
    if (args.has("sourceFormat") && sourceFile === undefined) {
      throw new CliError("-F only supported with -b", 1);
    }
    if (sourceFile !== undefined && !args.has("merge")) {
      throw new CliError("Merge bitmap source file only supported with --merge", 1);
    }
    if (file === undefined || name === undefined || more.length > 0) {
      throw new CliError("Expecting filename and bitmap name", 1);
    }
    const { openImage, withImage } = await import("./openImage.ts");
    const request = { imageOpts: args.has("imageOpts"), format: args.value("format"), writable: true };
    return withImage(file, request, async ({ graph }) => {
      const { runBitmapActions } = await import("./bitmapImage.ts");
      const source =
        sourceFile === undefined
          ? undefined
          : await openImage(sourceFile, { format: args.value("sourceFormat") });
      try {
        const from = source?.graph.root ?? graph.root;
        await runBitmapActions({ image: graph.root, source: from, name, granularity, actions: asked });
      } finally {
        await source?.graph.close();
      }
      return 0;
    });
  },
});
