// The other files of a qcow2 image: its backing file and its external data file, by the names that it stores.
import { BlockError } from "../../base/errors.ts";
import { backingFailed, backingSpec, partSpec, pathOf } from "../../block/backing.ts";
import type { ImageSpec, OpenContext } from "../../block/driver.ts";
import { dataFileChild } from "../../block/extents.ts";
import type { BlockNode } from "../../block/node.ts";
import type { Qcow2Image } from "./header.ts";

/** `backing: null` in the options leaves it out; given options come before the name in the header. */
export async function openBacking(
  given: ImageSpec | null | undefined,
  { backing, header, extensions }: Qcow2Image,
  file: BlockNode,
  context: OpenContext,
): Promise<BlockNode | undefined> {
  if (given === null || context.backing === "none") return undefined;
  if (given) return context.openChild("backing", "backing", given);
  if (backing === undefined) return undefined;
  if (backing.fault !== undefined) {
    throw new BlockError("ECORRUPT", `The backing file name ${backing.fault}`, header.backingName);
  }
  const request = {
    name: backing.text,
    format: extensions.backingFormat || undefined,
    image: pathOf(file),
    baseDir: context.baseDir,
    node: context.name,
    policy: context.backing,
  };
  try {
    return await context.openChild("backing", "backing", backingSpec(request));
  } catch (thrown) {
    throw backingFailed(request, thrown);
  }
}

/** Without backing files it is not opened either: what asks so looks at tables only. Throws EINVAL, what opening throws. */
export async function openDataFile(
  given: ImageSpec | undefined,
  { header, extensions }: Qcow2Image,
  file: BlockNode,
  context: OpenContext,
): Promise<BlockNode | undefined> {
  if (!header.hasDataFile) {
    if (given === undefined) return undefined;
    throw optionError("'data-file' can only be set for images with an external data file");
  }
  if (given !== undefined) return context.openChild(dataFileChild, "file", given);
  if (context.backing === "none") return undefined;
  const { dataFile: name } = extensions;
  if (name === undefined || name === "") throw optionError("'data-file' is required for this image");
  const image = pathOf(file);
  const request = { name, image, baseDir: context.baseDir, node: context.name, policy: context.backing };
  return context.openChild(dataFileChild, "file", partSpec(request));
}

function optionError(message: string): BlockError {
  return new BlockError("EINVAL", message, { option: dataFileChild, peer: { message } });
}
