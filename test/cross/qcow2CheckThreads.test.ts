// The check of qcow2 images in threads beside that without them, on images with a seeded history by the stock programs
// (snapshots, bitmaps, compressed clusters, subclusters, every width of refcounts) and seeded damage.
import { afterAll, beforeAll, expect, it } from "vitest";
import { openGraph } from "../../core/graph.ts";
import { alone, checkShared, two } from "../build/checkShared.ts";
import { seeded } from "../build/random.ts";
import { chance, damage, seededImage } from "../build/seededQcow2.ts";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

const name = "seeded.qcow2";
const rounds = 30;

describeWithQemu("the check of qcow2 images in threads", () => {
  it("finds what it finds without them", async () => {
    await seeded(async (random) => {
      let findings = 0;
      for (let round = 0; round < rounds; round++) {
        const cluster = seededImage(cli, name, random);
        if (chance(random, 80)) damage(cli.path(name), cluster, random);
        const graph = await openGraph({ driver: "file", filename: cli.path(name) });
        try {
          const without = await checkShared(graph.root, alone);
          expect(await checkShared(graph.root, two), `round ${round}`).toEqual(without);
          findings += without.findings.length;
        } finally {
          await graph.close();
        }
      }
      if (process.env.BLKSCOPE_SEED === undefined) expect(findings).toBeGreaterThan(rounds);
    });
  }, 240_000);
});
