// The work of `commit`: the image is opened without locks on its backing files, one of which is then opened for writing.
import { asBlockError, BlockError } from "../base/errors.ts";
import { strerror } from "../base/strerror.ts";
import type { CacheMode } from "../block/driver.ts";
import { childOf } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { fileOf, type Layer, layerNamed, specOfLayer } from "../ops/chain.ts";
import { commit } from "../ops/commit.ts";
import { driverNamed } from "../registry.ts";
import { CliError } from "./command.ts";
import { tellEvent } from "./events.ts";
import { interruptible } from "./interrupt.ts";
import { openError } from "./openError.ts";
import { type ImageRequest, withImage } from "./openImage.ts";
import { printWarning, stdout } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { Progress } from "./progress.ts";

export interface CommitArguments {
  readonly file: string;
  readonly imageOpts: boolean;
  readonly format: string | undefined;
  readonly base: string | undefined;
  /** Bytes a second. */
  readonly rate: number | undefined;
  readonly cache: CacheMode;
  readonly progress: boolean;
  readonly quiet: boolean;
  /** The image holds nothing of its own afterwards, where its format can do that. */
  readonly empties: boolean;
}

export async function commitCommand(args: CommitArguments): Promise<number> {
  const { file, imageOpts, format, cache } = args;
  const request = { imageOpts, format, cache, shareBacking: true };
  const empties = args.empties && (await isEmptied(file, request));
  await withImage(
    file,
    empties ? { ...request, writable: true } : request,
    async ({ graph: { root: image } }) => {
      const layer = target(args, image);
      const base = await openBase(layer, args);
      const progress = new Progress(args.progress ? stdout : undefined);
      try {
        progress.show(0);
        await interruptible(({ signal }) =>
          commit({
            image,
            base: base.root,
            depth: layer.depth,
            rate: args.rate,
            signal,
            progress: (part) => progress.show(part),
          }),
        );
      } catch (thrown) {
        throw jobFailed(thrown);
      } finally {
        await base.close();
      }
      // All of it is in the base, and durable.
      if (empties) await empty(image, file);
      progress.complete();
      progress.end();
    },
  );
  if (!args.quiet) stdout.line("Image committed.");
  return 0;
}

/** Only then it is opened for writing. */
function isEmptied(file: string, request: ImageRequest): Promise<boolean> {
  return withImage(
    file,
    { ...request, backing: false },
    async ({ graph }) => driverNamed(graph.root.driver)?.empties ?? false,
  );
}

function target({ file, base }: CommitArguments, image: BlockNode): Layer {
  if (base !== undefined) {
    const layer = layerNamed(image, base);
    if (layer !== undefined) return layer;
    throw new CliError(`Did not find '${base}' in the backing chain of '${file}'`, 1);
  }
  const node = childOf(image, "backing");
  if (node === undefined) throw new CliError("Image does not have a backing file", 1);
  return { node, depth: 1, name: image.info.backing?.filename };
}

async function openBase(layer: Layer, { cache }: CommitArguments): Promise<Graph> {
  try {
    const dirty = inPlaceOfPeer ? "repair" : "report";
    return await openGraph(specOfLayer(layer), {
      readOnly: false,
      dirty,
      cache,
      warn: printWarning,
      event: tellEvent,
    });
  } catch (thrown) {
    throw openError(layer.name ?? fileOf(layer.node) ?? layer.node.name, thrown, 1);
  }
}

/** Throws what emptying the image throws. */
async function empty(image: BlockNode, file: string): Promise<void> {
  try {
    await image.makeEmpty?.();
  } catch (thrown) {
    const error = asBlockError(thrown);
    throw new BlockError(
      error.code,
      `Could not empty '${file}' after it was committed: ${error.message}`,
      {
        ...error.context,
        hint: "All that it held is in its base. Commit it again to empty it, or keep what it holds: -d.",
        peer: { message: `Failed to empty ${file}: ${strerror(error)}` },
      },
      { cause: error },
    );
  }
}

/** The peer tells no more than the system's text. */
function jobFailed(thrown: unknown): unknown {
  if (!(thrown instanceof BlockError) || thrown.code === "ECANCELED") return thrown;
  const { code, message, context } = thrown;
  const peer = { message: `Block job failed: ${strerror(thrown)}` };
  return new BlockError(code, `Could not commit: ${message}`, { ...context, peer }, { cause: thrown });
}
