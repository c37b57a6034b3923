// `blkscope refs`: what a byte of an image's file is, and which table entries and header fields refer to its cluster.
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  guest: {
    long: "guest",
    value: "OFFSET",
    help: "an offset in the guest's disk instead of one in the file",
  },
  length: {
    long: "length",
    value: "LEN",
    help: "what the LEN bytes of the file from OFFSET on are, cluster by cluster, instead of one byte",
  },
  limit: {
    long: "limit",
    value: "N",
    help: "references, pointers and stretches listed at most (default 1000); all are counted",
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

const mostListed = 1_000_000;

export const refs = defineCommand({
  usage: ["[OPTION...] FILE OFFSET", "[OPTION...] --guest OFFSET FILE"],
  description: `Says what the byte at OFFSET of an image's file is - a field of the header, an entry of a table and where
it points to, data - and who refers to the cluster it lies in: header fields, L1 and L2 entries, also those of
snapshots, entries of a refcount table, each with its place in the file and the guest's range behind it. With --length
it lists the clusters of a range of the file: stretches of one kind, referenced equally often, and who refers to the first
cluster of each. Nothing is changed.

Tables that overlap what is in use are not looked into, as in a check: blkscope check --findings names them.`,
  options,
  sections: [
    {
      title: "Output (json)",
      text: `one object: "filename", "format", "offset" (in the file), "cluster" (its number), "cluster-offset",
"cluster-length", "kind", "counted-references" (255: that many or more), "stored-refcount" where the format stores one,
"structure" where the byte is one of a header or a table (name, kind, offset, length, and "field" with name, offset,
length, value, meaning, and where they apply "target-offset", "target-length", "guest-offset", "guest-length"), "unread"
with the reason where it can't be read, "references": a list of "by", "offset", "length", "guest-offset", "guest-length";
"pointers": what the cluster refers to, a list as "field"; "total-references" and "total-pointers" count also those not
listed. With --guest also "guest-offset", "guest-state" (data, zero, unallocated, invalid, unreadable), "path", and
"entry", the table entry that says so (as one of "references"). "offset" is that of the byte,
of the data of its cluster where that is compressed, or of the entry where it is invalid or unreadable; what is not stored
in this file has none, and nothing of what follows from it.

With --length: "filename", "format", "offset" and "length" of the clusters the range has a part of, "stretches": a list of
"offset", "length", "clusters", "kind", "counted-references", and "first-reference" (as one of "references") where there is
one; "total-stretches" counts also those not listed.`,
    },
  ],
  exits: [
    [0, "shown"],
    [1, "wrong usage, the image could not be opened, its format has no tables, or it could not be read"],
    [130, "interrupted"],
  ],
  examples: [
    "refs disk.qed 0x50000",
    "refs disk.qed 0 --length 1M",
    "refs disk.qed --guest 1G",
    "refs --output json disk.qed 320k",
  ],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const given = args.value("guest");
    const [file, offset, ...more] = args.operands;
    const isComplete = given === undefined ? offset !== undefined : offset === undefined;
    if (file === undefined || !isComplete || more.length > 0) {
      throw new UsageError("Expecting one image file name and one offset");
    }
    const length = args.value("length");
    if (length !== undefined && given !== undefined) {
      const hint = "Where a range of the guest's disk is stored, blkscope map -s OFFSET -l LEN shows.";
      throw new CliError("--length and --guest are mutually exclusive", 1, hint);
    }
    const imageOpts = args.has("imageOpts");
    if (imageOpts && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    const limit = sizeArgument(args.value("limit") ?? "1000", "limit", { max: mostListed });
    const at = sizeArgument(given ?? offset ?? "", "offset");
    const { printReferences } = await import("./refsRun.ts");
    await printReferences({
      file,
      image: { imageOpts, format: args.value("format"), forceShare: args.has("forceShare"), backing: false },
      at,
      length: length === undefined ? undefined : sizeArgument(length, "length", { min: 1 }),
      isGuest: given !== undefined,
      limit,
      json: output === "json",
    });
    return 0;
  },
});
