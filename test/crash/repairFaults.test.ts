// Disks that fail, journals that are damaged, images that change under a repair: the image is as before, as planned, or
// exactly restorable.
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { JournalWriter } from "../../core/repair/journal.ts";
import { newJournal, openJournal } from "../../core/repair/journalFile.ts";
import { defaultItems, offerRepair } from "../../core/repair/offer.ts";
import { brokenQed } from "../build/brokenQed.ts";
import { finish, mend } from "../build/mend.ts";
import { buildQed } from "../build/qed.ts";
import { seeded } from "../build/random.ts";
import { tempDir, tempFile } from "../build/temp.ts";
import { type ChangingCall, type Fault, watchFiles } from "./fileFaults.ts";

const original = brokenQed();

/** A file of the image, a name for its journal, and what the folder should have been left with. */
function fresh(): { image: string; journal: string; names: () => string[] } {
  const folder = tempDir();
  const image = tempFile("disk.qed", original, folder);
  return { image, journal: `${image}.undo`, names: () => fs.readdirSync(folder).sort() };
}

const has = (file: string, bytes: Uint8Array) => Buffer.compare(fs.readFileSync(file), bytes) === 0;

/** Calls of an undisturbed repair, and the image it makes. */
async function undisturbed(): Promise<{ calls: ChangingCall[]; planned: Uint8Array; journal: Buffer }> {
  const { image, journal } = fresh();
  const calls: ChangingCall[] = [];
  const done = watchFiles({ skipSyncs: true, fault: (call) => void calls.push(call) });
  try {
    await mend(image);
  } finally {
    done();
  }
  return { calls, planned: fs.readFileSync(image), journal: fs.readFileSync(journal) };
}

async function withFaults(fault: (call: ChangingCall) => Fault | undefined, work: () => Promise<unknown>) {
  const done = watchFiles({ skipSyncs: true, fault });
  try {
    await work();
  } finally {
    done();
  }
}

describe("a repair on a disk that fails", () => {
  it.each(["EIO", "ENOSPC"])(
    "is taken back or finished, whichever of its calls fails with %s",
    async (code) => {
      const { calls, planned } = await undisturbed();
      let [before, within] = [0, 0];
      for (const { number } of calls) {
        const where = `call ${number}`;
        const { image, journal, names } = fresh();
        // Some failures are of tidying up: they are passed over, and everything is done.
        const error = await withFaults(
          (call) => (call.number === number ? { kind: "throw", code } : undefined),
          () => mend(image),
        ).then(
          () => undefined,
          (thrown: Error) => thrown,
        );
        if (!fs.existsSync(journal)) {
          before++;
          expect(has(image, original), where).toBe(true);
          expect(names(), where).toEqual(["disk.qed"]);
          expect(error?.message, where).toMatch(/The image was not changed|Could not write/);
          continue;
        }
        within++;
        const copy = tempFile("copy.qed", fs.readFileSync(image));
        fs.copyFileSync(journal, `${copy}.undo`);
        await finish(image, "resume");
        expect(has(image, planned), `${where}: resumed`).toBe(true);
        await finish(copy, "undo");
        expect(has(copy, original), `${where}: undone`).toBe(true);
      }
      expect(before).toBeGreaterThan(5);
      expect(within).toBeGreaterThan(15);
    },
  );

  it("keeps no journal and no part of one where there is no space for it", async () => {
    const { image, names } = fresh();
    const space = 1000;
    let written = 0;
    const fault = ({ bytes }: ChangingCall): Fault | undefined => {
      written += bytes?.length ?? 0;
      return bytes && written > space ? { kind: "throw", code: "ENOSPC" } : undefined;
    };
    const refused = withFaults(fault, () => mend(image));
    await expect(refused).rejects.toMatchObject({
      code: "ENOSPC",
      message: expect.stringContaining("No space left on device. The image was not changed"),
      context: { hint: "Free some space, then try again." },
    });
    expect(names()).toEqual(["disk.qed"]);
    expect(has(image, original)).toBe(true);
  });

  it("that blkdebug makes fail at any sector a repair writes to is mended later, or as before", async () => {
    const { image } = fresh();
    const { copies, writes, last } = await mend(image);
    const planned = fs.readFileSync(image);
    const sectorsOf = (offset: number, length: number) => {
      const first = Math.floor(offset / 512);
      return Array.from({ length: Math.ceil((offset + length) / 512) - first }, (_, i) => first + i);
    };
    const places = [
      ...copies.map(({ to, length }) => sectorsOf(to, length)),
      ...[...writes, ...(last ? [last] : [])].map(({ offset, newBytes }) =>
        sectorsOf(offset, newBytes.length),
      ),
    ];
    const sectors = [...new Set(places.flat())];
    expect(sectors.length).toBeGreaterThan(20);
    for (const sector of sectors) {
      const { image, journal } = fresh();
      const rule = { event: "none", iotype: "write", sector, errno: 5 };
      const file = {
        driver: "blkdebug",
        image: { driver: "file", filename: image },
        "inject-error": [rule],
        // Requests of whole sectors, as rules know them.
        align: 512,
      };
      await expect(mend(image, { file }), `sector ${sector}`).rejects.toThrow(/Input\/output error/);
      const copy = tempFile("copy.qed", fs.readFileSync(image));
      fs.copyFileSync(journal, `${copy}.undo`);
      await finish(image, "resume");
      expect(has(image, planned), `sector ${sector}: resumed`).toBe(true);
      await finish(copy, "undo");
      expect(has(copy, original), `sector ${sector}: undone`).toBe(true);
    }
  });
});

describe("a journal", () => {
  it("cut at any length is refused, and nothing is touched", async () => {
    const { journal, planned } = await undisturbed();
    const image = tempFile("disk.qed", planned);
    fs.writeFileSync(`${image}.undo`, journal);
    for (let length = journal.length - 1; length >= 0; length--) {
      fs.truncateSync(`${image}.undo`, length);
      const opening = openJournal(`${image}.undo`, true);
      await expect(opening, `${length} bytes`).rejects.toThrow(/damaged|not an undo journal/);
    }
    expect(has(image, planned)).toBe(true);
  });

  it("with a bit flipped in its header or records is refused", async () => {
    const { journal, planned } = await undisturbed();
    const image = tempFile("disk.qed", planned);
    await seeded(async (random) => {
      const records = Array.from({ length: journal.length - 4096 }, (_, i) => 4096 + i);
      for (const at of [...Array(512).keys(), ...records]) {
        const flipped = Buffer.from(journal);
        flipped[at] = (flipped[at] ?? 0) ^ (2 ** random.below(8));
        fs.writeFileSync(`${image}.undo`, flipped);
        await expect(openJournal(`${image}.undo`, true), `byte ${at}`).rejects.toThrow(/damaged/);
      }
    });
    expect(has(image, planned)).toBe(true);
  });

  it("made to do harm, with checksums that fit, is refused before anything is allocated or touched", async () => {
    const hash = new Uint8Array(32);
    const head = { oldSize: original.length, cutSize: 4096, newSize: original.length, headHash: hash };
    const [word, end] = [new Uint8Array(8), original.length];
    const harms: [string, (writer: JournalWriter) => Promise<void>, object?][] = [
      [
        "a copy of 1 TiB",
        (to) => to.copy({ from: 0, to: 4096, length: 2 ** 40, hash }),
        { newSize: 2 ** 41 },
      ],
      ["a copy from behind the end", (to) => to.copy({ from: 2 ** 50, to: 4096, length: 8, hash })],
      ["a copy over what is not cut off", (to) => to.copy({ from: 0, to: 512, length: 512, hash })],
      ["a write behind the end", (to) => to.write({ offset: end, oldBytes: word, newBytes: word }, false)],
      ["a mark behind the end", (to) => to.write({ offset: 2 ** 52, oldBytes: word, newBytes: word }, true)],
      ["a patch of what is not cut off", (to) => to.patch(0, word)],
      ["a tail that is not cut off", (to) => to.tail(0, 8, word)],
      ["a tail of another length than its bytes", (to) => to.tail(4096, 16, word)],
      ["zeroes behind the end", (to) => to.tail(4096, 2 ** 50, undefined)],
      ["sizes that can't be", (to) => to.image("disk.qed"), { cutSize: 2 ** 45 }],
    ];
    const image = tempFile("disk.qed", original);
    for (const [harm, write, sizes] of harms) {
      const journal = tempFile("harm.undo", new Uint8Array(0));
      const graph = await openGraph({ driver: "file", filename: journal }, { readOnly: false });
      const writer = new JournalWriter(graph.root);
      await write(writer);
      await writer.finish({ ...head, ...sizes });
      await graph.close();
      const refusal = { code: "ECORRUPT", message: expect.stringContaining("is damaged") };
      await expect(openJournal(journal, true), harm).rejects.toMatchObject(refusal);
      for (const how of ["undo", "resume"] as const) {
        await expect(finish(image, how, journal), harm).rejects.toMatchObject(refusal);
      }
    }
    expect(has(image, original)).toBe(true);
  });

  it("with a bit flipped in its states takes the repair back all the same, or is refused", async () => {
    const { journal, planned } = await undisturbed();
    let undone = 0;
    for (const [slot, at] of [512, 1024].flatMap((slot) =>
      Array.from({ length: 40 }, (_, i) => [slot, slot + i]),
    )) {
      const image = tempFile("disk.qed", planned);
      const flipped = Buffer.from(journal);
      flipped[at as number] = (flipped[at as number] ?? 0) ^ 1;
      fs.writeFileSync(`${image}.undo`, flipped);
      await finish(image, "undo");
      expect(has(image, original), `slot ${slot}, byte ${at}`).toBe(true);
      undone++;
    }
    expect(undone).toBe(80);
    // Both at once: how far it came can't be told any more.
    const image = tempFile("disk.qed", planned);
    const flipped = Buffer.from(journal);
    for (const slot of [512, 1024]) flipped[slot] = (flipped[slot] ?? 0) ^ 1;
    fs.writeFileSync(`${image}.undo`, flipped);
    await expect(finish(image, "undo")).rejects.toThrow("its state can't be read");
    expect(has(image, planned)).toBe(true);
  });

  it("is as long as was said before, and shorter only by zeroes that are cut off", async () => {
    const { image, journal } = fresh();
    const { journalBytes } = await import("../../core/repair/journal.ts");
    const script = await mend(image);
    // A part of a cluster makes way for copies, in one record.
    const tail = { bytes: 700, records: 1 };
    expect(script.oldSize - script.cutSize).toBe(tail.bytes);
    expect(fs.statSync(journal).size).toBe(journalBytes(script, Buffer.byteLength(image), tail));
  });
});

describe("an image that changes", () => {
  it("after its repair is not touched again", async () => {
    const { image } = fresh();
    await mend(image);
    const changed = fs.readFileSync(image);
    // In the last copy: no place of the repair, but one it has the checksum of.
    changed[changed.length - 1] = 77;
    fs.writeFileSync(image, changed);
    for (const how of ["undo", "resume"] as const) {
      await expect(finish(image, how)).rejects.toThrow("The image has changed since the repair was planned");
    }
    expect(has(image, changed)).toBe(true);
  });

  it("between plan and write is left as it is, whether bytes or length changed", async () => {
    const changes: ((image: string) => void)[] = [
      (image) => fs.appendFileSync(image, Buffer.alloc(4096)),
      (image) => fs.truncateSync(image, original.length - 1),
      (image) => fs.writeFileSync(image, Buffer.alloc(original.length)),
      (image) => {
        // One of the entries that are to be cleared: 0x3038 is L2 entry 7 of the first table.
        const bytes = Buffer.from(original);
        bytes.writeBigUInt64LE(0x5000n, 0x3038);
        fs.writeFileSync(image, bytes);
      },
    ];
    for (const [index, change] of changes.entries()) {
      const { image, journal, names } = fresh();
      const spec = { driver: "qed", file: { driver: "file", filename: image } };
      const graph = await openGraph(spec, { readOnly: false, dirty: "skip" });
      const file = graph.nodeAt("file");
      if (!file) throw new Error("there is no file");
      const offer = await offerRepair(graph.root);
      change(image);
      const changed = fs.readFileSync(image);
      const script = offer.script(defaultItems(offer));
      await expect(newJournal(journal, file, script, image, {}), `change ${index}`).rejects.toThrow();
      await graph.close();
      expect(has(image, changed), `change ${index}`).toBe(true);
      expect(names(), `change ${index}`).toEqual(["disk.qed"]);
    }
  });

  it("for another file of its name is not written to", async () => {
    const { image, journal } = fresh();
    const spec = { driver: "qed", file: { driver: "file", filename: image } };
    const graph = await openGraph(spec, { readOnly: false, dirty: "skip" });
    const file = graph.nodeAt("file");
    if (!file) throw new Error("there is no file");
    const offer = await offerRepair(graph.root);
    const other = Buffer.alloc(5000, 1);
    fs.renameSync(tempFile("new.qed", other), image);
    const script = offer.script(defaultItems(offer));
    await expect(newJournal(journal, file, script, image, {})).rejects.toThrow(
      "is another file now than the one that was opened",
    );
    await graph.close();
    expect(has(image, other)).toBe(true);
    expect(fs.existsSync(journal)).toBe(false);
  });
});

it("keeps a journal from those who may not read the image", async () => {
  const { image, journal } = fresh();
  fs.chmodSync(image, 0o640);
  const umask = process.umask(0);
  try {
    await mend(image);
  } finally {
    process.umask(umask);
  }
  expect(fs.statSync(journal).mode % 0o1000).toBe(0o640);
});

it("keeps a long tail that is cut off by its bytes, and zeroes in it by their number", async () => {
  // 9 MiB behind the last cluster: zeroes but for one byte in the third and one in the last MiB.
  const mib = 1024 * 1024;
  const clusters = new Map([[0, new Uint8Array(4096).fill(1)]]);
  const { bytes } = buildQed({ size: 2 ** 24, clusterSize: 4096, tableSize: 1, clusters, tail: 9 * mib });
  const start = bytes.length - 9 * mib;
  bytes[start + 2 * mib + 5] = 7;
  bytes[bytes.length - 1] = 8;
  const image = tempFile("tail.qed", bytes);
  const script = await mend(image);
  expect(script).toMatchObject({ items: ["trim"], cutSize: start, newSize: start });
  expect(fs.statSync(image).size).toBe(start);
  // Two pieces of 1 MiB and two runs of zeroes, each with 24 + 16 bytes around it, and the path.
  const records = 40 + Buffer.byteLength(image) + 2 * (40 + mib) + 2 * 40;
  expect(fs.statSync(`${image}.undo`).size).toBe(4096 + records);
  await finish(image, "undo");
  expect(has(image, bytes)).toBe(true);
  await finish(image, "resume");
  expect(fs.statSync(image).size).toBe(start);
  await finish(image, "undo");
  expect(has(image, bytes)).toBe(true);
});
