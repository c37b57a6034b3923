// `blkscope info`: what an image is, without reading its data and without needing its backing file.
// Options, JSON members, human lines and exit codes are those of `qemu-img info`.
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { jsonText, stdout } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";

const options = {
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  output: { long: "output", value: "FORM", help: "human (default) or json" },
  backingChain: { long: "backing-chain", help: "also show the backing file, its backing file, and so on" },
  imageOpts: {
    long: "image-opts",
    help: "FILE is a list of options: driver=qed,file.filename=disk.qed (a comma in a value is doubled)",
  },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const info = defineCommand({
  usage: ["[OPTION...] FILE"],
  description:
    "Shows an image's format, sizes and backing file. Nothing is changed; a missing backing file does not matter.",
  options,
  sections: [
    {
      title: "FILE",
      text: `may also be json:{...} with the same options as JSON, or PROTOCOL:NAME (file, host_device, host_cdrom,
null-co). A name with a colon before its first slash is written ./NAME, one that begins with a dash ./-NAME or
after --.`,
    },
    {
      title: "Output (json)",
      text: `one object, or with --backing-chain a list of them, with virtual-size (bytes), filename, format,
actual-size (bytes on disk), dirty-flag (the bit as it is on disk), and where they apply cluster-size,
backing-filename, full-backing-filename, backing-filename-format, format-specific. Sizes of raw images are
exact, not rounded up to sectors.`,
    },
  ],
  exits: [
    [0, "shown"],
    [
      1,
      "wrong usage, or an image could not be opened (with --backing-chain, what is above it has been shown)",
    ],
  ],
  examples: [
    "info disk.qed",
    "info --backing-chain --output json overlay.qed",
    "info --image-opts driver=raw,offset=1M,file.filename=disk.img",
  ],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    const [file, ...more] = args.operands;
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    if (args.has("imageOpts") && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const { readInfo } = await import("./imageInfo.ts");
    const found = await readInfo(file, {
      imageOpts: args.has("imageOpts"),
      format: args.value("format"),
      chain: args.has("backingChain"),
      forceShare: args.has("forceShare"),
    });
    const { humanInfo, jsonInfo } = await import("./infoReport.ts");
    if (found.stoppedBy !== undefined && inPlaceOfPeer) throw found.stoppedBy;
    const objects = found.images.map(jsonInfo);
    if (output === "human") stdout.write(found.images.map(humanInfo).join("\n"));
    else if (args.has("backingChain")) stdout.line(jsonText(objects, 4));
    else stdout.line(jsonText(objects[0] ?? {}, 4));
    if (found.stoppedBy !== undefined) throw found.stoppedBy;
    return 0;
  },
});
