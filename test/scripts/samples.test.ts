import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signatures } from "../../core/ops/mismatch.ts";
import { mismatches } from "../../scripts/samples/damage.mjs";
import { diskSize } from "../../scripts/samples/disk.mjs";
import { samplePair, zeroClusters } from "../../scripts/samples/pair.mjs";
import { Cli, describeWithQemu } from "../core/cli/support.ts";

const folder = new URL("../../assets/samples/", import.meta.url);
const names = ["sample.qed", "sample.raw"] as const;

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
  for (const name of names) fs.copyFileSync(new URL(name, folder), cli.path(name));
});
afterAll(() => cli.remove());

describe("the sample pair", () => {
  it("is committed as the script makes it", () => {
    const made = samplePair();
    for (const name of names)
      expect(made[name].equals(fs.readFileSync(new URL(name, folder))), name).toBe(true);
  });

  it("has a mismatch of every signature that two images of one size can show, and one in the last sector", () => {
    const planned = new Set(mismatches.map(({ signature }) => signature));
    expect(planned).toEqual(new Set(signatures.filter((name) => name !== "stored-differently")));
    expect(mismatches.at(-1)).toMatchObject({ offset: diskSize - 512, sectors: 1 });
  });

  it("shows exactly the mismatches that were put in, each with its signature", () => {
    const { code, stdout } = cli.run(["compare", "--all", "--output", "json", ...names]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const runs = lines.slice(0, -1).map(({ offset, sectors, signature }) => ({ offset, sectors, signature }));
    expect(code).toBe(1);
    expect(runs).toEqual(
      mismatches.map(({ offset, sectors, signature }) => ({ offset, sectors, signature })),
    );
    expect(lines.at(-1)).toMatchObject({ identical: false, complete: true, runs: mismatches.length });
  });
});

describeWithQemu("the sample pair and qemu-img", () => {
  it("is a QED image without a fault, of which some is unallocated and some marked as zero", () => {
    expect(cli.qemuImg("check", "sample.qed")).toMatchObject({ code: 0 });
    const map = JSON.parse(cli.qemuImg("map", "--output=json", "sample.qed").stdout) as {
      start: number;
      length: number;
      present: boolean;
      zero: boolean;
    }[];
    expect(map.some(({ present }) => !present)).toBe(true);
    // A zero cluster is present and reads as zeroes; clusters are 16 KiB.
    expect(map.filter(({ present, zero }) => present && zero)).toMatchObject([
      { start: (zeroClusters[0] ?? 0) * 16_384, length: zeroClusters.length * 16_384 },
    ]);
  });

  it("differs first where the first mismatch was put", () => {
    expect(cli.qemuImg("compare", ...names)).toMatchObject({
      code: 1,
      stdout: `Content mismatch at offset ${mismatches[0]?.offset}!\n`,
    });
  });
});
