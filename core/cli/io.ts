// `blkscope io`: reads and writes an image by commands, as qemu-io does: given with -c, or from standard input.
import { CliError, defineCommand, UsageError } from "./command.ts";
import { stoppedByMismatch } from "./events.ts";
import { objectOption, takeObjects } from "./objectOption.ts";
import type { OptionSpecs, Parsed } from "./options.ts";

const options = {
  object: objectOption,
  imageOpts: {
    long: "image-opts",
    help: "FILE is a list of options: driver=qed,file.filename=disk.qed (a comma in a value is doubled)",
  },
  cmd: { short: "c", long: "cmd", value: "COMMAND", help: "run this command; may be given several times" },
  format: {
    short: "f",
    long: "format",
    value: "FMT",
    help: "the image's format (default: found by its first bytes)",
  },
  readOnly: { short: "r", long: "read-only", help: "open the image for reading only" },
  snapshot: {
    short: "s",
    long: "snapshot",
    help: "keep changes in a temporary file; the image stays as it is",
  },
  nocache: { short: "n", long: "nocache", help: "short for -t none" },
  copyOnRead: {
    short: "C",
    long: "copy-on-read",
    help: "store in the image what is read from its backing file",
  },
  misalign: { short: "m", long: "misalign", help: "accepted for old scripts; buffers are never aligned" },
  nativeAio: { short: "k", long: "native-aio", help: "short for -i native" },
  aio: {
    short: "i",
    long: "aio",
    value: "MODE",
    help: "threads, native or io_uring; all are the same here, native needs -n",
  },
  cache: {
    short: "t",
    long: "cache",
    value: "MODE",
    help: "cache mode: none, writeback, writethrough (default), directsync or unsafe",
  },
  discard: {
    short: "d",
    long: "discard",
    value: "MODE",
    help: "ignore, or unmap (default): whether discards reach the image",
  },
  trace: { short: "T", long: "trace", value: "SPEC", help: "accepted; BLKSCOPE_TRACE=NODE traces requests" },
  forceShare: {
    short: "U",
    long: "force-share",
    help: "open an image that another program has open for writing; needs -r",
  },
} as const satisfies OptionSpecs;

export const io = defineCommand({
  usage: ["[OPTION...] [-c COMMAND]... [FILE]"],
  description: `Reads and writes an image by commands. Without -c they are read from standard input, at a terminal with
line editing and history; the command help lists them. A command that fails does not keep those after it from running.

Every write is on the disk when it returns unless -t or -n says otherwise.`,
  options,
  sections: [
    {
      title: "FILE",
      text: `may also be json:{...} with the same options as JSON, or file:NAME. Without it, the command open opens one.`,
    },
  ],
  exits: [
    [0, "every command succeeded"],
    [1, "wrong usage, the image could not be opened, or a command failed"],
  ],
  examples: [
    "io -f raw -c 'write -P 0x5a 64k 4k' -c 'read -v 64k 16' disk.raw",
    "io -r -c map disk.qed",
    "io -s disk.qed",
  ],
  failure: 1,
  run,
});

async function run(args: Parsed<typeof options>): Promise<number> {
  const [name, ...more] = args.operands;
  if (more.length > 0) throw new UsageError(`Unexpected argument: ${more[0]}`);
  const imageOpts = args.has("imageOpts");
  if (imageOpts && args.has("format")) throw new CliError("--image-opts and -f are mutually exclusive", 1);
  if ((await takeObjects(args.values("object"))).helped) return 0;
  const [{ Session }, { CommandFailure }, opening] = await Promise.all([
    import("./io/session.ts"),
    import("./io/failure.ts"),
    import("./io/opening.ts"),
  ]);
  const session = new Session(imageOpts);
  try {
    const wish = { name, imageOpts, options: [], ...howToOpen(args, opening) };
    if (name !== undefined) await opening.openImage(session, wish);
    const commands = args.values("cmd");
    if (commands.length === 0) await (await import("./io/interactive.ts")).runInteractively(session);
    for (const command of commands) {
      if (!session.ended) await session.run(command);
    }
    await session.closeImage();
  } catch (error) {
    // The reason of a failure to open is complete; any other is of closing what was written.
    if (error instanceof CommandFailure) throw openError(error);
    throw error;
  }
  return session.failed || stoppedByMismatch() ? 1 : 0;
}

function openError({ message, hint }: { message: string; hint: string | undefined }): CliError {
  return new CliError(message, 1, hint, hint === undefined ? {} : { peerHint: hint });
}

type Opening = typeof import("./io/opening.ts");

function howToOpen(args: Parsed<typeof options>, opening: Opening) {
  const cache = args.value("cache") ?? (args.has("nocache") ? "none" : "writethrough");
  return {
    format: args.value("format"),
    readOnly: args.has("readOnly"),
    snapshot: args.has("snapshot"),
    copyOnRead: args.has("copyOnRead"),
    cache: opening.namedCache(cache),
    discard: opening.discardMode(args.value("discard") ?? "unmap"),
    nativeAio: args.has("nativeAio") || opening.isNativeAio(args.value("aio") ?? "threads"),
    forceShare: args.has("forceShare"),
  };
}
