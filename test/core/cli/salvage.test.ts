// `blkscope salvage`: copies of one disk, damaged in different places, and what is made of them.
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Random, seeded } from "../../build/random.ts";
import { Cli, describeWithQemu } from "./support.ts";

const KiB = 1024;
const sector = 512;

let cli: Cli;
beforeAll(async () => {
  cli = await Cli.build();
});
afterAll(() => cli.remove());

interface Run {
  readonly offset: number;
  readonly length: number;
  readonly winner: readonly number[];
  readonly outvoted: readonly number[];
  readonly unreadable: readonly { readonly copy: number; readonly message: string }[];
  readonly tied: boolean;
  readonly written: string | number;
}
interface Summary {
  readonly size: number;
  readonly agreed: boolean;
  readonly runs: number;
  readonly "undecided-bytes": number;
  readonly copies: readonly { readonly "outvoted-bytes": number; readonly "unreadable-bytes": number }[];
}

function salvaged(...args: string[]): { code: number | null; stderr: string; runs: Run[]; summary: Summary } {
  const { code, stdout, stderr } = cli.run(["salvage", "--output", "json", ...args]);
  const lines = stdout.split("\n").filter(Boolean);
  const objects = lines.map((line) => JSON.parse(line) as Run & Summary);
  return { code, stderr, runs: objects.slice(0, -1), summary: objects.at(-1) as Summary };
}

/** Copies of `right`, with sectors of their own changed in each, one bit or whole; gives who was hit where. */
function damaged(right: Buffer, random: Random): { copies: Buffer[]; hit: Map<number, number> } {
  const copies = [0, 1, 2].map(() => Buffer.from(right));
  const hit = new Map<number, number>();
  for (let left = 40; left > 0; left--) {
    const at = random.below(right.length / sector) * sector;
    if (hit.has(at)) continue;
    const child = random.below(3);
    const copy = copies[child] as Buffer;
    if (random.below(2) === 0) copy.fill(0xa5, at, at + sector);
    const place = at + random.below(sector);
    copy[place] = (right[place] ?? 0) ^ (1 << random.below(8));
    hit.set(at, child + 1);
  }
  return { copies, hit };
}

/** Sectors of the runs and who was outvoted in them. */
function sectorsOf(runs: readonly Run[]): Map<number, number> {
  const sectors = new Map<number, number>();
  for (const { offset, length, outvoted, unreadable } of runs) {
    const [copy] = [...outvoted, ...unreadable.map((one) => one.copy)];
    for (let at = offset; at < offset + length; at += sector) sectors.set(at, copy ?? 0);
  }
  return new Map([...sectors].sort(([a], [b]) => a - b));
}

describe("salvage", () => {
  it("gives the disk again out of three copies that are damaged elsewhere, and lists the damage", async () => {
    await seeded(async (random) => {
      const right = Buffer.from(random.bytes(600 * KiB));
      right.fill(0, 100 * KiB, 300 * KiB);
      const { copies, hit } = damaged(right, random);
      for (const [index, bytes] of copies.entries()) cli.write(`${index}.raw`, bytes);
      const before = copies.map((_, index) => fs.readFileSync(cli.path(`${index}.raw`)));
      const { code, stderr, runs, summary } = salvaged("0.raw", "1.raw", "2.raw", "-O", "raw", "out.raw");
      expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
      expect(fs.readFileSync(cli.path("out.raw")).equals(right)).toBe(true);
      expect(sectorsOf(runs)).toEqual(new Map([...hit].sort(([a], [b]) => a - b)));
      expect(runs.every(({ written, tied }) => written === "winner" && !tied)).toBe(true);
      const lost = (copy: number) => [...hit.values()].filter((one) => one === copy).length * sector;
      expect(summary.copies.map((copy) => copy["outvoted-bytes"])).toEqual([lost(1), lost(2), lost(3)]);
      expect(summary).toMatchObject({ size: 600 * KiB, agreed: false, "undecided-bytes": 0 });
      before.forEach((bytes, index) => {
        expect(fs.readFileSync(cli.path(`${index}.raw`)).equals(bytes)).toBe(true);
      });
    });
  });

  it("says nothing but that all agree when they do", () => {
    cli.write("same1.raw", Buffer.alloc(64 * KiB, 7));
    cli.write("same2.raw", Buffer.alloc(64 * KiB, 7));
    const { code, stdout } = cli.run(["salvage", "same1.raw", "same2.raw", "agreed.raw"]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "All 2 copies say the same: 64 KiB (65536 bytes) written.\n",
    });
    expect(fs.readFileSync(cli.path("agreed.raw")).equals(Buffer.alloc(64 * KiB, 7))).toBe(true);
  });

  it("leaves zeroes where there is no majority, or what a chosen copy says", () => {
    for (const byte of [1, 2, 3]) {
      cli.write(`split${byte}.raw`, Buffer.alloc(8 * KiB, 9).fill(byte, 1024, 2048));
    }
    const copies = ["split1.raw", "split2.raw", "split3.raw"];
    const zeroes = salvaged(...copies, "zeroes.raw");
    const place = { offset: 1024, length: 1024, winner: [], outvoted: [] };
    expect(zeroes.code).toBe(3);
    expect(zeroes.runs).toMatchObject([{ ...place, groups: [[3], [2], [1]], written: "zeroes" }]);
    expect(zeroes.summary["undecided-bytes"]).toBe(1024);
    expect([...fs.readFileSync(cli.path("zeroes.raw")).subarray(1023, 2049)]).toEqual([
      9,
      ...new Array<number>(1024).fill(0),
      9,
    ]);
    const second = salvaged(...copies, "--undecided", "2", "second.raw");
    expect(second.code).toBe(3);
    expect(second.runs).toMatchObject([{ ...place, written: 2 }]);
    expect(fs.readFileSync(cli.path("second.raw")).equals(fs.readFileSync(cli.path("split2.raw")))).toBe(
      true,
    );
  });

  it("gives ranges that can't be read no vote, and has zeroes where the chosen copy is one of them", () => {
    const right = Buffer.alloc(64 * KiB, 0x33);
    for (const name of ["r1.raw", "r2.raw", "r3.raw"]) cli.write(name, right);
    // Sector 16 of the first and of the second, sector 40 of the first fail.
    const broken = (name: string, ...sectors: number[]) => {
      const rules = sectors.map((at) => ({ event: "none", iotype: "read", sector: at, errno: 5 }));
      const image = { driver: "file", filename: name };
      return `json:${JSON.stringify({ driver: "raw", file: { driver: "blkdebug", image, "inject-error": rules } })}`;
    };
    const copies = [broken("r1.raw", 16, 40), broken("r2.raw", 16), "r3.raw"];
    const { code, runs } = salvaged(...copies, "--undecided", "1", "holes.raw");
    expect(code).toBe(3);
    expect(runs).toMatchObject([
      { offset: 16 * sector, length: sector, winner: [], written: "zeroes" },
      { offset: 40 * sector, length: sector, winner: [2, 3], outvoted: [], written: "winner" },
    ]);
    expect(runs.map(({ unreadable }) => unreadable.map(({ copy }) => copy))).toEqual([[1, 2], [1]]);
    const expected = Buffer.from(right).fill(0, 16 * sector, 17 * sector);
    expect(fs.readFileSync(cli.path("holes.raw")).equals(expected)).toBe(true);
    // The largest group decides with a threshold of 1, and here it is no tie.
    const one = salvaged(...copies, "--threshold", "1", "whole.raw");
    expect(one.code).toBe(2);
    expect(fs.readFileSync(cli.path("whole.raw")).equals(right)).toBe(true);
  });

  it("says of a tie that it is one", () => {
    cli.write("t1.raw", Buffer.alloc(sector, 1));
    cli.write("t2.raw", Buffer.alloc(sector, 2));
    const { code, runs } = salvaged("--threshold", "1", "t1.raw", "t2.raw", "tie.raw");
    expect(code).toBe(3);
    // Among equal groups quorum takes that of the highest first child.
    expect(runs).toMatchObject([{ winner: [2], outvoted: [1], tied: true, written: "winner" }]);
  });

  it("takes copies that lost their tails", () => {
    const right = Buffer.from(Array.from({ length: 5 * sector }, (_, at) => (at * 7) % 256));
    cli.write("tail1.raw", right.subarray(0, 2 * sector));
    cli.write("tail2.raw", right);
    cli.write("tail3.raw", right);
    const { code, runs } = salvaged("tail1.raw", "tail2.raw", "tail3.raw", "tail.raw");
    expect(code).toBe(2);
    const message = "the image ends at 1024 bytes";
    expect(runs).toMatchObject([
      { offset: 1024, length: 3 * sector, winner: [2, 3], unreadable: [{ copy: 1, message }] },
    ]);
    expect(fs.readFileSync(cli.path("tail.raw")).equals(right)).toBe(true);
  });

  it("writes the report into a file, and over what an existing target held", () => {
    cli.write("n1.raw", Buffer.alloc(4 * sector));
    cli.write("n2.raw", Buffer.alloc(4 * sector).fill(5, sector, 2 * sector));
    cli.write("n3.raw", Buffer.alloc(4 * sector).fill(6, 3 * sector));
    cli.write("there.raw", Buffer.alloc(4 * sector, 0xff));
    const args = ["salvage", "-n", "-q", "--report", "report.txt", "n1.raw", "n2.raw", "n3.raw", "there.raw"];
    expect(cli.run(args)).toMatchObject({ code: 2, stdout: "", stderr: "" });
    expect(fs.readFileSync(cli.path("there.raw")).equals(Buffer.alloc(4 * sector))).toBe(true);
    const rows = fs.readFileSync(cli.path("report.txt"), "utf8").split("\n").slice(1, 3);
    expect(rows.map((row) => row.trim().split(/ +/).slice(0, 5))).toEqual([
      ["512", "0x200", "512", "1,3", "2"],
      ["1536", "0x600", "512", "1,2", "3"],
    ]);
  });

  it.each([
    [["a"], "Expecting two copies or more, and the target"],
    [["n1.raw", "n2.raw", "--threshold", "3", "x"], "--threshold is a number of copies, 1 to 2; '3' is none"],
    [["n1.raw", "n2.raw", "--undecided", "0", "x"], "--undecided is zeroes or a copy, 1 to 2; '0' is none"],
    [["n1.raw", "n1.raw", "x"], "'n1.raw' is given twice"],
    [["n1.raw", "n2.raw", "n1.raw"], "'n1.raw' belongs to the copy 'n1.raw': copies are only read"],
    [["-U", "n1.raw", "n2.raw", "./n2.raw"], "'./n2.raw' belongs to the copy 'n2.raw': copies are only read"],
    [["n1.raw", "n2.raw", "--report", "n2.raw", "x"], "'n2.raw' belongs to the copy 'n2.raw'"],
    [["n1.raw", "n2.raw", "-f", "raw", "-f", "raw", "-f", "raw", "x"], "3 formats are given for 2 copies"],
    [["n1.raw", "gone.raw", "x"], "Could not open 'gone.raw'"],
    [["n1.raw", "n2.raw", "-O", "bogus", "x"], "Unknown file format 'bogus'"],
    [["n1.raw", "n2.raw", "no/x"], "no/x: error while salvaging to raw"],
  ])("refuses %j and leaves no target", (args, message) => {
    cli.write("n1.raw", Buffer.alloc(4 * sector, 1));
    cli.write("n2.raw", Buffer.alloc(4 * sector, 1));
    const { code, stderr } = cli.run(["salvage", ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(fs.existsSync(cli.path("x"))).toBe(false);
    expect(fs.readFileSync(cli.path("n2.raw")).equals(Buffer.alloc(4 * sector, 1))).toBe(true);
  });

  it("leaves no target when it is interrupted", async () => {
    const size = 64 * KiB * KiB;
    for (const name of ["i1.raw", "i2.raw", "i3.raw"]) cli.write(name, Buffer.alloc(size, 1));
    const half = Buffer.alloc(size, 1);
    for (let at = 0; at < size; at += 1024) half[at] = 2;
    cli.write("i2.raw", half);
    const child = cli.start(["salvage", "i1.raw", "i2.raw", "i3.raw", "--output", "json", "i.raw"]);
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    // Its first ranges are there: it is in the middle of the work.
    child.stdout?.once("data", () => child.kill("SIGINT"));
    child.stdout?.resume();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(130);
    expect(said).toContain("The unfinished 'i.raw' was removed.");
    expect(fs.readdirSync(cli.folder).filter((name) => name.startsWith("i.raw"))).toEqual([]);
    for (const name of ["i1.raw", "i2.raw", "i3.raw"]) fs.rmSync(cli.path(name));
  });

  it("takes copies far longer than memory that are mostly holes", () => {
    const TiB = 1024 ** 4;
    const middle = TiB / 2;
    const data = Buffer.alloc(4096, 0x42);
    const wrong = Buffer.from(data).fill(0, 100, 101);
    cli.sparse("v1.raw", TiB, { 0: data, [middle]: data });
    cli.sparse("v2.raw", TiB, { 0: data, [middle]: wrong });
    cli.sparse("v3.raw", TiB, { 0: data, [middle]: data, [TiB - 4096]: data });
    const { code, runs } = salvaged("v1.raw", "v2.raw", "v3.raw", "vast.raw");
    expect(code).toBe(2);
    expect(runs.map(({ offset, length, outvoted }) => [offset, length, ...outvoted])).toEqual([
      [middle, sector, 2],
      [TiB - 4096, 4096, 3],
    ]);
    const { size, blocks } = fs.statSync(cli.path("vast.raw"));
    expect(size).toBe(TiB);
    expect(blocks * 512).toBeLessThan(1024 * KiB);
  });
});

describeWithQemu("salvage, judged by qemu-img", () => {
  it("takes copies of different formats and writes any", async () => {
    await seeded(async (random) => {
      const right = Buffer.from(random.bytes(300 * KiB));
      right.fill(0, 64 * KiB, 192 * KiB);
      const { copies } = damaged(right, random);
      cli.write("right.raw", right);
      for (const [index, bytes] of copies.entries()) cli.write(`f${index}.raw`, bytes);
      expect(cli.qemuImg("convert", "-f", "raw", "-O", "qed", "f1.raw", "f1.qed").code).toBe(0);
      const formats = ["-f", "raw", "-f", "qed", "-f", "raw"];
      const { code } = salvaged(...formats, "f0.raw", "f1.qed", "f2.raw", "-O", "qed", "f.qed");
      expect(code).toBe(2);
      expect(cli.qemuImg("check", "f.qed").code).toBe(0);
      const compared = cli.qemuImg("compare", "-f", "raw", "-F", "qed", "right.raw", "f.qed");
      expect(compared).toMatchObject({ code: 0, stdout: "Images are identical.\n" });
    });
  });
});
