// Journals that are damaged, images that changed, writes that fail: nothing is touched, or all of it can be undone.
import * as fs from "node:fs";
import { expect, it } from "vitest";
import { openGraph } from "../../../core/graph.ts";
import { newJournal, openJournal } from "../../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../../core/repair/offer.ts";
import { applyJournal, undoJournal } from "../../../core/repair/run.ts";
import { buildQed } from "../../build/qed.ts";
import { tempDir } from "../../build/temp.ts";

const cluster = 4096;

function brokenImage(): { image: string; original: Buffer } {
  const clusters = new Map([[0, new Uint8Array(cluster).fill(1)]]);
  const base = { size: 512 * cluster, clusterSize: cluster, tableSize: 1, clusters, features: 2n };
  const data = BigInt(buildQed(base).dataOffsets.get(0) ?? 0);
  const image = `${tempDir()}/image.qed`;
  const { bytes } = buildQed({
    ...base,
    l2: [
      [0, 5, data],
      [0, 9, 0x7000_0000n],
    ],
  });
  fs.writeFileSync(image, bytes);
  return { image, original: Buffer.from(bytes) };
}

/** Writes the journal, and applies it over a disk whose write number `failing` fails. */
async function repair(image: string, failing?: number): Promise<void> {
  const plain = { driver: "file", filename: image };
  const graph = await openGraph({ driver: "qed", file: plain }, { readOnly: false, dirty: "skip" });
  const file = graph.nodeAt("file");
  if (!file) throw new Error("there is no file");
  const offer = await offerRepair(graph.root);
  const opened = await newJournal(`${image}.undo`, file, offer.script(defaultItems(offer)), image, {});
  let writes = 0;
  const faulty = {
    get size() {
      return file.size;
    },
    read: (offset: number, target: Uint8Array) => file.read(offset, target),
    flush: () => file.flush(),
    resize: (size: number) => file.resize(size),
    async write(offset: number, source: Uint8Array) {
      writes++;
      if (writes === failing) throw new Error("the disk failed");
      await file.write(offset, source);
    },
  };
  try {
    await applyJournal(faulty, opened.file, opened.journal);
  } finally {
    await opened.close();
    await graph.close();
  }
}

async function finish(image: string, how: typeof undoJournal): Promise<void> {
  const opened = await openJournal(`${image}.undo`, false);
  const graph = await openGraph({ driver: "file", filename: image }, { readOnly: false });
  try {
    await how(graph.root, opened.file, opened.journal);
  } finally {
    await graph.close();
    await opened.close();
  }
}

// One copy, two entries, the dirty bit.
it.each([1, 2, 3, 4])("is taken back, or finished, when write %i of the image fails", async (failing) => {
  const { image, original } = brokenImage();
  await expect(repair(image, failing)).rejects.toThrow("the disk failed");
  await finish(image, applyJournal);
  expect(Buffer.compare(fs.readFileSync(image), original)).not.toBe(0);
  await finish(image, undoJournal);
  expect(Buffer.compare(fs.readFileSync(image), original)).toBe(0);
});

it("finds every byte that was changed in a journal's header and records, and every cut", async () => {
  const { image } = brokenImage();
  await repair(image);
  const mended = fs.readFileSync(image);
  const journal = fs.readFileSync(`${image}.undo`);
  const places = [...Array(512).keys(), ...Array.from({ length: journal.length - 4096 }, (_, i) => 4096 + i)];
  for (const at of places.filter((_, i) => i % 7 === 0)) {
    const flipped = Buffer.from(journal);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    fs.writeFileSync(`${image}.undo`, flipped);
    await expect(openJournal(`${image}.undo`, true), `byte ${at}`).rejects.toThrow(/damaged/);
  }
  for (const length of [0, 300, 512, 1024, 4096, journal.length - 1]) {
    fs.writeFileSync(`${image}.undo`, journal.subarray(0, length));
    await expect(openJournal(`${image}.undo`, true), `${length} bytes`).rejects.toThrow(/damaged/);
  }
  expect(Buffer.compare(fs.readFileSync(image), mended)).toBe(0);
});

it("refuses, and touches nothing, when the image was changed since", async () => {
  const { image } = brokenImage();
  await repair(image);
  const changed = fs.readFileSync(image);
  changed[changed.length - 1] = 77;
  fs.writeFileSync(image, changed);
  await expect(finish(image, undoJournal)).rejects.toThrow(
    "The image has changed since the repair was planned",
  );
  expect(Buffer.compare(fs.readFileSync(image), changed)).toBe(0);
});
