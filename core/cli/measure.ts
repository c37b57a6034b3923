// `blkscope measure`: the space a new image would need. Options, output and exit codes of `qemu-img measure`.
import { CliError, defineCommand } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  targetFormat: {
    short: "O",
    long: "target-format",
    value: "FMT",
    help: "format of the new image (default: raw)",
  },
  options: { short: "o", long: "options", value: "OPTS", help: "options of the new image: name=value,..." },
  size: { long: "size", value: "SIZE", help: "a new, empty image of this size" },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "FILE's format (default: found by its first bytes)",
  },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  snapshot: {
    short: "l",
    long: "snapshot",
    value: "SNAPSHOT",
    help: "measure this internal snapshot of FILE",
  },
  output: { long: "output", value: "FORM", help: "human (default) or json" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const measure = defineCommand({
  usage: ["[OPTION...] FILE", "[OPTION...] --size SIZE"],
  description: `Shows how many bytes of file a new image needs: to hold what FILE holds, and with everything allocated.
Nothing is created or changed.`,
  options,
  exits: [
    [0, "shown"],
    [1, "wrong usage, an image that could not be read, or a format that can't be measured"],
  ],
  examples: [
    "measure -O raw disk.qed",
    "measure -O raw --size 10G --output json",
    "measure -O qcow2 -o cluster_size=2M disk.raw",
  ],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    const { splitOptionLists } = await import("./optionList.ts");
    const given = splitOptionLists(args.values("options"));
    const sizeText = args.value("size");
    const size = sizeText === undefined ? undefined : sizeArgument(sizeText, "image size");
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const [file, ...more] = args.operands;
    if (more.length > 0) throw new CliError("At most one filename argument is allowed.", 1);
    if (file === undefined && (args.has("imageOpts") || args.has("format") || args.has("snapshot"))) {
      throw new CliError("--image-opts, -f, and -l require a filename argument.", 1);
    }
    if (file === undefined && size === undefined) {
      throw new CliError("Either --size N or one filename must be specified.", 1);
    }
    if (file !== undefined && size !== undefined) {
      throw new CliError("--size N cannot be used together with a filename.", 1);
    }
    return (await import("./measureImage.ts")).measureCommand({
      file,
      size,
      given,
      targetFormat: args.value("targetFormat") ?? "raw",
      format: args.value("format"),
      imageOpts: args.has("imageOpts"),
      snapshot: args.value("snapshot"),
      forceShare: args.has("forceShare"),
      json: output === "json",
    });
  },
});
