// `blkscope check`: whether an image's tables are consistent, and their repair. Options, output and exit codes are
// those of `qemu-img check`; --findings, which it lacks, lists every finding.

import { cacheMode } from "./cacheMode.ts";
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs } from "./options.ts";

const options = {
  findings: { long: "findings", own: true, help: "list every finding, not only how many there are" },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  repair: {
    short: "r",
    long: "repair",
    value: "WHAT",
    help: "repair leaks (of qcow2: refcounts that are too high) or all (the same for QED); the image is changed",
  },
  output: { long: "output", value: "FORM", help: "human (default) or json" },
  quiet: { short: "q", long: "quiet", help: "print nothing but errors; the exit code tells" },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  cache: {
    short: "T",
    long: "cache",
    also: ["source-cache"],
    value: "MODE",
    help: "cache mode: none, writeback (default), writethrough, directsync or unsafe",
  },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const check = defineCommand({
  usage: ["[OPTION...] FILE"],
  description: `Reads an image's tables and says whether they are consistent: entries that point nowhere, clusters that
are used twice (corruptions), and clusters that nothing uses (leaks). In a qcow2 image everything that refers to a
cluster is counted and compared with the stored refcounts, and COPIED flags with those; no key is needed for encrypted
ones. Without -r nothing is changed.

With -r entries of a QED image that point nowhere are cleared: what they stood for reads from the backing file or as
zeroes. A cluster that is used twice is never touched, and while one is left the image stays marked as not properly
closed. In a qcow2 image refcounts and COPIED flags are corrected, and a cluster that is used twice is counted twice;
entries that point nowhere stay. What else can be mended, and taken back: blkscope repair.`,
  options,
  sections: [
    {
      title: "Output (json)",
      text: `one object: "filename", "format", "check-errors", and where they are not 0 "corruptions", "leaks",
"corruptions-fixed", "leaks-fixed", "total-clusters", "allocated-clusters", "fragmented-clusters",
"compressed-clusters", "image-end-offset". With --findings also "dirty-flag", "findings-dropped" (counted beyond the
first 100,000) and "findings": a list of "kind" (corruption, leak, io-error), "code", "message", "offset" and
"length" (bytes in the file), and where they apply "table" (level, index, offset), "entry", "value", "guest-offset",
"guest-length", "references", "repairable".`,
    },
  ],
  exits: [
    [0, "consistent, now"],
    [1, "it could not be checked, or some tables could not be read"],
    [2, "corruptions are left"],
    [3, "leaks are left, nothing else"],
    [63, "the format has no check"],
    [130, "interrupted; what was repaired until then stays repaired"],
  ],
  examples: [
    "check disk.qed",
    "check --findings disk.qcow2",
    "check --findings --output json disk.qed",
    "check -r all disk.qed",
  ],
  failure: 1,
  async run(args) {
    const output = args.value("output") ?? "human";
    if (output !== "human" && output !== "json") {
      throw new CliError("--output must be used with human or json as argument.", 1);
    }
    const repair = args.value("repair");
    if (repair !== undefined && repair !== "leaks" && repair !== "all") {
      throw new UsageError(`Unknown option value for -r (expecting 'leaks' or 'all'): ${repair}`);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const [file, ...more] = args.operands;
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    const imageOpts = args.has("imageOpts");
    if (imageOpts && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    const cache = args.value("cache");
    const { runCheck } = await import("./checkRun.ts");
    return runCheck({
      file,
      repair,
      image: {
        imageOpts,
        format: args.value("format"),
        writable: repair !== undefined,
        forceShare: args.has("forceShare"),
        cache: cache === undefined ? undefined : cacheMode(cache, "source cache"),
        dirty: "skip",
        backing: false,
      },
      json: output === "json",
      quiet: args.has("quiet"),
      listed: args.has("findings"),
    });
  },
});
