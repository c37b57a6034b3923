// A repair as the command line and the app do it, and its two endings, on real files.
import type { ImageSpec } from "../../core/block/driver.ts";
import type { RepairScript } from "../../core/block/finding.ts";
import { openGraph } from "../../core/graph.ts";
import { newJournal, openJournal } from "../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../core/repair/offer.ts";
import { applyJournal, undoJournal } from "../../core/repair/run.ts";

/** `file` is what the image's tables are read from; default: the file itself. Gives what was done. */
export async function mend(
  image: string,
  {
    journal = `${image}.undo`,
    file = { driver: "file", filename: image },
  }: { journal?: string; file?: ImageSpec } = {},
): Promise<RepairScript> {
  const graph = await openGraph({ driver: "qed", file, backing: null }, { readOnly: false, dirty: "skip" });
  try {
    const disk = graph.nodeAt("file");
    if (!disk) throw new Error("there is no file");
    const offer = await offerRepair(graph.root);
    const script = offer.script(defaultItems(offer));
    const opened = await newJournal(journal, disk, script, image, {});
    try {
      await applyJournal(disk, opened.file, opened.journal);
    } finally {
      await opened.close();
    }
    return script;
  } finally {
    await graph.close();
  }
}

/** Resumes or takes back. */
export async function finish(
  image: string,
  how: "resume" | "undo",
  journal = `${image}.undo`,
): Promise<void> {
  const opened = await openJournal(journal, false);
  try {
    const graph = await openGraph({ driver: "file", filename: image }, { readOnly: false });
    try {
      await (how === "resume" ? applyJournal : undoJournal)(graph.root, opened.file, opened.journal);
    } finally {
      await graph.close();
    }
  } finally {
    await opened.close();
  }
}
