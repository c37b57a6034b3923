// `blkscope bench`: options, texts and exit codes of `qemu-img bench`.
import { CliError, defineCommand, UsageError } from "./command.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs, Parsed } from "./options.ts";
import { sizeArgument } from "./sizeArgument.ts";

const options = {
  count: { short: "c", long: "count", value: "N", help: "requests (default 75000)" },
  depth: { short: "d", long: "depth", value: "N", help: "requests in flight (default 64)" },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  flushInterval: { long: "flush-interval", value: "N", help: "with -w: flush after every N writes" },
  aio: {
    short: "i",
    long: "aio",
    value: "AIO",
    help: "threads, native or io_uring; taken for the peer's sake",
  },
  native: { short: "n", long: "native", help: "the same as -i native" },
  noDrain: { long: "no-drain", help: "flush while writes are in flight" },
  offset: { short: "o", long: "offset", value: "OFFSET", help: "where the first request begins (default 0)" },
  pattern: { long: "pattern", value: "BYTE", help: "byte to write (default 0)" },
  quiet: { short: "q", long: "quiet", help: "no warnings" },
  size: { short: "s", long: "buffer-size", value: "SIZE", help: "bytes of a request (default 4096)" },
  step: {
    short: "S",
    long: "step-size",
    value: "SIZE",
    help: "bytes from one request to the next (default: their size)",
  },
  cache: { short: "t", long: "cache", value: "MODE", help: "cache mode (default: writeback)" },
  write: { short: "w", long: "write", help: "write instead of reading: destroys what the image holds" },
  imageOpts: { long: "image-opts", help: "FILE is a list of options: driver=qed,file.filename=disk.qed" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing",
  },
  object: objectOption,
} as const satisfies OptionSpecs;

export const bench = defineCommand({
  usage: ["[OPTION...] FILE"],
  description: "Measures how long a number of reads, or writes, of an image take.",
  options,
  exits: [
    [0, "measured"],
    [1, "wrong usage, or a request failed"],
    [130, "interrupted by Ctrl-C"],
  ],
  examples: ["bench -f qed -c 100000 -d 16 disk.qed", "bench -w -s 64k -f raw scratch.raw"],
  failure: 1,
  async run(args) {
    const numbers = numbersOf(args);
    const [file, ...more] = args.operands;
    if (file === undefined || more.length > 0) throw new UsageError("Expecting one image file name");
    const write = args.has("write");
    if (!write && numbers.flushInterval !== 0) {
      throw new CliError("--flush-interval is only available in write tests", 1);
    }
    if (numbers.flushInterval !== 0 && numbers.flushInterval < numbers.depth) {
      throw new CliError("Flush interval can't be smaller than depth", 1);
    }
    const imageOpts = args.has("imageOpts");
    if (imageOpts && args.has("format")) {
      throw new CliError("--image-opts and --format are mutually exclusive", 1);
    }
    if ((await takeObjects(args.values("object"))).helped) return 0;
    const cache = (await import("./cacheMode.ts")).cacheModeNamed(args.value("cache") ?? "writeback");
    const { withImage } = await import("./openImage.ts");
    const request = {
      imageOpts,
      format: args.value("format"),
      forceShare: args.has("forceShare"),
      writable: write,
      cache,
    };
    return withImage(file, request, async ({ graph }) => {
      const { runBench } = await import("./benchRun.ts");
      return runBench({ ...numbers, node: graph.root, write, drain: !args.has("noDrain") });
    });
  },
});

interface Numbers {
  readonly count: number;
  readonly depth: number;
  readonly flushInterval: number;
  readonly pattern: number;
  readonly offset: number;
  readonly size: number;
  readonly step: number;
}

const most = 2 ** 31 - 1;

/** The first that is wrong, in the order given, is the one reported. */
function numbersOf({ given }: Parsed<typeof options>): Numbers {
  const found = { count: 75_000, depth: 64, flushInterval: 0, pattern: 0, offset: 0, size: 4096, step: 0 };
  for (const { name, value } of given) {
    if (name === "count") found.count = whole(value, most, "request count");
    else if (name === "depth") found.depth = whole(value, most, "queue depth", 1);
    else if (name === "flushInterval") found.flushInterval = whole(value, most, "flush interval");
    else if (name === "pattern") found.pattern = whole(value, 255, "pattern byte");
    else if (name === "offset") found.offset = sizeArgument(value, "offset");
    else if (name === "size") found.size = sizeArgument(value, "buffer size", { max: most });
    else if (name === "step") found.step = sizeArgument(value, "step_size", { max: most });
    else if (name === "aio") checkAio(value);
    else if (name === "cache") checkCache(value);
  }
  return { ...found, step: found.step || found.size };
}

function whole(text: string, max: number, what: string, min = 0): number {
  const value = /^\s*\+?(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new CliError(`Invalid ${what} specified`, 1, `It is a whole number from ${min} to ${max}.`);
}

function checkAio(name: string): void {
  if (!["threads", "native", "io_uring"].includes(name)) throw new CliError(`Invalid aio option: ${name}`, 1);
}

function checkCache(name: string): void {
  const modes = ["none", "off", "writeback", "writethrough", "directsync", "unsafe"];
  if (!modes.includes(name)) throw new CliError("Invalid cache mode", 1, `It is one of ${modes.join(", ")}.`);
}
