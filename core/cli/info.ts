// `blkscope info`: what an image is, without reading its data and without needing its backing file.
// Options, JSON members, human lines and exit codes are those of `qemu-img info`.
import { CliError, defineCommand, UsageError } from "./command.ts";
import type { OptionSpecs } from "./options.ts";
import { jsonText, stdout } from "./output.ts";

const options = {
  format: { short: "f", long: "format", value: true },
  output: { long: "output", value: true },
  backingChain: { long: "backing-chain" },
  imageOpts: { long: "image-opts" },
  forceShare: { short: "U", long: "force-share" },
} as const satisfies OptionSpecs;

const help = `Usage: blkscope info [OPTION...] FILE

Shows an image's format, sizes and backing file. Nothing is changed; a missing backing file does not matter.

Options:
  -f, --format FMT     the image's format, raw or qed (default: found by its first bytes)
      --output FORM    human (default) or json
      --backing-chain  also show the backing file, its backing file, and so on
      --image-opts     FILE is a list of options: driver=qed,file.filename=disk.qed (a comma in a value is
                       doubled)
  -U, --force-share    accepted for compatibility: images are never locked
  -h, --help           show this text

FILE may also be json:{...} with the same options as JSON, or file:NAME. A name with a colon before its first
slash is written ./NAME, one that begins with a dash ./-NAME or after --.

Output (json): one object, or with --backing-chain a list of them, with virtual-size (bytes), filename, format,
actual-size (bytes on disk), dirty-flag (the bit as it is on disk), and where they apply cluster-size,
backing-filename, full-backing-filename, backing-filename-format, format-specific. Sizes of raw images are
exact, not rounded up to sectors.

Exit codes:
  0  shown
  1  wrong usage, or an image could not be opened (with --backing-chain, what is above it has been shown)

Examples:
  blkscope info disk.qed
  blkscope info --backing-chain --output json overlay.qed
  blkscope info --image-opts driver=raw,offset=1M,file.filename=disk.img`;

export const info = defineCommand({
  help,
  options,
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
    const { readInfo } = await import("./imageInfo.ts");
    const found = await readInfo(file, {
      imageOpts: args.has("imageOpts"),
      format: args.value("format"),
      chain: args.has("backingChain"),
    });
    const { humanInfo, jsonInfo } = await import("./infoReport.ts");
    const objects = found.images.map(jsonInfo);
    if (output === "human") stdout.write(found.images.map(humanInfo).join("\n"));
    else if (args.has("backingChain")) stdout.line(jsonText(objects, 4));
    else stdout.line(jsonText(objects[0] ?? {}, 4));
    if (found.stoppedBy !== undefined) throw found.stoppedBy;
    return 0;
  },
});
