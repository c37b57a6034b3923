// `blkscope compare`: options, help, and the choice between a plain yes or no and the list of every mismatch.
// Plain mode has the options, messages and exit codes of `qemu-img compare`.
import { cacheMode } from "./cacheMode.ts";
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";

const options = {
  all: { long: "all", own: true, help: "list every mismatch" },
  formatA: {
    short: "f",
    long: "a-format",
    also: ["format"],
    value: "FMT",
    help: "format of FILE1 (default: found by its first bytes)",
  },
  formatB: { short: "F", long: "b-format", also: ["backing-format"], value: "FMT", help: "format of FILE2" },
  strict: { short: "s", long: "strict", help: "different sizes or different allocation count as well" },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors" },
  progress: { short: "p", long: "progress", help: "show progress: on stdout in plain mode, else on stderr" },
  output: { long: "output", value: "FORM", own: true, help: "human (default) or json" },
  imageOpts: {
    long: "image-opts",
    help: "FILE1 and FILE2 are lists of options: driver=qed,file.filename=disk.qed",
  },
  cache: {
    short: "T",
    long: "cache",
    also: ["source-cache"],
    value: "MODE",
    help: "cache mode of both images: none, writeback, writethrough, directsync or unsafe; reads always go through the system's cache",
  },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open images that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

const signatureText = `a-zero, b-zero      that image is zero in every mismatched sector
single-bit          one bit differs
byte-swapped        words with their bytes in reverse order
shifted             B holds the bytes of A, moved by up to 512 bytes
torn                the difference begins or ends exactly on a 4 KiB boundary
moved               the first sector is elsewhere in the other image
stored-differently  equal bytes, different allocation (--strict only)
plain               none of these`;

const jsonLines = `a run         has "offset", "length" (bytes), "sectors", "bytes-different", "signature"; where it means
              something "signature-detail" (single-bit: bit counted from the run's start; byte-swapped: word
              size; shifted: bytes; torn: offset of the boundary; moved: offset of the other sector); and
              "runs" if it stands for several neighbouring runs (only past 400,000 lines; "length" then spans
              the gaps)
a range that  could not be read has "unreadable-offset", "unreadable-length", "side" ("a", "b", "both") and
              "message"; at most 10,000 are listed, all are counted
the summary   comes last and has neither: "identical", "complete", "cancelled", "strict", "file-a", "file-b",
              "size-a", "size-b", "scanned-to", "first-mismatch" (if any), "runs", "rows", "sectors",
              "bytes-different", "signatures" (rows by signature), "unreadable-ranges", "unreadable-bytes",
              "merged-after" (if rows were merged), "elapsed-ms"`;

export const compare = defineCommand({
  usage: ["[OPTION...] FILE1 FILE2"],
  description: `Compares what a guest would read from two images. Without --all, says whether they are equal and stops
at the first mismatched sector. With --all, lists every run of mismatched sectors. Nothing is changed.

Unallocated ranges read as zeros. If one image is longer, its tail is compared with zeros.`,
  options,
  sections: [
    { title: "Signatures (--all) are guesses at the cause of a run", text: signatureText },
    { title: "Output (--all --output json) is one JSON object a line", text: jsonLines },
    {
      title: "Output (--output json without --all) is one object",
      text: `"identical", "complete", "strict", "file-a", "file-b", "size-a", "size-b", and what ended it: "mismatch"
("content", "allocation" or "size") with "first-mismatch", or "unreadable-at"`,
    },
  ],
  exits: [
    [0, "equal"],
    [1, "different, or wrong usage"],
    [2, "an image could not be opened, or the output could not be written"],
    [3, "the allocation of a range could not be told (plain mode)"],
    [4, "a range could not be read; with --all also when mismatches were found beside it"],
    [130, "interrupted; with --all, what was found until then is printed and marked as partial"],
  ],
  examples: [
    "compare disk.qed disk.raw",
    "compare --all disk.qed disk.raw | less",
    "compare --all --output json a.raw b.raw | jq 'select(.offset) | .offset'",
    "compare -f raw -F raw a.img b.img",
  ],
  failure: 2,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    const [fileA, fileB, ...more] = args.operands;
    if (fileA === undefined || fileB === undefined || more.length > 0) {
      throw new UsageError("Expecting two image file names");
    }
    if ((await takeObjects(args.values("object"), 2)).helped) return 0;
    const imageOpts = args.has("imageOpts");
    if (imageOpts && (args.has("formatA") || args.has("formatB"))) {
      throw new CliError("--image-opts and --format are mutually exclusive", 2);
    }
    const cache = args.value("cache");
    if (cache !== undefined) cacheMode(cache, "source cache", 2);
    // Before the core is loaded: the second thread starts meanwhile.
    (await import("../ops/equalThread.ts")).announceComparison([fileA, fileB]);
    const { comparedImage } = await import("./comparedImage.ts");
    const request = {
      a: comparedImage(fileA, { imageOpts, format: args.value("formatA") }),
      b: comparedImage(fileB, { imageOpts, format: args.value("formatB") }),
      strict: args.has("strict"),
      forceShare: args.has("forceShare"),
      quiet: args.has("quiet"),
      progress: args.has("progress") && !args.has("quiet"),
      json: output === "json",
    };
    if (!args.has("all")) return (await import("./comparePlain.ts")).comparePlain(request);
    return (await import("./compareAll.ts")).compareAll(request);
  },
});
