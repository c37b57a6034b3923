// `blkscope bundle`: the tables of an image without its guest's data, as one file for a report of a bug.
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";

const options = {
  redactNames: {
    long: "redact-names",
    help: "overwrite names of other files (of the backing file) with asterisks of the same length",
  },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  output: { long: "output", value: "FORM", help: "human (default) or json" },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const bundle = defineCommand({
  usage: ["[OPTION...] FILE OUT"],
  description: `Writes the tables of an image - header, L1 and L2 tables, refcounts, snapshots, bitmaps - to the new file OUT, without any
of the guest's data, so that it can be sent with a report of a bug. Blkscope opens OUT as it opens the image: info, check,
map --kinds and refs say the same of both; reading the guest's data is an error. The image is not changed.

A table of which it is not sure that it holds no guest data is left out, and named. Names of other files that are in the
image, as that of its backing file, are shown before anything is written.`,
  options,
  sections: [
    {
      title: "Output (json)",
      text: `one object: "filename" (OUT), "length" (its bytes), "table-bytes" (of tables in it), "names" (a list of
"name", "text", of names of other files that the image holds), "names-redacted", "omitted-tables" (how many were left out),
"omitted": a list of the first ones with "name", "offset", "length", "why".`,
    },
  ],
  exits: [
    [0, "written"],
    [
      1,
      "wrong usage, the image could not be opened or read, its format has no tables, OUT is there, or it could not be written",
    ],
    [130, "interrupted; OUT is not there"],
  ],
  examples: ["bundle disk.qed report.bundle", "bundle --redact-names disk.qed report.bundle"],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const [file, to, ...more] = args.operands;
    if (file === undefined || to === undefined || more.length > 0) {
      throw new UsageError("Expecting one image file name and the name of the bundle");
    }
    const imageOpts = args.has("imageOpts");
    if (imageOpts && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    const { runBundle } = await import("./bundleRun.ts");
    await runBundle({
      file,
      to,
      image: { imageOpts, format: args.value("format"), forceShare: args.has("forceShare"), backing: false },
      redactNames: args.has("redactNames"),
      json: output === "json",
    });
    return 0;
  },
});
