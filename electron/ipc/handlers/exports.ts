// Calls that take what is on screen away: a saved file, the clipboard. The only writing the app does for a
// person, so the target is looked at first: never a file of an open image, never a device.
import { stat } from "node:fs/promises";
import * as path from "node:path";
import { BlockError } from "../../../core/base/errors.ts";
import { systemError } from "../../../core/protocol/systemError.ts";
import { writeAtomic } from "../../atomicWrite.ts";
import { displayText } from "../../files.ts";
import type { Handler } from "../handle.ts";

export const save: Handler<"export:save"> = async ({ suggestedName, content }, { desktop, session }) => {
  const target = await desktop.chooseSavePath(fileName(suggestedName));
  if (target === undefined) return undefined;
  const name = displayText(path.basename(target));
  await checkTarget(target, name, session.openPaths());
  try {
    await writeAtomic(target, content);
  } catch (error) {
    throw systemError(`Could not save '${name}'`, error, { path: target });
  }
  return { name };
};

export const writeClipboard: Handler<"clipboard:write"> = (text, { desktop }) => {
  desktop.copyText(text);
  return undefined;
};

/** A name without what file systems refuse. */
export function fileName(suggested: string): string {
  return displayText(suggested).replace(/[\\/:*?"<>|]/g, "_") || "export";
}

/** Throws EINVAL, EBUSY: `target` is there and is no file, or one of the images that are open. */
export async function checkTarget(target: string, name: string, images: readonly string[]): Promise<void> {
  const found = await look(target);
  if (found === undefined) return;
  if (!found.isFile()) {
    throw new BlockError("EINVAL", `Could not save '${name}': it is not a file`, {
      path: target,
      hint: "Choose another name.",
    });
  }
  for (const image of images) {
    const open = await look(image);
    if (open !== undefined && open.ino === found.ino && open.dev === found.dev) {
      throw new BlockError("EBUSY", `Could not save '${name}': it belongs to an image you have open`, {
        path: target,
        hint: "Images are never overwritten. Choose another name.",
      });
    }
  }
}

const look = (file: string) => stat(file, { bigint: true }).catch(() => undefined);
