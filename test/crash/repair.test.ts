// A repair that ends at any moment: what a crash may leave of image and journal is resumed and rolled back, and both end
// right: as planned, or as before.
import { expect, it } from "vitest";
import type { RepairOffer } from "../../core/block/finding.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { offerQcow2Repair } from "../../core/format/qcow2/planOffer.ts";
import { offerQedRepair } from "../../core/format/qed/planOffer.ts";
import { readJournal } from "../../core/repair/journal.ts";
import { applyJournal, createJournal, undoJournal } from "../../core/repair/run.ts";
import { buildQcow2 } from "../build/qcow2.ts";
import { buildQed } from "../build/qed.ts";
import { type Random, seeded } from "../build/random.ts";
import { cutMoments, prefixState, reorderedState, tornState } from "./crashStates.ts";
import { Clock, RecordingNode } from "./recorder.ts";

const cluster = 4096;

/** A shared cluster, a shared table, entries past the end, a tail of a part of a cluster, the dirty bit. */
function brokenQed(): Uint8Array {
  const fill = (value: number) => new Uint8Array(cluster).fill(value);
  const clusters = new Map([
    [0, fill(1)],
    [1, fill(2)],
    [600, fill(3)],
  ]);
  const base = {
    size: 2048 * cluster,
    clusterSize: cluster,
    tableSize: 1,
    clusters,
    features: 2n,
    tail: 700,
  };
  const built = buildQed(base);
  const first = BigInt(built.dataOffsets.get(0) ?? 0);
  const table = BigInt(built.l2Offsets.get(0) ?? 0);
  const bytes = buildQed({
    ...base,
    l1: [
      [2, table],
      [3, 0x7000_0000n],
    ],
    l2: [
      [1, 90, first],
      [0, 7, 0x123n],
    ],
  }).bytes;
  return bytes.fill(9, bytes.length - 700);
}

/**
 * Clusters of 4096 bytes: L2 tables in 4 and 7, data in 5, 6 and 8. A cluster with two users, one past the end, one that
 * is not aligned, an L2 table on the L1 table, a refcount block that is nowhere, both marks.
 */
function brokenQcow2(): Uint8Array {
  const fill = (value: number) => new Uint8Array(cluster).fill(value);
  const copied = 1n << 63n;
  const { bytes } = buildQcow2({
    clusterBits: 12,
    size: 2048 * cluster,
    incompatible: 3n,
    clusters: new Map([
      [0, fill(1)],
      [1, fill(2)],
      [600, fill(3)],
    ]),
    u64: [
      [4 * cluster + 90 * 8, BigInt(5 * cluster) | copied],
      [4 * cluster + 7 * 8, (1n << 40n) | copied],
      [7 * cluster + 8, BigInt(6 * cluster + 512) | copied],
      [3 * cluster + 2 * 8, BigInt(3 * cluster) | copied],
      [cluster, 0x123400n],
    ],
  });
  return bytes;
}

interface Case {
  readonly format: string;
  readonly broken: () => Uint8Array;
  readonly offerRepair: (file: BlockNode, hasBacking: boolean) => Promise<RepairOffer>;
}

function nodes(image: Uint8Array, journal: Uint8Array, random: Random) {
  const clock = new Clock();
  return {
    image: new RecordingNode("image", image, clock, random),
    journal: new RecordingNode("journal", journal, clock, random),
  };
}

async function bytesOf(node: RecordingNode): Promise<Uint8Array> {
  const bytes = new Uint8Array(node.size);
  await node.read(0, bytes);
  return bytes;
}

it.each<Case>([
  { format: "qed", broken: brokenQed, offerRepair: offerQedRepair },
  { format: "qcow2", broken: brokenQcow2, offerRepair: offerQcow2Repair },
])(
  "of $format can be finished and taken back from whatever a crash leaves, and so can both of these",
  async ({ broken, offerRepair }) => {
    await seeded(async (random) => {
      const original = broken();
      const run = nodes(original, new Uint8Array(0), random);
      const offer = await offerRepair(run.image, false);
      const script = offer.script(offer.items.filter((item) => item.isDefault).map(({ id }) => id));
      expect(script.last).toBeDefined();
      expect(script.copies.length).toBeGreaterThan(1);
      await createJournal(run.image, script, run.journal, "image.qed");
      const journal = await readJournal(run.journal);
      if (!journal) throw new Error("there is no journal");
      await applyJournal(run.image, run.journal, journal);
      const planned = await bytesOf(run.image);
      const first = { image: run.image.record, journal: run.journal.record };
      const states = [prefixState, tornState, reorderedState];
      let used = 0;
      const judge = async (
        image: Uint8Array,
        kept: Uint8Array,
        deeper: boolean,
        where: string,
      ): Promise<void> => {
        for (const forward of [true, false]) {
          const again = nodes(image, kept, random);
          // A journal cut short by the crash was not named yet: nothing was changed.
          const found = await readJournal(again.journal).catch(() => undefined);
          if (!found) {
            expect(Buffer.compare(image, original), where).toBe(0);
            continue;
          }
          used++;
          await (forward ? applyJournal : undoJournal)(again.image, again.journal, found);
          const expected = forward ? planned : original;
          expect(Buffer.compare(await bytesOf(again.image), expected), `${where}, forward: ${forward}`).toBe(
            0,
          );
          if (!deeper) continue;
          const moments = [...cutMoments(again.image.record), ...cutMoments(again.journal.record)];
          const moment = random.pick(moments);
          const state = random.pick(states);
          const [second, journalThen] = [again.image.record, again.journal.record].map(
            (record) => state(record, moment, random).bytes,
          );
          if (second && journalThen) await judge(second, journalThen, false, `${where}, then at ${moment}`);
        }
      };
      for (const moment of [...cutMoments(first.image), ...cutMoments(first.journal)]) {
        for (const state of states) {
          const [image, kept] = [first.image, first.journal].map((record) => state(record, moment, random));
          if (image && kept)
            await judge(image.bytes, kept.bytes, true, `at ${moment}: ${image.how}; ${kept.how}`);
        }
      }
      expect(used).toBeGreaterThan(100);
    });
  },
);
