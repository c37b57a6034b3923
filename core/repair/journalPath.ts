// Where the undo journal of an image lies unless the person says otherwise, and where the image of a journal does.
import * as fs from "node:fs";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";

export function journalPathOf(image: string): string {
  return `${image}.blkscope-undo`;
}

export interface PlaceOfImage {
  readonly path: string;
  /** A file of that name lies beside the journal. */
  readonly isBeside: boolean;
}

/**
 * An image that was moved together with its journal is found before one that stayed where it was. Only the journal's own
 * folder is looked at: what the journal names elsewhere may be a file of somebody else's choosing, on a server that
 * learns who asks, or never answers. A symbolic link beside the journal is such a place too.
 */
export function imageOfJournal(journal: string, imagePath: string): PlaceOfImage {
  const beside = path.join(path.dirname(journal), path.basename(imagePath));
  const isBeside = isOwnFile(beside);
  return { path: isBeside ? beside : imagePath, isBeside };
}

/** The image beside the journal. Throws EINVAL where the journal names one elsewhere, which nobody has agreed to. */
export function agreedImage(journal: string, imagePath: string): string {
  const place = imageOfJournal(journal, imagePath);
  if (place.isBeside) return place.path;
  throw new BlockError("EINVAL", `The image is not beside its journal, which names '${imagePath}'`, {
    path: imagePath,
    hint: "It was not touched. If that is the image, name it as the last argument.",
  });
}

/** What the command line is to be told to go on with a journal: its name, and the image's where that is not beside it. */
export function journalArguments(journal: string, image: string): string {
  return imageOfJournal(journal, image).isBeside ? `'${journal}'` : `'${journal}' '${image}'`;
}

/** Names that no file can have, which a damaged journal may hold, are thrown for. */
function isOwnFile(name: string): boolean {
  try {
    const stat = fs.lstatSync(name);
    return !stat.isSymbolicLink() && !stat.isDirectory();
  } catch {
    return false;
  }
}
