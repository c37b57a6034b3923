// Gathers what `info` prints: opens each image of a backing chain by itself, top first, and closes it again.
// A layer that cannot be opened ends the chain; what is above it is still told.
import * as fs from "node:fs";
import { combinedName } from "../block/backing.ts";
import type { NodeOptions } from "../block/driver.ts";
import { childOf } from "../block/extents.ts";
import type { BlockNode, NodeInfo } from "../block/node.ts";
import { canonicalName, openedTree } from "../canonicalName.ts";
import { openGraph } from "../graph.ts";
import { CliError } from "./command.ts";
import { tellEvent } from "./events.ts";
import { type ImageArgument, imageArgument } from "./imageArgument.ts";
import { factsOf, reportsFacts, sizeOnDisk } from "./nodeFacts.ts";
import { openError } from "./openError.ts";
import { printWarning } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { fileOfSpec, warnOfRepair } from "./repairWarning.ts";

export interface ImageInfo {
  readonly filename: string;
  readonly format: string;
  readonly virtualSize: number;
  /** Bytes allocated on disk; undefined where the system does not say. */
  readonly actualSize: number | undefined;
  readonly info: NodeInfo;
  /** What a metadata-only bundle says of itself, where the image is in one. */
  readonly bundle: NodeInfo["specific"] | undefined;
  /** Whether the drivers say anything of themselves. */
  readonly reportsInfo: boolean;
  /** The backing file's name as one can open it from here; undefined without one or when it cannot be told. */
  readonly backingPath: string | undefined;
}

export interface FoundInfo {
  readonly images: readonly ImageInfo[];
  /** Why the chain ends early. */
  readonly stoppedBy: CliError | undefined;
}

export interface InfoRequest {
  readonly imageOpts: boolean;
  readonly format: string | undefined;
  readonly chain: boolean;
  readonly forceShare: boolean;
}

/** Throws CliError when not even the first image can be opened. */
export async function readInfo(given: string, request: InfoRequest): Promise<FoundInfo> {
  const { imageOpts, format, chain, forceShare } = request;
  const images: ImageInfo[] = [];
  const seen = new Set<string>();
  let name: string | undefined = given;
  let how: { imageOpts: boolean; format?: string | undefined } = { imageOpts, format };
  while (name !== undefined) {
    try {
      const argument = argumentOf(name, how);
      if (seen.has(identity(argument.filename))) {
        throw new CliError(`Backing file '${name}' creates an infinite loop.`, 1);
      }
      seen.add(identity(argument.filename));
      const image = await inspect(argument, forceShare);
      images.push(image);
      name = chain ? nextOf(image) : undefined;
      how = { imageOpts: false, format: image.info.backing?.format };
    } catch (error) {
      if (images.length === 0 || !(error instanceof CliError)) throw error;
      return { images, stoppedBy: error };
    }
  }
  return { images, stoppedBy: undefined };
}

function argumentOf(name: string, how: { imageOpts: boolean; format?: string | undefined }): ImageArgument {
  try {
    return imageArgument(name, how);
  } catch (error) {
    throw openError(name, error, 1);
  }
}

async function inspect({ given, spec }: ImageArgument, forceShare: boolean): Promise<ImageInfo> {
  try {
    return await read(spec, forceShare);
  } catch (error) {
    throw openError(given, error, 1);
  }
}

async function read(spec: NodeOptions, forceShare: boolean): Promise<ImageInfo> {
  const graph = await openGraph(spec, {
    readOnly: true,
    backing: "none",
    forceShare,
    warn: printWarning,
    event: tellEvent,
  });
  try {
    await warnOfRepair(spec);
    const { driver, size } = graph.root;
    const info = factsOf(graph.root);
    const tree = openedTree(spec, graph.root);
    const backing = info.backing?.filename;
    return {
      filename: canonicalName(tree),
      format: driver,
      virtualSize: inPlaceOfPeer ? Math.ceil(size / sector) * sector : size,
      actualSize: sizeOnDisk(graph.root),
      info: inPlaceOfPeer ? asThePeer(driver, info) : info,
      bundle: bundleOf(graph.root)?.info.specific,
      reportsInfo: reportsFacts(graph.root),
      // Relative names of backing files begin in the folder of the file at the bottom.
      backingPath: backing === undefined ? undefined : combinedName(fileOfSpec(tree), backing),
    };
  } finally {
    await graph.close();
  }
}

/** The peer counts a disk's size in these. */
const sector = 512;

function bundleOf(node: BlockNode): BlockNode | undefined {
  if (node.info.metadataOf !== undefined) return node;
  const below = childOf(node, "file");
  return below && bundleOf(below);
}

/** The peer shows facts of some formats only. */
function asThePeer(driver: string, info: NodeInfo): NodeInfo {
  const { specific: _, ...others } = info;
  return driver === "qcow2" ? info : others;
}

/** The next image down; undefined at the end of the chain. */
function nextOf({ info, bundle, backingPath }: ImageInfo): string | undefined {
  // A bundle came from elsewhere: what its image stands on is not here, whatever has that name.
  if (info.backing === undefined || bundle !== undefined) return undefined;
  if (backingPath !== undefined) return backingPath;
  const name = info.backing.filename;
  throw new CliError(
    `Could not determine absolute backing filename, but backing filename '${name}' present`,
    1,
  );
}

/** The same for two names of one file; a name that leads nowhere stands for itself. */
function identity(filename: string): string {
  try {
    const { dev, ino } = fs.statSync(filename, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return filename;
  }
}
