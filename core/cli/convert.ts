// `blkscope convert`: options and their rules, as in `qemu-img convert`. The work is in convertRun.ts.
import { CliError, defineCommand } from "./command.ts";
import type { ConvertArguments } from "./convertRun.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs, Parsed } from "./options.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  format: {
    short: "f",
    long: "source-format",
    also: ["format"],
    value: "FMT",
    help: "format of the sources (default: found by their first bytes)",
  },
  targetFormat: {
    short: "O",
    long: "target-format",
    value: "FMT",
    help: "format of the target (default: raw)",
  },
  options: {
    short: "o",
    long: "options",
    value: "OPTIONS",
    help: "name=value,... for the new image; -o help lists them",
  },
  backing: {
    short: "B",
    also: ["backing"],
    value: "FILE",
    help: "backing file of the target; what the source leaves to its own backing file is not copied; where it has none, or a shorter one, zeroes are",
  },
  backing10: { short: "b", long: "backing", value: "FILE", own: true, help: "the same" },
  backingFormat: {
    short: "F",
    long: "backing-format",
    value: "FMT",
    help: "format of the target's backing file",
  },
  compress: { short: "c", long: "compress", help: "compress the data, for formats that can" },
  skipCreate: { short: "n", long: "no-create", help: "write into the target that is there" },
  sparse: {
    short: "S",
    long: "sparse-size",
    value: "SIZE",
    help: "bytes of zeroes in a row that are left out of the target (default 4k); 0 allocates everything",
  },
  snapshot: {
    short: "l",
    long: "snapshot",
    value: "SNAPSHOT",
    help: "convert an internal snapshot: snapshot.id=ID,snapshot.name=NAME, or either of the two",
  },
  parallel: { short: "m", long: "parallel", value: "N", help: "requests in flight, 1 to 16 (default 8)" },
  outOfOrder: { short: "W", long: "oob", help: "write in any order: faster on some devices" },
  rate: { short: "r", long: "rate-limit", value: "RATE", help: "bytes a second to write at most" },
  salvage: {
    long: "salvage",
    help: "go on past ranges that cannot be read: they become zeroes, and are reported",
  },
  targetIsZero: { long: "target-is-zero", help: "with -n: the target holds nothing but zeroes" },
  bitmaps: {
    long: "bitmaps",
    help: "copy the dirty bitmaps as well, into a target that can keep some (qcow2, compat=1.1)",
  },
  skipBroken: {
    long: "skip-broken-bitmaps",
    also: ["skip-broken"],
    help: "with --bitmaps: leave out those that are inconsistent or can't be read",
  },
  copyRange: { short: "C", long: "copy-range-offloading", help: "let the system copy, where it can" },
  cache: {
    short: "t",
    long: "target-cache",
    also: ["cache"],
    value: "MODE",
    help: "cache mode of the target (default: unsafe)",
  },
  sourceCache: {
    short: "T",
    long: "source-cache",
    value: "MODE",
    help: "cache mode of the sources (default: writeback)",
  },
  progress: {
    short: "p",
    long: "progress",
    help: "show progress on stdout (without it, on stderr when that is a terminal)",
  },
  quiet: { short: "q", long: "quiet", help: "no progress and no warnings" },
  object: objectOption,
  imageOpts: {
    long: "image-opts",
    also: ["source-image-opts"],
    help: "the sources are lists of options: driver=qed,file.filename=disk.qed",
  },
  targetImageOpts: { long: "target-image-opts", help: "the target is a list of options; with -n only" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open sources that another program has open for writing",
  },
} as const satisfies OptionSpecs;

export const convert = defineCommand({
  usage: ["[OPTION...] SOURCE... TARGET"],
  description: `Copies the contents of an image into a new one of another format, with other options, or flattened: without
-B the target stands on no backing file. Several sources are joined one after the other. Holes and zeroes are left out.

The target has its name only when it is complete. Until then its file is called TARGET.PID.partial, and it is removed when
the conversion fails or is interrupted. A killed command leaves it there, to be deleted: the next one for the same target names it.
A file of the target's name is lost at the beginning. With -n, or on a device, the target is written in place.`,
  options,
  exits: [
    [0, "converted"],
    [1, "wrong usage, or the conversion failed"],
    [130, "interrupted by Ctrl-C; other signals likewise give 128 + their number"],
  ],
  examples: [
    "convert -O qed disk.raw disk.qed",
    "convert -p -f qed -O raw overlay.qed flat.raw",
    "convert -O qed -B base.raw -F raw old.qed new.qed",
    "convert --bitmaps -c -O qcow2 disk.qcow2 smaller.qcow2",
    "convert --salvage -O raw damaged.qed rescued.raw",
  ],
  failure: 1,
  async run(args) {
    const given = checked(args);
    const { asksForHelp, splitOptionLists } = await import("./optionList.ts");
    if (asksForHelp(splitOptionLists(given.options))) {
      const { printCreateOptions } = await import("./createImage.ts");
      return printCreateOptions(
        given.targetFormat ?? "raw",
        given.sources.length > 0 ? given.target : undefined,
      );
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    return (await import("./convertRun.ts")).convertRun(given);
  },
});

const mostSparse = 16 * 1024 * 1024;
const sector = 512;

function checked(args: Parsed<typeof options>): ConvertArguments {
  const given = inOrder(args);
  const has = (name: keyof typeof options) => args.has(name);
  if (has("skipBroken") && !has("bitmaps")) refuse("Use of --skip-broken-bitmaps requires --bitmaps");
  if (has("bitmaps") && args.operands.length > 2) refuse("Copying bitmaps only possible with single source");
  refuseOffloading(args);
  if (has("targetImageOpts") && !has("skipCreate")) refuse("--target-image-opts requires use of -n flag");
  if (has("skipCreate") && has("options")) refuse("-o has no effect when skipping image creation");
  if (has("targetIsZero") && !has("skipCreate")) refuse("--target-is-zero requires use of -n flag");
  const sources = args.operands.slice(0, -1);
  return {
    ...given,
    sources,
    target: args.operands.at(-1),
    format: args.value("format"),
    targetFormat: args.value("targetFormat"),
    options: args.values("options"),
    backing: args.value("backing") ?? args.value("backing10"),
    backingFormat: args.value("backingFormat"),
    compress: has("compress"),
    skipCreate: has("skipCreate"),
    snapshot: args.value("snapshot"),
    outOfOrder: has("outOfOrder"),
    salvage: has("salvage"),
    targetIsZero: has("targetIsZero"),
    bitmaps: has("bitmaps"),
    skipBroken: has("skipBroken"),
    cache: args.value("cache") ?? "unsafe",
    sourceCache: args.value("sourceCache") ?? "writeback",
    progress: has("progress"),
    quiet: has("quiet"),
    imageOpts: has("imageOpts"),
    targetImageOpts: has("targetImageOpts"),
    forceShare: has("forceShare"),
  };
}

/** Numbers, in the order in which they were given: the first that is wrong is the one reported. */
function inOrder({ given }: Parsed<typeof options>): Pick<ConvertArguments, "sparse" | "parallel" | "rate"> {
  let sparse = 4096;
  let parallel = 8;
  let rate: number | undefined;
  for (const { name, value } of given) {
    if (name === "sparse") sparse = sparseSize(value);
    if (name === "parallel") parallel = requests(value);
    if (name === "rate") rate = sizeArgument(value, "rate limit") || undefined;
  }
  return { sparse, parallel, rate };
}

function sparseSize(text: string): number {
  const what = "buffer size for sparse output";
  const size = sizeArgument(text, what);
  if (size % sector === 0 && size <= mostSparse) return size;
  const valid = `Valid sizes are multiples of ${sector} up to ${mostSparse}`;
  return refuse(
    `Invalid ${what} specified. ${valid}. Select 0 to disable sparse detection (fully allocates output).`,
  );
}

function requests(text: string): number {
  const count = /^\s*\+?(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= 16) return count;
  return refuse("Invalid number of coroutines. Allowed number of coroutines is between 1 and 16");
}

function refuseOffloading(args: Parsed<typeof options>): void {
  if (!args.has("copyRange")) return;
  if (args.has("compress")) refuse("Cannot enable copy offloading when -c is used");
  if (args.has("sparse")) refuse("Cannot enable copy offloading when -S is used");
  if (args.has("salvage")) refuse("Cannot use copy offloading in salvaging mode");
}

function refuse(message: string): never {
  throw new CliError(message, 1);
}
