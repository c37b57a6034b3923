// `blkscope compare`: options, help, and the choice between a plain yes or no and the list of every mismatch.
// Plain mode has the options, messages and exit codes of `qemu-img compare`.
import { CliError, defineCommand, UsageError } from "./command.ts";
import type { OptionSpecs } from "./options.ts";

const options = {
  formatA: { short: "f", long: "a-format", value: true },
  formatB: { short: "F", long: "b-format", value: true },
  cache: { short: "T", long: "cache", value: true },
  progress: { short: "p", long: "progress" },
  quiet: { short: "q", long: "quiet" },
  strict: { short: "s", long: "strict" },
  forceShare: { short: "U", long: "force-share" },
  imageOpts: { long: "image-opts" },
  all: { long: "all" },
  output: { long: "output", value: true },
} as const satisfies OptionSpecs;

const help = `Usage: blkscope compare [OPTION...] FILE1 FILE2

Compares what a guest would read from two images. Without --all, says whether they are equal and stops at the
first mismatched sector. With --all, lists every run of mismatched sectors. Nothing is changed.

Unallocated ranges read as zeros. If one image is longer, its tail is compared with zeros.

Options:
      --all             list every mismatch
  -f, --a-format FMT    format of FILE1, raw or qed (default: found by its first bytes)
  -F, --b-format FMT    format of FILE2
  -s, --strict          different sizes or different allocation count as well
  -q, --quiet           print nothing but errors
  -p, --progress        show progress: on stdout in plain mode, else on stderr
      --output FORM     human (default) or json
      --image-opts      FILE1 and FILE2 are lists of options: driver=qed,file.filename=disk.qed
  -T, --cache MODE      accepted for compatibility: none, writeback, writethrough, directsync or unsafe;
                        reads always go through the system's cache
  -U, --force-share     accepted for compatibility: images are never locked
  -h, --help            show this text

Exit codes:
  0    equal
  1    different, or wrong usage
  2    an image could not be opened, or the output could not be written
  3    the allocation of a range could not be told (plain mode)
  4    a range could not be read; with --all also when mismatches were found beside it
  130  interrupted; with --all, what was found until then is printed and marked as partial

Signatures (--all) are guesses at the cause of a run:
  a-zero, b-zero      that image is zero in every mismatched sector
  single-bit          one bit differs
  byte-swapped        words with their bytes in reverse order
  shifted             B holds the bytes of A, moved by up to 512 bytes
  torn                the difference begins or ends exactly on a 4 KiB boundary
  moved               the first sector is elsewhere in the other image
  stored-differently  equal bytes, different allocation (--strict only)
  plain               none of these

Output (--all --output json) is one JSON object a line:
  a run         has "offset", "length" (bytes), "sectors", "bytes-different", "signature"; where it means
                something "signature-detail" (single-bit: bit counted from the run's start; byte-swapped: word
                size; shifted: bytes; torn: offset of the boundary; moved: offset of the other sector); and
                "runs" if it stands for several neighbouring runs (only past 400,000 lines; "length" then spans
                the gaps)
  a range that  could not be read has "unreadable-offset", "unreadable-length", "side" ("a", "b", "both") and
                "message"; at most 10,000 are listed, all are counted
  the summary   comes last and has neither: "identical", "complete", "cancelled", "strict", "file-a", "file-b",
                "size-a", "size-b", "scanned-to", "first-mismatch" (if any), "runs", "rows", "sectors",
                "bytes-different", "signatures" (rows by signature), "unreadable-ranges", "unreadable-bytes",
                "merged-after" (if rows were merged), "elapsed-ms"
Without --all, --output json prints one object: "identical", "complete", "strict", "file-a", "file-b", "size-a",
"size-b", and what ended it: "mismatch" ("content", "allocation" or "size") with "first-mismatch", or
"unreadable-at".

Examples:
  blkscope compare disk.qed disk.raw
  blkscope compare --all disk.qed disk.raw | less
  blkscope compare --all --output json a.raw b.raw | jq 'select(.offset) | .offset'
  blkscope compare -f raw -F raw a.img b.img`;

const cacheModes = ["none", "writeback", "writethrough", "directsync", "unsafe"];

export const compare = defineCommand({
  help,
  options,
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
    const imageOpts = args.has("imageOpts");
    if (imageOpts && (args.has("formatA") || args.has("formatB"))) {
      throw new CliError("--image-opts and --format are mutually exclusive", 2);
    }
    const cache = args.value("cache");
    if (cache !== undefined && !cacheModes.includes(cache)) {
      throw new CliError(
        `Invalid source cache option: ${cache}`,
        2,
        `It is one of ${cacheModes.join(", ")}.`,
      );
    }
    // Before the core is loaded: the second thread loads its own meanwhile.
    (await import("../jobs/client.ts")).announceComparison([fileA, fileB]);
    const { comparedImage } = await import("./comparedImage.ts");
    const request = {
      a: comparedImage(fileA, { imageOpts, format: args.value("formatA") }),
      b: comparedImage(fileB, { imageOpts, format: args.value("formatB") }),
      strict: args.has("strict"),
      quiet: args.has("quiet"),
      progress: args.has("progress") && !args.has("quiet"),
      json: output === "json",
    };
    if (!args.has("all")) return (await import("./comparePlain.ts")).comparePlain(request);
    return (await import("./compareAll.ts")).compareAll(request);
  },
});
