// `blkscope convert`, after its options: opens, creates, copies, and leaves a target that is complete or none.
import * as fs from "node:fs";
import { asBlockError } from "../base/errors.ts";
import type { CreateRequest } from "../block/driver.ts";
import { childOf } from "../block/extents.ts";
import type { BitmapFacts, BlockNode } from "../block/node.ts";
import { type ConvertRequest, convert } from "../ops/convert.ts";
import { planPieces, totalSize } from "../ops/convertPlan.ts";
import { bitmapsToCopy, copyBitmaps, expectKeepsBitmaps, expectRoomForBitmaps } from "../ops/copyBitmaps.ts";
import { dataFilePath } from "../ops/create.ts";
import { sizeInSectors } from "../ops/map.ts";
import { driverNamed } from "../registry.ts";
import { cacheMode } from "./cacheMode.ts";
import { CliError } from "./command.ts";
import { type Interruption, interruptible } from "./interrupt.ts";
import { createUnfinished, newImageRequest } from "./newImage.ts";
import { keepWritersOut, type OpenedImage, openImage } from "./openImage.ts";
import { splitOptionLists } from "./optionList.ts";
import { printWarning, stderr, stdout } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { Progress } from "./progress.ts";
import { openSnapshot } from "./snapshotParam.ts";
import type { UnfinishedFile } from "./unfinishedFile.ts";

export interface ConvertArguments {
  readonly sources: readonly string[];
  readonly target: string | undefined;
  readonly format: string | undefined;
  readonly targetFormat: string | undefined;
  /** Values of -o. */
  readonly options: readonly string[];
  readonly backing: string | undefined;
  readonly backingFormat: string | undefined;
  readonly compress: boolean;
  readonly skipCreate: boolean;
  /** Bytes; 0: no zeroes are looked for. */
  readonly sparse: number;
  readonly snapshot: string | undefined;
  readonly parallel: number;
  readonly outOfOrder: boolean;
  /** Bytes a second. */
  readonly rate: number | undefined;
  readonly salvage: boolean;
  readonly targetIsZero: boolean;
  readonly bitmaps: boolean;
  /** Bitmaps that can't be copied are left out. */
  readonly skipBroken: boolean;
  readonly cache: string;
  readonly sourceCache: string;
  readonly progress: boolean;
  readonly quiet: boolean;
  readonly imageOpts: boolean;
  readonly targetImageOpts: boolean;
  readonly forceShare: boolean;
}

export async function convertRun(args: ConvertArguments): Promise<number> {
  const { sources, target } = args;
  if (target === undefined || sources.length === 0) throw new CliError("Must specify image file name", 1);
  const progress = progressOf(args);
  const opened: OpenedImage[] = [];
  try {
    progress.show(0);
    const cache = cacheMode(args.sourceCache, "source cache");
    for (const source of sources) {
      const { imageOpts, format, forceShare } = args;
      if (imageOpts && format !== undefined) refuseFormat();
      const request = { imageOpts, format, forceShare, cache };
      let image = await openImage(source, request);
      const at = opened.push(image) - 1;
      if (args.snapshot !== undefined) {
        image = await openSnapshot(image, request, snapshotOf(args));
        opened[at] = image;
      }
      if (!forceShare) await keepWritersOut(image);
    }
    await interruptible((interruption) => fill(args, target, opened, progress, interruption));
    progress.complete();
  } finally {
    progress.end();
    for (const { graph } of opened) await graph.close();
  }
  return 0;
}

/** Throws CliError where several images are joined. */
function snapshotOf({ snapshot = "", sources }: ConvertArguments): string {
  if (sources.length > 1 && !snapshot.startsWith("snapshot.")) {
    throw new CliError("No support for concatenating multiple snapshot", 1);
  }
  return snapshot;
}

function refuseFormat(): never {
  throw new CliError("--image-opts and --format are mutually exclusive", 1);
}

function progressOf({ progress, quiet }: ConvertArguments): Progress {
  const unasked = !inPlaceOfPeer && !progress && process.stderr.isTTY === true ? stderr : undefined;
  return new Progress(quiet ? undefined : progress ? stdout : unasked, 1);
}

interface Target {
  readonly image: OpenedImage;
  readonly file: UnfinishedFile | undefined;
  /** Bytes of its backing file, if the command gave it one. */
  readonly backingSize: number | undefined;
  /** What is not written reads as zeroes. */
  readonly isZero: boolean;
  /** At least behind the end of its backing file. */
  readonly isZeroBehind: boolean;
  /** What it is to get of the source's bitmaps, if that is asked for. */
  readonly bitmaps: readonly BitmapFacts[] | undefined;
}

async function fill(
  args: ConvertArguments,
  name: string,
  opened: readonly OpenedImage[],
  progress: Progress,
  interruption: Interruption,
): Promise<void> {
  const sources = opened.map(({ graph }) => graph.root);
  const [source] = sources as [BlockNode, ...BlockNode[]];
  const size = totalSize(sources);
  const target = await openTarget(args, name, sources, size);
  const unreadable = new UnreadableReport();
  const salvage: ConvertRequest["salvage"] = args.quiet
    ? () => undefined
    : (...range) => unreadable.add(...range);
  let isBegun = false;
  let closed = false;
  try {
    const { root } = target.image.graph;
    if (target.bitmaps !== undefined) expectKeepsBitmaps(root);
    if (args.compress && root.writeCompressed === undefined) refuseCompression(false, {});
    if (root.size < size) throw new CliError("output file is smaller than input file", 1);
    await expectRoomForBitmaps(target.bitmaps ?? [], source, root);
    isBegun = true;
    await convert({
      sources,
      target: root,
      sparse: args.sparse,
      targetIsZero: target.isZero,
      backingSize: target.backingSize,
      isZeroBehind: target.isZeroBehind,
      // What can't be read is reported in order.
      parallel: args.salvage ? 1 : args.parallel,
      outOfOrder: args.outOfOrder,
      compress: args.compress,
      rate: args.rate,
      signal: interruption.signal,
      ...(args.salvage && { salvage }),
      ...((progress.shown || (args.salvage && inPlaceOfPeer)) && {
        progress: await progressOver(
          sources,
          target.backingSize,
          args.salvage ? salvage : undefined,
          progress,
        ),
      }),
    });
    unreadable.end();
    await copyBitmaps(target.bitmaps ?? [], source, root, interruption.signal);
    closed = true;
    await target.image.graph.close();
    target.file?.finish();
  } catch (thrown) {
    if (!closed) await target.image.graph.close().catch(() => undefined);
    const fate = target.file?.discard() ?? (isBegun ? "partly overwritten" : "unchanged");
    throw withFate(target.file?.named(thrown) ?? thrown, name, fate, interruption);
  }
}

/** Says what became of the target. In place of the peer, what was interrupted ends without a word, as it would. */
export function withFate(thrown: unknown, name: string, fate: string, { exitCode }: Interruption): unknown {
  const left = fate === "removed" ? `The unfinished '${name}' was removed.` : `'${name}' is ${fate}.`;
  if (exitCode !== undefined) return new CliError("Interrupted", exitCode, left, { cause: thrown });
  if (thrown instanceof CliError) return thrown;
  const error = asBlockError(thrown);
  const { message = error.message, hint: peerHint = "" } = (inPlaceOfPeer && error.context.peer) || {};
  const hint = [error.context.hint, left].filter(Boolean).join("\n");
  return new CliError(message, 1, hint, { cause: error, peerHint });
}

/** In place of the peer one line for each sector and each failure, as it has them; else one for each range. */
class UnreadableReport {
  #range: { readonly start: number; end: number; readonly reason: string } | undefined;

  add(what: "data" | "status", offset: number, length: number, reason: string): void {
    if (inPlaceOfPeer) {
      const where = what === "status" ? "block status at offset" : "offset";
      printWarning(`error while reading ${where} ${offset}: ${reason}`);
      return;
    }
    if (what === "status") return;
    if (this.#range !== undefined && this.#range.end === offset && this.#range.reason === reason) {
      this.#range.end += length;
      return;
    }
    this.end();
    this.#range = { start: offset, end: offset + length, reason };
  }

  end(): void {
    if (this.#range === undefined) return;
    const { start, end, reason } = this.#range;
    const what = `${end - start} bytes at offset ${start} could not be read and are zeroes in the target`;
    printWarning(`${what}: ${reason}`);
    this.#range = undefined;
  }
}

/** Shares of the data there are, which takes one look at all tables first. */
async function progressOver(
  sources: ConvertRequest["sources"],
  backingSize: number | undefined,
  salvage: ConvertRequest["salvage"],
  progress: Progress,
): Promise<(copied: number) => void> {
  let data = 0;
  const told = salvage && ((offset: number, reason: string) => salvage("status", offset, 512, reason));
  for await (const { kind, length } of planPieces(sources, { backingSize, salvage: told })) {
    if (kind === "data") data += length;
  }
  return (copied) => progress.show(data === 0 ? 1 : Math.min(1, copied / data));
}

async function openTarget(
  args: ConvertArguments,
  name: string,
  sources: readonly BlockNode[],
  size: number,
): Promise<Target> {
  if (args.skipCreate) return openExisting(args, name, await wantedBitmaps(args, sources));
  const format = args.targetFormat ?? "raw";
  const isNamed = splitOptionLists(args.options).some((option) => option.name === "backing_file");
  if ((args.backing !== undefined || isNamed) && args.sources.length > 1) {
    throw new CliError(
      "Having a backing file for the target makes no sense when concatenating multiple input images",
      1,
    );
  }
  const request = newImageRequest(name, format, args, size);
  if (args.compress) refuseCompression(driverNamed(format)?.compresses === true, request.options);
  const bitmaps = await wantedBitmaps(args, sources);
  const beside = newDataFile(name, format, request);
  const cache = cacheMode(args.cache, "cache");
  const doing = `converting ${format}`;
  const { image, file } = await createUnfinished(name, format, request, { doing, cache, beside });
  const backing = childOf(image.graph.root, "backing");
  return {
    image,
    file,
    backingSize: backing && sizeInSectors(backing),
    isZero: backing === undefined && isRegular(image),
    isZeroBehind: isRegular(image),
    bitmaps,
  };
}

/** The data file that the image is to have, if it is not there yet: what may be removed again. */
function newDataFile(name: string, format: string, request: CreateRequest): string | undefined {
  const dataFile = dataFilePath(name, format, request);
  return dataFile === undefined || fs.existsSync(dataFile) ? undefined : dataFile;
}

/** Undefined where they are not asked for. */
async function wantedBitmaps(
  { bitmaps, skipBroken, quiet }: ConvertArguments,
  [source]: readonly BlockNode[],
): Promise<readonly BitmapFacts[] | undefined> {
  if (!bitmaps || source === undefined) return undefined;
  return bitmapsToCopy(source, skipBroken ? (...skipped) => warnOfSkipped(quiet, ...skipped) : undefined);
}

function warnOfSkipped(quiet: boolean, name: string, why?: string): void {
  // The peer's -q is for progress only.
  if (quiet && !inPlaceOfPeer) return;
  printWarning(why === undefined ? `Skipping inconsistent bitmap '${name}'` : `Skipping a bitmap: ${why}`);
}

async function openExisting(
  args: ConvertArguments,
  name: string,
  bitmaps: Target["bitmaps"],
): Promise<Target> {
  if (args.targetImageOpts && args.targetFormat !== undefined) refuseFormat();
  const format = args.targetFormat ?? (args.targetImageOpts ? undefined : "raw");
  const cache = cacheMode(args.cache, "cache");
  const image = await openImage(name, { imageOpts: args.targetImageOpts, format, writable: true, cache });
  const backing = args.backing === undefined ? undefined : childOf(image.graph.root, "backing");
  const backingSize = backing && sizeInSectors(backing);
  const isZero = args.targetIsZero;
  return { image, file: undefined, backingSize, isZero, isZeroBehind: isZero, bitmaps };
}

/** A new file reads as zeroes until it is written; a device holds what it held. */
export function isRegular({ graph }: OpenedImage): boolean {
  return graph.nodes.every(({ driver }) => driver !== "host_device" && driver !== "host_cdrom");
}

/** Throws CliError with the first thing that stands against it. */
function refuseCompression(canCompress: boolean, options: CreateRequest["options"]): void {
  const refuse = (message: string) => {
    throw new CliError(message, 1);
  };
  if (!canCompress) refuse("Compression not supported for this file format");
  if (options.encryption === true || options["encrypt.format"] !== undefined) {
    refuse("Compression and encryption not supported at the same time");
  }
  if ((options.preallocation ?? "off") !== "off") {
    refuse("Compression and preallocation not supported at the same time");
  }
}
