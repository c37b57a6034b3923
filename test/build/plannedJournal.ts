// The journal of a repair that was planned and never begun: what is left when the program ends right before the first
// change.
import { openGraph } from "../../core/graph.ts";
import { newJournal } from "../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../core/repair/offer.ts";

/** Of all that is mended by default in the QED image. Gives how many writes it holds. */
export async function plannedJournal(image: string, journal: string): Promise<number> {
  const graph = await openGraph(
    { driver: "qed", file: { driver: "file", filename: image }, backing: null },
    { readOnly: false, dirty: "untouched" },
  );
  try {
    const disk = graph.nodeAt("file");
    if (!disk) throw new Error("there is no file");
    const offer = await offerRepair(graph.root);
    const opened = await newJournal(journal, disk, offer.script(defaultItems(offer)), image, {});
    const { writes, last } = opened.journal;
    await opened.close();
    return writes.length + (last ? 1 : 0);
  } finally {
    await graph.close();
  }
}
