// The work of `create`: looks at the backing file, settles size and options, says what it makes, and makes it.
import * as fs from "node:fs";
import { BlockError } from "../base/errors.ts";
import type { CreateRequest } from "../block/driver.ts";
import type { BlockNode } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { createImage, creationOf, dataFilePath, targetPath } from "../ops/create.ts";
import { sizeInSectors } from "../ops/map.ts";
import { driverNamed } from "../registry.ts";
import { backingSeenFromHere } from "./backingName.ts";
import { CliError } from "./command.ts";
import {
  type CreateDraft,
  createOptionTable,
  draftCreation,
  formattingLine,
  requestOf,
  withPrefix,
} from "./createOptions.ts";
import { tellEvent } from "./events.ts";
import { type NamedValue, optionHelp } from "./optionList.ts";
import { printWarning, stdout, wordsOf } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";
import { sizeArgument } from "./sizeArgument.ts";

export interface CreateArguments {
  readonly file: string;
  readonly format: string;
  readonly size: string | undefined;
  readonly given: readonly NamedValue[];
  readonly backing: string | undefined;
  readonly backingFormat: string | undefined;
  /** The backing file is looked at before. */
  readonly opensBacking: boolean;
  readonly quiet: boolean;
}

/** `-o help`: with a file's name also the options of files. */
export function printCreateOptions(format: string, file: string | undefined): number {
  const creation = creationOf(format);
  if (file !== undefined) {
    targetPath(file);
    stdout.line(`Supported options:\n${optionHelp(createOptionTable(creation, true))}`);
    return 0;
  }
  stdout.line(`Supported ${format} options:\n${optionHelp(createOptionTable(creation, false))}

The protocol level may support further options.
Specify the target filename to include those options.`);
  return 0;
}

export async function createCommand(args: CreateArguments): Promise<number> {
  const { file, format } = args;
  const prefix = `${file}: `;
  const draft = draftCreation(file, format, {
    given: args.given,
    size: args.size === undefined ? undefined : sizeArgument(args.size, "image size"),
    backingFile: args.backing,
    backingFormat: args.backingFormat,
  });
  const size = draft.size ?? (await backingSize(args, draft));
  if (draft.size !== undefined) await backingSize(args, draft);
  if (size === undefined) {
    const hint = `For example: create -f ${format} ${file} 10G`;
    throw new CliError(`${prefix}Image creation needs a size parameter`, 1, hint);
  }
  if (!args.quiet) {
    stdout.line(formattingLine(file, format, draft, size));
    stdout.flush();
  }
  try {
    refuseUnknown(draft.backingFormat);
    await createImage(file, format, requestOf(draft, size));
    return 0;
  } catch (thrown) {
    throw withPrefix(prefix, tooLarge(thrown, format, draft));
  }
}

function refuseUnknown(backingFormat: string | undefined): void {
  if (backingFormat === undefined || driverNamed(backingFormat) !== undefined) return;
  const peer = { message: `Parameter 'backing-fmt' does not accept value '${backingFormat}'` };
  throw new BlockError("EINVAL", `Unknown format of the backing file: '${backingFormat}'`, { peer });
}

/** Looks at the backing file as far as asked to; its size, or undefined without one. Throws CliError. */
async function backingSize(args: CreateArguments, draft: CreateDraft): Promise<number | undefined> {
  const { backingFile, backingFormat } = draft;
  const { file } = args;
  if (backingFile === undefined) return undefined;
  if (backingFile === "") throw new CliError(`${file}: Expected backing file name, got empty string`, 1);
  const emptied = emptiedFiles(file, args.format, { size: 0, options: draft.options });
  if (backingFile === file || isSameFile(file, emptied, backingFile)) throw sameFile(file);
  let found: { size: number; format: string } | undefined;
  if (args.opensBacking) {
    const graph = await openBacking(file, backingFile, backingFormat);
    try {
      refuseOwnChain(file, emptied, graph.root);
      found = { size: sizeInSectors(graph.root), format: graph.root.driver };
    } finally {
      await graph.close();
    }
  }
  if (backingFormat === undefined) {
    const detected = found && `Detected format of ${found.format}.`;
    throw new CliError(
      `${file}: Backing file specified without backing format`,
      1,
      detected ?? "Give it with -F.",
      {
        ...(detected !== undefined && { peerHint: detected }),
      },
    );
  }
  return found?.size;
}

async function openBacking(file: string, backing: string, format: string | undefined): Promise<Graph> {
  try {
    const spec = backingSeenFromHere(file, backing);
    return await openGraph(spec, {
      ...(format !== undefined && { format }),
      warn: printWarning,
      event: tellEvent,
    });
  } catch (thrown) {
    const { message, hint } = wordsOf(thrown);
    const peerHint = `${hint === undefined ? "" : `${hint}\n`}Could not open backing image.`;
    throw new CliError(`${file}: ${message}`, 1, inPlaceOfPeer ? undefined : peerHint, {
      cause: thrown,
      peerHint,
    });
  }
}

/** Files that making the image empties: its own and its data file. */
export function emptiedFiles(file: string, format: string, request: CreateRequest): string[] {
  const dataFile = dataFilePath(file, format, request);
  return [targetPath(file), ...(dataFile === undefined ? [] : [dataFile])];
}

/** An image must not be made where its own backing file, or one further down, is: it would be emptied. */
export function refuseOwnChain(file: string, emptied: readonly string[], backing: BlockNode): void {
  const own = emptied.flatMap((name) => identity(name) ?? []);
  const isOwn = (name: string) => own.includes(identity(name) ?? "");
  if (filesOf(backing).some(isOwn)) throw sameFile(file);
}

/** Other names of a file that is emptied, without opening it. */
function isSameFile(file: string, emptied: readonly string[], backing: string): boolean {
  try {
    const own = identity(backingSeenFromHere(file, backing));
    return own !== undefined && emptied.some((name) => identity(name) === own);
  } catch {
    // No names of files: what is wrong with them is said where they are used.
    return false;
  }
}

function sameFile(file: string): CliError {
  const message = "Error: Trying to create an image with the same filename as the backing file";
  return new CliError(`${file}: ${message}`, 1, "Choose another name for the new image.");
}

function filesOf(node: BlockNode): string[] {
  const own = node.info.path === undefined ? [] : [node.info.path];
  return [...own, ...node.children.flatMap(({ node: below }) => filesOf(below))];
}

function identity(name: string): string | undefined {
  const stat = fs.statSync(name, { bigint: true, throwIfNoEntry: false });
  return stat?.isFile() ? `${stat.dev}:${stat.ino}` : undefined;
}

function tooLarge(thrown: unknown, format: string, draft: CreateDraft): unknown {
  if (!(thrown instanceof BlockError) || thrown.code !== "EFBIG") return thrown;
  const larger = draft.options.cluster_size === undefined ? "" : " (try using a larger cluster size)";
  const peer = { message: `The image size is too large for file format '${format}'${larger}` };
  return new BlockError(thrown.code, thrown.message, { ...thrown.context, peer }, { cause: thrown });
}
