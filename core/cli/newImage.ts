// The new image that `convert` and `dd` write into: its options settled before anything is made, then made, with the
// messages of qemu-img.
import type { CreateRequest } from "../block/driver.ts";
import type { BackingName } from "../block/node.ts";
import { type Graph, openGraph } from "../graph.ts";
import { createImage } from "../ops/create.ts";
import { driverNamed } from "../registry.ts";
import { backingSeenFromHere } from "./backingName.ts";
import { CliError } from "./command.ts";
import { emptiedFiles, refuseOwnChain } from "./createImage.ts";
import { draftCreation, requestOf, withPrefix } from "./createOptions.ts";
import { splitOptionLists } from "./optionList.ts";

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

/** Makes it. `doing` is what messages say failed: "converting raw". Throws CliError. */
export async function createNamed(
  name: string,
  format: string,
  request: CreateRequest,
  doing: string,
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
    await createImage(name, format, request);
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
