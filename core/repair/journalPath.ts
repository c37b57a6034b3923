// Where the undo journal of an image lies unless the person says otherwise, and where the image of a journal does.
import * as fs from "node:fs";
import * as path from "node:path";

export function journalPathOf(image: string): string {
  return `${image}.blkscope-undo`;
}

/** An image that was moved together with its journal is found before one that stayed where it was. */
export function imageOfJournal(journal: string, imagePath: string): string {
  const beside = path.join(path.dirname(journal), path.basename(imagePath));
  return fs.existsSync(beside) ? beside : imagePath;
}
