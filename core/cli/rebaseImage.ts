// The work of `rebase`: opens the image with its old backing file and the new one beside it.
import { BlockError } from "../base/errors.ts";
import { strerror } from "../base/strerror.ts";
import type { CacheMode } from "../block/driver.ts";
import type { BackingName, BlockNode } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { fileOf, sameFile } from "../ops/chain.ts";
import { backingSetter, rebase } from "../ops/rebase.ts";
import { driverNamed } from "../registry.ts";
import { backingSeenFromHere } from "./backingName.ts";
import { CliError } from "./command.ts";
import { tellEvent } from "./events.ts";
import { interruptible } from "./interrupt.ts";
import { type OpenedImage, withImage } from "./openImage.ts";
import { printWarning, stdout, wordsOf } from "./output.ts";
import { Progress } from "./progress.ts";

export interface RebaseArguments {
  readonly file: string;
  readonly imageOpts: boolean;
  readonly format: string | undefined;
  /** Empty: none. */
  readonly backing: string;
  readonly backingFormat: string | undefined;
  readonly unsafe: boolean;
  readonly cache: CacheMode;
  readonly sourceCache: CacheMode;
  readonly progress: boolean;
  /** Of the new backing file. */
  readonly forceShare: boolean;
}

export async function rebaseCommand(args: RebaseArguments): Promise<number> {
  const { file, imageOpts, format, backingFormat, unsafe, cache } = args;
  if (backingFormat !== undefined && driverNamed(backingFormat) === undefined) {
    throw new CliError(`Invalid format name: '${backingFormat}'`, 1);
  }
  const request = { imageOpts, format, writable: true, backing: !unsafe, cache };
  await withImage(file, request, async (image) => {
    const name = nameOf(args);
    if (unsafe || args.backing === "") return change(args, image, undefined, name);
    const backing = await openNew(args, image);
    try {
      await change(args, image, backing.root, name);
    } finally {
      await backing.close();
    }
  });
  return 0;
}

function nameOf({ backing, backingFormat }: RebaseArguments): BackingName | undefined {
  if (backing === "") return undefined;
  return { filename: backing, ...(backingFormat !== undefined && { format: backingFormat }) };
}

async function openNew(args: RebaseArguments, { filename, graph }: OpenedImage): Promise<Graph> {
  try {
    const image = filename.startsWith("json:") ? (fileOf(graph.root) ?? "") : filename;
    const spec = backingSeenFromHere(image, args.backing);
    const backing = await openGraph(spec, {
      ...(args.backingFormat !== undefined && { format: args.backingFormat }),
      forceShare: args.forceShare,
      cache: args.sourceCache,
      warn: printWarning,
      event: tellEvent,
    });
    const own = fileOf(graph.root);
    if (own === undefined || !backing.nodes.some((node) => sameFile(node.info.path, own))) return backing;
    await backing.close();
    throw new BlockError("EBUSY", "The image itself is in the chain of its new backing file");
  } catch (thrown) {
    const { message, hint } = wordsOf(thrown);
    throw new CliError(`Could not open new backing file '${args.backing}': ${message}`, 1, hint, {
      cause: thrown,
      ...(hint !== undefined && { peerHint: hint }),
    });
  }
}

async function change(
  args: RebaseArguments,
  { graph: { root: image } }: OpenedImage,
  backing: BlockNode | undefined,
  name: BackingName | undefined,
): Promise<void> {
  const progress = new Progress(args.progress ? stdout : undefined);
  try {
    const setBacking = backingSetter(image);
    if (name !== undefined && name.format === undefined) throw noFormat();
    progress.show(0);
    if (args.unsafe) await setBacking(name);
    else {
      await interruptible(({ signal }) =>
        rebase({ image, backing, name, signal, progress: (part) => progress.show(part) }),
      );
    }
    progress.complete();
    progress.end();
  } catch (thrown) {
    throw changeFailed(args.backing, thrown);
  }
}

function noFormat(): BlockError {
  return new BlockError("EINVAL", "backing format must be specified", { hint: "Give it with -F." });
}

function changeFailed(backing: string, thrown: unknown): unknown {
  if (!(thrown instanceof BlockError) || thrown.code === "ECANCELED") return thrown;
  const failed = `Could not change the backing file to '${backing}'`;
  const { code, message, context } = thrown;
  // A full disk has the system's error below it.
  const isHeaderFull = code === "ENOSPC" && thrown.cause === undefined;
  const reason = isHeaderFull ? "No space left in the file header" : message;
  const peer = code === "ENOTSUP" ? strerror(thrown) : reason;
  const full = { ...context, peer: { message: `${failed}: ${peer}` } };
  return new BlockError(code, `${failed}: ${reason}`, full, { cause: thrown });
}
