// What earlier repairs took out of use, by the journals that lie beside an image: clusters that nothing uses any more may
// be what those entries stood for, however sound the image is now.
import * as fs from "node:fs";
import * as path from "node:path";
import { asBlockError } from "../base/errors.ts";
import type { EarlierRepairs, GaveUp } from "../block/offered.ts";
import { openGraph } from "../graph.ts";
import { readJournal, readProgress } from "./journal.ts";
import { isAsideName } from "./journalAside.ts";
import { journalPathOf } from "./journalPath.ts";

/** `imagePath` undefined: the image is no file of its own, and nothing is known. */
export function earlierRepairs(imagePath: string | undefined): EarlierRepairs {
  return {
    async gaveUp(test) {
      if (imagePath === undefined) return false;
      for (const name of new Set(namesOf(imagePath).flatMap(journalsBeside))) {
        if (await journalGaveUp(name, test)) return true;
      }
      return false;
    },
  };
}

/** As it is named, and as its folder names it: journals lie beside the name that a repair was asked for by. */
function namesOf(imagePath: string): string[] {
  const named = path.resolve(imagePath);
  try {
    return [named, fs.realpathSync(named)];
  } catch {
    return [named];
  }
}

/** `imagePath` is absolute. */
function journalsBeside(imagePath: string): string[] {
  const own = journalPathOf(imagePath);
  const folder = path.dirname(own);
  try {
    const names = fs.readdirSync(folder).map((name) => path.join(folder, name));
    return names.filter((name) => name === own || isAsideName(name, own));
  } catch {
    // A folder that may not be listed is no reason not to mend what is in it.
    return fs.existsSync(own) ? [own] : [];
  }
}

/** What a journal that can't be read did is not known: it may have been anything. */
async function journalGaveUp(filename: string, test: GaveUp): Promise<boolean> {
  try {
    const graph = await openGraph({ driver: "file", filename }, { readOnly: true, forceShare: true });
    try {
      const progress = await readProgress(graph.root);
      if (progress === undefined || progress.state === "planned" || progress.state === "undone") return false;
      const journal = progress.whole ?? (await readJournal(graph.root));
      return journal === undefined || journal.writes.some((write) => test(write, journal));
    } finally {
      await graph.close();
    }
  } catch (thrown) {
    return asBlockError(thrown).code !== "ENOENT";
  }
}
