// The other files of a qcow2 image: its backing file and its external data file, by the names that it stores.
import { asBlockError, BlockError } from "../../base/errors.ts";
import { backingFailed, backingSpec, guessConsent, partSpec, pathOf } from "../../block/backing.ts";
import type { ImageSpec, NodeOptions, OpenContext } from "../../block/driver.ts";
import { dataFileChild } from "../../block/extents.ts";
import type { BlockNode } from "../../block/node.ts";
import { referredNode, withoutGeneric } from "../../block/options.ts";
import { isOptions, overlay } from "../../spec.ts";
import type { Qcow2Image } from "./header.ts";

/** `backing: null` in the options leaves it out; given options come before those that the name in the header makes. */
export async function openBacking(
  given: ImageSpec | null | undefined,
  { backing, header, extensions }: Qcow2Image,
  file: BlockNode,
  context: OpenContext,
): Promise<BlockNode | undefined> {
  if (given === null || context.backing === "none") return undefined;
  const isAddition = isOptions(given) && backing !== undefined && addsToName(given, extensions.backingFormat);
  if (given && !isAddition) return context.openChild("backing", "backing", given);
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
    const named = backingSpec(request);
    const spec = isAddition ? overlay(named, given) : named;
    return await context.openChild("backing", "backing", spec, guessConsent(request));
  } catch (thrown) {
    throw backingFailed(request, thrown);
  }
}

/** Options that say how the file is opened that the header names, and not which one. */
function addsToName({ driver, ...others }: NodeOptions, format: string | undefined): boolean {
  const isOfFile = driver === undefined || driver === format;
  return isOfFile && referredNode(others) === undefined && Object.keys(withoutGeneric(others)).length === 0;
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
  try {
    return await context.openChild(dataFileChild, "file", partSpec(request));
  } catch (thrown) {
    throw notFound(asBlockError(thrown));
  }
}

/** Other programs look for it in the folder that they are started in: that is where it may be. */
function notFound(error: BlockError): BlockError {
  const { code, message, context } = error;
  if (code !== "ENOENT") return error;
  const hint =
    "The image names it as its external data file, which is looked for in the image's folder. Another place is said by the option data-file.filename.";
  return new BlockError(code, message, { ...context, hint }, { cause: error });
}

function optionError(message: string): BlockError {
  return new BlockError("EINVAL", message, { option: dataFileChild, peer: { message } });
}
