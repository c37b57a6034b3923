// `blkscope dd`, after its operands.
import { asBlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import { copyBlocks } from "../ops/dd.ts";
import { sizeInSectors } from "../ops/map.ts";
import { driverNamed } from "../registry.ts";
import { CliError } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { createUnfinished, newImageRequest, type UnfinishedImage } from "./newImage.ts";
import { keepWritersOut, withImage } from "./openImage.ts";
import { printError, stderr } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { Progress } from "./progress.ts";

export interface DdArguments {
  readonly input: string;
  readonly output: string;
  /** Bytes. */
  readonly blockSize: number;
  /** Blocks. */
  readonly count: number | undefined;
  readonly skip: number;
  readonly format: string | undefined;
  readonly targetFormat: string;
  readonly imageOpts: boolean;
  readonly forceShare: boolean;
}

const nothingElse = { options: [], backing: undefined, backingFormat: undefined };

export async function ddRun(args: DdArguments): Promise<number> {
  const { imageOpts, format, forceShare } = args;
  await withImage(args.input, { imageOpts, format, forceShare }, async (image) => {
    const { graph } = image;
    if (!forceShare) await keepWritersOut(image);
    if (driverNamed(args.targetFormat) === undefined) {
      throw new CliError("Unknown file format", 1, `No format is named '${args.targetFormat}'.`);
    }
    const { start, end, past } = rangeOf(graph.root, args);
    const request = newImageRequest(args.output, args.targetFormat, nothingElse, end - start);
    const target = await createUnfinished(args.output, args.targetFormat, request, {
      doing: "creating output image",
    });
    if (past) printError({ message: `${args.input}: cannot skip to specified offset` });
    await copyInto(target, graph.root, start, end, args);
  });
  return 0;
}

interface Range {
  readonly start: number;
  readonly end: number;
  /** It would begin behind the end. */
  readonly past: boolean;
}

/** In bytes of the input. `count` is where the copy ends, not how much is copied: so does the peer. */
function rangeOf(source: BlockNode, { blockSize, count, skip }: DdArguments): Range {
  const size = sizeInSectors(source);
  const end = count === undefined ? size : Math.min(size, count * blockSize);
  const start = skip * blockSize;
  return { start: Math.min(start, end), end, past: start > end };
}

async function copyInto(
  { image: target, file }: UnfinishedImage,
  source: BlockNode,
  start: number,
  end: number,
  { output, blockSize }: DdArguments,
): Promise<void> {
  const progress = new Progress(!inPlaceOfPeer && process.stderr.isTTY === true ? stderr : undefined);
  try {
    await interruptible(async ({ signal }) => {
      const report = (copied: number) => progress.show(copied / (end - start));
      await copyBlocks({
        source,
        target: target.graph.root,
        start,
        end,
        blockSize,
        signal,
        progress: report,
      });
    });
    await target.graph.close();
    file.finish();
  } catch (thrown) {
    await target.graph.close().catch(() => undefined);
    const left =
      file.discard() === "removed" ? `The unfinished '${output}' was removed.` : `'${output}' is unfinished.`;
    if (thrown instanceof CliError)
      throw new CliError(thrown.message, thrown.exitCode, left, { cause: thrown });
    const error = asBlockError(file.named(thrown));
    const message = (inPlaceOfPeer && error.context.peer?.message) || error.message;
    throw new CliError(message, 1, left, { cause: error });
  } finally {
    progress.end();
  }
}
