// Repairs of qcow2 images killed at every step, as repairKill.test.ts kills those of QED: what is left is resumed on one
// copy and rolled back on another. The first is an image that qemu-img finds nothing wrong with but for clusters that the
// repair does not free unless asked, the second the original.
//
//   BLKSCOPE_KILL=full   every point of every image, instead of a sample by seed
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { brokenQcow2 } from "../build/brokenQcow2.ts";
import { lacksPeer } from "../build/peers.ts";
import { type Random, seeded } from "../build/random.ts";
import { tempDir } from "../build/temp.ts";
import { KilledCli, type Point, RepairKills } from "./repairKills.ts";

const full = process.env.BLKSCOPE_KILL === "full";
/** Points of each image that are taken, and how many of these in a process of their own. */
const most = full ? Number.POSITIVE_INFINITY : 24;
const mostReal = full ? 30 : 2;
const timeout = full ? 1_800_000 : 120_000;

/** By chance, the first and the last among them. */
function sample(points: readonly Point[], count: number, random: Random): readonly Point[] {
  if (points.length <= count) return points;
  const left = points.slice(1, -1);
  const chosen = [...points.slice(0, 1), ...points.slice(-1)];
  while (chosen.length < count) chosen.push(...left.splice(random.below(left.length), 1));
  return chosen.sort((a, b) => a.call - b.call || a.bytes - b.bytes);
}

describe("a repair of a qcow2 image that is killed", () => {
  const noPeer = lacksPeer("qemu-img");
  const killedCli = KilledCli.forTests();

  it.each(brokenQcow2())("is finished and taken back: $name", { timeout }, async ({ bytes, leavesLeaks }) => {
    await seeded(async (random) => {
      const folder = tempDir();
      const kills = new RepairKills("qcow2", bytes);
      const { image, planned, points } = await kills.uninterrupted(folder);
      expect(Buffer.compare(planned, bytes)).not.toBe(0);
      // qcow2, "Header": the dirty and the corrupt bit are the lowest of byte 79.
      expect((planned[79] ?? 0) % 4).toBe(0);
      if (!noPeer) {
        const peer = spawnSync("qemu-img", ["check", "-f", "qcow2", image], { encoding: "utf8" });
        const isLeak = (line: string) => line === "" || line.startsWith("Leaked cluster ");
        expect(peer.stderr.split("\n").filter((line) => !isLeak(line))).toEqual([]);
        expect(peer.status).toBe(leavesLeaks ? 3 : 0);
      }
      const some = sample(points, most, random);
      const ends = await kills.killAtAll(folder, some, planned, random);
      console.log(`points of death: ${some.length} of ${points.length} (${JSON.stringify(ends)})`);
      expect(points.length).toBeGreaterThan(25);
      expect(ends.untouched).toBeGreaterThan(0);
      expect(ends.finished).toBeGreaterThan(5);
      for (const [index, point] of sample(some, mostReal + 2, random)
        .slice(1, -1)
        .entries()) {
        await killedCli().kill(kills, { folder, name: `${index}`, planned }, point, index === 0);
      }
    });
  });
});
