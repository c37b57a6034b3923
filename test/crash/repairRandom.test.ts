// Random corruptions of QED images whose guest content is known: what is not named reads as before, and undoing brings
// back every byte.

import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { readJournal } from "../../core/repair/journal.ts";
import { newJournal } from "../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../core/repair/offer.ts";
import { applyJournal, undoJournal } from "../../core/repair/run.ts";
import { brokenCluster as cluster, corruptedQed } from "../build/brokenQed.ts";
import { lacksPeer } from "../build/peers.ts";
import { seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";
import { watchFiles } from "./fileFaults.ts";

const rounds = 300;
const noPeer = lacksPeer("qemu-img");

/** The first clusters of each table, and undefined where reading fails. */
async function guestOf(image: string): Promise<Map<number, string | undefined>> {
  const graph = await openGraph({ driver: "qed", file: { driver: "file", filename: image } });
  const found = new Map<number, string | undefined>();
  const step = graph.root.size / 4;
  for (let table = 0; table < 4; table++) {
    for (let i = 0; i < 16; i++) {
      const bytes = new Uint8Array(cluster);
      const offset = table * step + i * cluster;
      const text = await graph.root.read(offset, bytes).then(
        () => Buffer.from(bytes).toString("latin1"),
        () => undefined,
      );
      found.set(offset, text);
    }
  }
  await graph.close();
  return found;
}

// Nothing here asks what a power cut leaves, and hundreds of syncs take most of the time.
let restore: () => void;
beforeAll(() => {
  restore = watchFiles({ skipSyncs: true, fault: () => undefined });
});
afterAll(() => restore());

it("mends what chance broke, changes nothing unnamed, and takes every byte back", async () => {
  await seeded(async (random) => {
    const folder = tempDir();
    for (let round = 0; round < rounds; round++) {
      const image = path.join(folder, `${round}.qed`);
      const original = corruptedQed(random);
      fs.writeFileSync(image, original);
      const before = await guestOf(image);
      const spec = { driver: "qed", file: { driver: "file", filename: image } };
      const graph = await openGraph(spec, { readOnly: false, dirty: "skip" });
      const file = graph.nodeAt("file");
      if (!file) throw new Error("no file");
      const offer = await offerRepair(graph.root);
      const script = offer.script(defaultItems(offer));
      const opened = await newJournal(`${image}.undo`, file, script, image, {});
      await applyJournal(file, opened.file, opened.journal);
      await graph.root.reload?.();
      const left = await offerRepair(graph.root);
      expect(
        left.items.filter(({ action }) => action !== "trim"),
        `round ${round}`,
      ).toEqual([]);
      await graph.close();
      const after = await guestOf(image);
      const named = offer.items.filter(({ id }) => script.items.includes(id)).flatMap(({ guest }) => guest);
      for (const [offset, text] of before) {
        const isNamed = named.some((range) => range.offset <= offset && offset < range.offset + range.length);
        expect(
          after.get(offset) === (isNamed ? "\0".repeat(cluster) : text),
          `round ${round} at ${offset}`,
        ).toBe(true);
      }
      // The peer opens no image whose tables have one cluster.
      if (!noPeer && original[8] === 2) {
        const peer = spawnSync("qemu-img", ["check", "-f", "qed", image], { encoding: "utf8" });
        expect([0, 3], `round ${round}: ${peer.stdout}${peer.stderr}`).toContain(peer.status);
      }
      const raw = await openGraph({ driver: "file", filename: image }, { readOnly: false });
      const journal = await readJournal(opened.file);
      expect(journal?.state).toBe("verified");
      if (journal) await undoJournal(raw.root, opened.file, journal);
      await raw.close();
      await opened.close();
      expect(Buffer.compare(fs.readFileSync(image), original), `round ${round}: undone`).toBe(0);
    }
  });
});
