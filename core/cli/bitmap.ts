// `blkscope bitmap`: dirty bitmaps kept in an image. Options, messages and exit codes of `qemu-img bitmap`; no format here
// can keep any.
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
type Action = (typeof actions)[number];

export const bitmap = defineCommand({
  usage: ["(--add | --remove | --clear | --enable | --disable | --merge SOURCE)... [OPTION...] FILE NAME"],
  description: `Adds, changes and removes dirty bitmaps, which note what was written, for formats that can keep them in the
image. Raw and QED images cannot.`,
  options,
  exits: [[1, "wrong usage, an image could not be opened, or its format keeps no bitmaps"]],
  examples: ["bitmap --add disk.qed b0"],
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
    const first = asked[0];
    if (first === undefined) {
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
      if (sourceFile !== undefined) {
        await (await openImage(sourceFile, { format: args.value("sourceFormat") })).graph.close();
      }
      const why = lacking(first.name as Action, name, graph.root.name, granularity);
      throw new CliError(
        `Operation ${first.name} on bitmap ${name} failed: ${why}`,
        1,
        hintFor(graph.root.driver),
      );
    });
  },
});

function hintFor(format: string): string {
  return `Images of the format ${format} keep no bitmaps.`;
}

/** What a format without bitmaps answers, after what is wrong with the request itself. */
function lacking(action: Action, name: string, node: string, granularity: number | undefined): string {
  if (action !== "add") return `Dirty bitmap '${name}' not found`;
  if (name === "") return "Bitmap name cannot be empty";
  if (granularity !== undefined && (granularity < 512 || !Number.isInteger(Math.log2(granularity)))) {
    return "Granularity must be power of 2 and at least 512";
  }
  return `Can't store persistent bitmaps to ${node}: Operation not supported`;
}
