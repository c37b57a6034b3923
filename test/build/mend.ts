// A repair as the command line and the app do it, and its two endings, on real files.
import * as fs from "node:fs";
import { BlockError } from "../../core/base/errors.ts";
import type { ImageSpec } from "../../core/block/driver.ts";
import type { RepairScript } from "../../core/block/finding.ts";
import type { RepairJob } from "../../core/block/repair.ts";
import { openGraph } from "../../core/graph.ts";
import { newJournal, openJournal } from "../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../core/repair/offer.ts";
import { applyJournal, undoJournal } from "../../core/repair/run.ts";

/** `file` is what the image's tables are read from; default: the file itself. Gives what was done. */
export async function mend(
  image: string,
  {
    driver = "qed",
    journal = `${image}.undo`,
    file = { driver: "file", filename: image },
    job = {},
  }: { driver?: "qed" | "qcow2"; journal?: string; file?: ImageSpec; job?: RepairJob } = {},
): Promise<RepairScript> {
  const graph = await openGraph({ driver, file, backing: null }, { readOnly: false, dirty: "untouched" });
  try {
    const disk = graph.nodeAt("file");
    if (!disk) throw new Error("there is no file");
    const offer = await offerRepair(graph.root);
    const script = offer.script(defaultItems(offer));
    const opened = await newJournal(journal, disk, script, image, {});
    try {
      await applyJournal(disk, opened.file, opened.journal, job);
    } finally {
      await opened.close();
    }
    return script;
  } finally {
    await graph.close();
  }
}

/** The same, stopped at its first change in place, as where its process ends there. */
export async function cutOffRepair(image: string, journal: string): Promise<void> {
  const stop = new AbortController();
  // It is begun when it copies or writes, after it has compared the image with the journal.
  const phase = (name: string) => {
    if (!name.startsWith("Comparing")) stop.abort();
  };
  const job = { signal: stop.signal, phase };
  await mend(image, { journal, job }).catch((error: unknown) => {
    if (!(error instanceof BlockError) || error.code !== "ECANCELED") throw error;
  });
}

/** Done twice, it is as it was. */
export function damageRecords(journal: string): void {
  const bytes = fs.readFileSync(journal);
  bytes[4096 + 30] = (bytes[4096 + 30] ?? 0) ^ 1;
  fs.writeFileSync(journal, bytes);
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
