// The new image that `convert`, `dd` and `salvage` write into: its options settled before anything is made, then made,
// with the messages of qemu-img.
import type { CacheMode, CreateRequest } from "../block/driver.ts";
import type { BackingName } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { createImage } from "../ops/create.ts";
import { driverNamed } from "../registry.ts";
import { backingSeenFromHere } from "./backingName.ts";
import { CliError } from "./command.ts";
import { emptiedFiles, refuseOwnChain } from "./createImage.ts";
import { draftCreation, requestOf, withPrefix } from "./createOptions.ts";
import { type OpenedImage, openImage } from "./openImage.ts";
import { splitOptionLists } from "./optionList.ts";
import { leadsElsewhere, tellOfUnfinished, UnfinishedFile } from "./unfinishedFile.ts";

export interface NewImageOptions {
  /** Values of -o. */
  readonly options: readonly string[];
  readonly backing: string | undefined;
  readonly backingFormat: string | undefined;
}

/** What is asked for, with `size` bytes, whatever -o says of the size. Throws CliError. */
export function newImageRequest(
  name: string,
  format: string,
  { options, backing, backingFormat }: NewImageOptions,
  size: number,
): CreateRequest {
  const given = splitOptionLists(options).filter((option) => option.name !== "size");
  const draft = draftCreation(name, format, { given, backingFile: backing, backingFormat, prefix: "" });
  if (draft.backingFile !== undefined && draft.backingFormat === undefined) {
    throw new CliError("Use of backing file requires explicit backing format", 1, "Give it with -F.");
  }
  return requestOf(draft, size);
}

/** An image that is to be filled. */
export interface UnfinishedImage {
  readonly image: OpenedImage;
  readonly file: UnfinishedFile;
}

/** What may be said of it: `doing` is what messages say failed, "converting raw". */
export interface NewImageWords {
  readonly doing: string;
  readonly cache?: CacheMode | undefined;
  /** Its data file, if that was not there before. */
  readonly beside?: string | undefined;
}

/**
 * Makes an image and opens it for writing. Its file has another name from before anything is in it: an empty image under
 * the name that was given would look like the finished one. Throws CliError; then there is none.
 */
export async function createUnfinished(
  name: string,
  format: string,
  request: CreateRequest,
  { doing, cache, beside }: NewImageWords,
): Promise<UnfinishedImage> {
  tellOfUnfinished(name);
  const hide = () => UnfinishedFile.hide(name, beside);
  let hidden = undefined as UnfinishedFile | undefined;
  let isMade = false;
  try {
    await createNamed(name, format, request, doing, () => {
      isMade = true;
      // A relative name in it starts in the folder of the name that was given.
      if (!leadsElsewhere(name)) hidden = hide();
    });
    const image = await openImage(name, { format, writable: true, cache, at: hidden?.path });
    return { image, file: hidden ?? hide() };
  } catch (thrown) {
    if (isMade) (hidden ?? hide()).discard();
    throw thrown;
  }
}

/** Makes it. `doing` and `made` are as in `createUnfinished` and `createImage`. Throws CliError. */
async function createNamed(
  name: string,
  format: string,
  request: CreateRequest,
  doing: string,
  made: () => void,
): Promise<void> {
  const prefix = `${name}: error while ${doing}: `;
  const backing = request.backing?.format;
  if (backing !== undefined && driverNamed(backing) === undefined) {
    throw new CliError(`${prefix}Parameter 'backing-fmt' does not accept value '${backing}'`, 1);
  }
  if (request.backing !== undefined) {
    await refuseOwnBacking(name, emptiedFiles(name, format, request), request.backing);
  }
  try {
    await createImage(name, format, request, made);
  } catch (thrown) {
    throw withPrefix(prefix, thrown);
  }
}

/** A backing file that can't be opened is for the opening of the new image to report. */
async function refuseOwnBacking(
  name: string,
  emptied: readonly string[],
  { filename, format }: BackingName,
): Promise<void> {
  let graph: Graph;
  try {
    const spec = backingSeenFromHere(name, filename);
    graph = await openGraph(spec, {
      ...(format !== undefined && { format }),
      backing: "open",
      forceShare: true,
    });
  } catch {
    return;
  }
  try {
    refuseOwnChain(name, emptied, graph.root);
  } finally {
    await graph.close();
  }
}
