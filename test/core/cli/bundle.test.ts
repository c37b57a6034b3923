// `blkscope bundle` as a person runs it: what is said and when, exit codes, and what other commands make of a bundle.
import * as fs from "node:fs";
import * as path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { brokenQed } from "../../build/brokenQed.ts";
import { buildQed } from "../../build/qed.ts";
import { Cli } from "./support.ts";

let cli: Cli;

beforeAll(async () => {
  cli = await Cli.build();
  fs.writeFileSync(path.join(cli.folder, "broken.qed"), brokenQed());
  const backing = { name: "/home/someone/base.qed" };
  const clusters = new Map([[0, new Uint8Array(4096).fill(0xab)]]);
  const { bytes } = buildQed({ size: 1024 * 1024, clusterSize: 4096, tableSize: 1, clusters, backing });
  fs.writeFileSync(path.join(cli.folder, "top.qed"), bytes);
  cli.run(["bundle", "broken.qed", "broken.bundle"]);
});
afterAll(() => fs.rmSync(path.dirname(cli.script), { recursive: true, force: true }));

describe("blkscope bundle", () => {
  it("makes what check, map --kinds and refs say the same of", () => {
    const commands = [
      ["check", "--findings"],
      ["check", "--output", "json"],
      ["map", "--kinds"],
    ];
    for (const command of commands) {
      const [image, bundle] = ["broken.qed", "broken.bundle"].map((name) => cli.run([...command, name]));
      expect(bundle?.stdout.replaceAll("broken.bundle", "broken.qed")).toBe(image?.stdout);
      expect(bundle?.code).toBe(image?.code);
      expect(image?.stdout).not.toBe("");
    }
    const [image, bundle] = ["broken.qed", "broken.bundle"].map((name) => cli.run(["refs", name, "0x3000"]));
    expect(bundle?.stdout).toBe(image?.stdout);
  });

  it("says which name leaves the house, unless it is blanked", () => {
    const told = cli.run(["bundle", "top.qed", "told.bundle"]);
    expect(told).toMatchObject({ code: 0 });
    expect(told.stderr).toContain("The bundle will hold the backing file name '/home/someone/base.qed'");
    const blanked = cli.run(["bundle", "--redact-names", "--output", "json", "top.qed", "blanked.bundle"]);
    expect(blanked).toMatchObject({ code: 0, stderr: "" });
    // Header, L1 table and one L2 table, of a cluster of 4096 bytes each.
    expect(JSON.parse(blanked.stdout)).toEqual({
      filename: "blanked.bundle",
      length: fs.statSync(path.join(cli.folder, "blanked.bundle")).size,
      "table-bytes": 3 * 4096,
      names: [{ name: "backing file name", text: "/home/someone/base.qed" }],
      "names-redacted": true,
      "omitted-tables": 0,
      omitted: [],
    });
    const info = JSON.parse(cli.run(["info", "--output", "json", "blanked.bundle"]).stdout);
    expect(info).toMatchObject({
      filename: "blanked.bundle",
      format: "qed",
      "backing-filename": "*".repeat(22),
    });
    expect(cli.run(["info", "--backing-chain", "told.bundle"])).toMatchObject({ code: 0, stderr: "" });
  });

  it("refuses what is there, and what can't be", () => {
    const again = cli.run(["bundle", "top.qed", "broken.bundle"]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("There is a file already: 'broken.bundle'");
    fs.writeFileSync(path.join(cli.folder, "disk.raw"), "no tables");
    const raw = cli.run(["bundle", "-f", "raw", "disk.raw", "raw.bundle"]);
    expect(raw).toMatchObject({ code: 1 });
    expect(raw.stderr).toContain("Images of the format raw have no tables");
    expect(fs.existsSync(path.join(cli.folder, "raw.bundle"))).toBe(false);
    expect(cli.run(["bundle", "top.qed"]).code).toBe(1);
  });

  it("gives nothing that could be copied or repaired", () => {
    const copied = cli.run(["convert", "-O", "raw", "broken.bundle", "copy.raw"]);
    expect(copied.code).toBe(1);
    expect(copied.stderr).toContain("Guest data is not in a metadata-only bundle");
    expect(fs.existsSync(path.join(cli.folder, "copy.raw"))).toBe(false);
    const before = fs.readFileSync(path.join(cli.folder, "broken.bundle"));
    for (const command of [
      ["check", "-r", "all"],
      ["repair", "--apply"],
    ]) {
      const repaired = cli.run([...command, "broken.bundle"]);
      expect(repaired.code).not.toBe(0);
      expect(repaired.stderr).toContain("A metadata-only bundle can't be written to");
    }
    expect(fs.readFileSync(path.join(cli.folder, "broken.bundle")).equals(before)).toBe(true);
  });
});
