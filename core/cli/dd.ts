// `blkscope dd`: an image or a part of it into a new image. Operands, their order and texts are those of `qemu-img dd`.
import { CliError, defineCommand } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "format of the input (default: found by its first bytes)",
  },
  targetFormat: {
    short: "O",
    long: "output-format",
    value: "FMT",
    help: "format of the output (default: raw)",
  },
  imageOpts: { long: "image-opts", help: "IN is a list of options: driver=qed,file.filename=disk.qed" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an input that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const dd = defineCommand({
  usage: ["[OPTION...] [bs=BYTES] [count=BLOCKS] [skip=BLOCKS] if=IN of=OUT"],
  description: `Copies an image, or a part of it, into a new one. Every byte is written, zeroes too.
Until it is complete its file is called OUT.PID.partial.

count is counted from the beginning of the input, not from skip, as qemu-img does it: skip=2 count=4 copies 2 blocks.`,
  options,
  sections: [
    {
      title: "Operands",
      text: `bs=BYTES      size of a block (default 512)
count=BLOCKS  where the copy ends in the input
skip=BLOCKS   where it begins (default 0)
if=IN         the image that is read
of=OUT        the new image; what is there of that name is lost`,
    },
  ],
  exits: [
    [0, "copied"],
    [1, "wrong usage, or the copy failed"],
    [130, "interrupted by Ctrl-C; other signals likewise give 128 + their number"],
  ],
  examples: [
    "dd bs=1M count=1 if=disk.qed of=first-megabyte.raw",
    "dd -O qed bs=64k if=disk.raw of=disk.qed",
  ],
  failure: 1,
  async run(args) {
    if (args.has("imageOpts") && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    const operands = parseOperands(args.operands);
    const { input, output } = operands;
    if (input === undefined || output === undefined) {
      throw new CliError("Must specify both input and output files", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const { ddRun } = await import("./ddRun.ts");
    return ddRun({
      ...operands,
      input,
      output,
      format: args.value("format"),
      targetFormat: args.value("targetFormat") ?? "raw",
      imageOpts: args.has("imageOpts"),
      forceShare: args.has("forceShare"),
    });
  },
});

interface Operands {
  readonly input: string | undefined;
  readonly output: string | undefined;
  /** Bytes. */
  readonly blockSize: number;
  /** Blocks. */
  readonly count: number | undefined;
  readonly skip: number;
}

const mostBlockSize = 2 ** 31 - 1;

function parseOperands(given: readonly string[]): Operands {
  let found: Operands = { input: undefined, output: undefined, blockSize: 512, count: undefined, skip: 0 };
  for (const operand of given) {
    const equals = operand.indexOf("=");
    const name = equals === -1 ? operand : operand.slice(0, equals);
    const value = operand.slice(equals + 1);
    if (equals === -1) throw new CliError(`unrecognized operand ${name}`, 1);
    else if (name === "if") found = { ...found, input: value };
    else if (name === "of") found = { ...found, output: value };
    else if (name === "bs")
      found = { ...found, blockSize: sizeArgument(value, "bs", { min: 1, max: mostBlockSize }) };
    else if (name === "count") found = { ...found, count: sizeArgument(value, "count") };
    else if (name === "skip") found = { ...found, skip: sizeArgument(value, "skip") };
    else throw new CliError(`unrecognized operand ${name}`, 1);
  }
  return found;
}
