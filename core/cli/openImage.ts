// Opens an image for a command: a file name or options as they were given, with the messages of qemu-img.
import type { CacheMode, DirtyPolicy, NodeOptions } from "../block/driver.ts";
import { childOf } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { protocolLevel } from "../filter/children.ts";
import { type Graph, type OpenOptions, openGraph, readOnlyNode } from "../graph.ts";
import { tellEvent } from "./events.ts";
import { type ImageArgument, imageArgument } from "./imageArgument.ts";
import { openError } from "./openError.ts";
import { printWarning } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { warnOfRepair } from "./repairWarning.ts";

export interface ImageRequest {
  readonly imageOpts?: boolean;
  /** Format instead of probing. */
  readonly format?: string | undefined;
  /** A name is that of a file, whatever is in it: nothing is probed. For logs. */
  readonly unprobed?: boolean;
  /** Default false: read-only. */
  readonly writable?: boolean;
  readonly forceShare?: boolean;
  /** Takes no locks on backing files: the caller opens one of them for writing. */
  readonly shareBacking?: boolean;
  readonly cache?: CacheMode | undefined;
  /** Default true. */
  readonly backing?: boolean;
  /** What to do with a dirty image opened for writing. Default: as the peer where we stand in for it, else report. */
  readonly dirty?: DirtyPolicy;
  /** Its structure is to be looked at, whatever is damaged beside the disk's own tables. */
  readonly toInspect?: boolean;
  /** The caller looks itself for the journal of a repair that was cut off. Default: it is warned of. */
  readonly looksForRepair?: boolean;
  /** Where its file is for now; messages have the name that was given. */
  readonly at?: string | undefined;
  /** Exit code when it cannot be opened. Default 1. */
  readonly failure?: number;
}

export interface OpenedImage extends ImageArgument {
  readonly graph: Graph;
}

/** Throws CliError "Could not open '...': ...". The caller closes the graph. */
export async function openImage(given: string, request: ImageRequest = {}): Promise<OpenedImage> {
  try {
    const argument = imageArgument(request.at ?? given, {
      imageOpts: request.imageOpts ?? false,
      format: request.format,
    });
    const spec = request.unprobed === true ? protocolLevel(argument.spec) : argument.spec;
    const graph = await openGraph(spec, openOptions(request));
    if (request.writable === true && graph.root.readOnly) {
      await graph.close();
      throw readOnlyNode(graph.root.name);
    }
    if (request.looksForRepair !== true) await warnOfRepair(spec);
    return { ...argument, graph };
  } catch (error) {
    throw openError(given, error, request.failure ?? 1);
  }
}

/** The same image by other options. What was open is closed first. */
export async function reopenImage(
  { graph, ...argument }: OpenedImage,
  spec: NodeOptions,
  request: ImageRequest,
): Promise<OpenedImage> {
  await graph.close();
  try {
    return { ...argument, spec, graph: await openGraph(spec, openOptions(request)) };
  } catch (error) {
    throw openError(argument.given, error, request.failure ?? 1);
  }
}

/** The same, closed again whatever `use` does. An error of closing counts when nothing else went wrong. */
export async function withImage<T>(
  given: string,
  request: ImageRequest,
  use: (image: OpenedImage) => Promise<T>,
): Promise<T> {
  const image = await openImage(given, request);
  let result: T;
  try {
    result = await use(image);
  } catch (error) {
    await image.graph.close().catch(() => undefined);
    throw error;
  }
  await image.graph.close();
  return result;
}

function openOptions(request: ImageRequest): OpenOptions {
  return {
    readOnly: !(request.writable ?? false),
    backing: request.backing === false ? "none" : "open",
    dirty: request.dirty ?? (inPlaceOfPeer ? "repair" : "report"),
    ...(request.toInspect !== undefined && { toInspect: request.toInspect }),
    forceShare: request.forceShare ?? false,
    shareBacking: request.shareBacking ?? false,
    ...(request.cache !== undefined && { cache: request.cache }),
    warn: printWarning,
    event: tellEvent,
  };
}

/**
 * Keeps others from writing the image and its backing files while it is read, which also keeps us from taking one of
 * them for the target of the same command. Throws CliError as opening does: it is in use.
 */
export async function keepWritersOut({ given, graph }: OpenedImage, failure = 1): Promise<void> {
  try {
    for (let node: BlockNode | undefined = graph.root; node !== undefined; node = childOf(node, "backing")) {
      await keepWritersOfLayer(node);
    }
  } catch (error) {
    throw openError(given, error, failure);
  }
}

async function keepWritersOfLayer(layer: BlockNode): Promise<void> {
  for (let node: BlockNode | undefined = layer; node !== undefined; node = childOf(node, "file")) {
    await node.excludeWriters?.();
  }
}
