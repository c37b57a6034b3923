import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { randomFile, scatteredFiles } from "../../scripts/bench/inputs.mjs";
import { alternate, median, peakMemory } from "../../scripts/bench/measure.mjs";
import { speed, table } from "../../scripts/bench/report.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "blkscope-bench-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the bench", () => {
  it("takes the middle value, or the mean of the two in the middle", () => {
    expect(median([3, 100, 1])).toBe(3);
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it("says which is faster and by what factor", () => {
    expect(speed(50, 100)).toBe("2.00x faster");
    expect(speed(150, 100)).toBe("1.50x slower");
  });

  it("prints a table with aligned columns and a verdict where there is a goal", () => {
    const text = table("things", [
      { what: "one", value: "1 ms", goal: "within 2 ms", met: true },
      { what: "another", value: "3 ms", peer: "1 ms", goal: "within 2 ms", met: false },
    ]);
    const lines = text.split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[2]).toMatch(/^one {6}1 ms .*within 2 ms {2}met$/);
    expect(lines[3]).toMatch(/^another {2}3 ms {2}1 ms .*MISSED$/);
  });

  it("runs candidates in turn and refuses one that fails", () => {
    const log = path.join(folder, "log");
    const candidate = (name: string) => ({ name, argv: ["sh", "-c", `echo ${name} >> '${log}'`] });
    expect([...alternate([candidate("x"), candidate("y")], 2).keys()]).toEqual(["x", "y"]);
    // One run each that is not counted, then two, the second time the other way round.
    expect(readFileSync(log, "utf8").trim().split("\n")).toEqual(["x", "y", "y", "x", "x", "y"]);
    expect(() => alternate([{ name: "z", argv: ["sh", "-c", "exit 3"] }], 1)).toThrow("z ended with 3");
  });

  it("learns a script's peak memory from the script itself", () => {
    const argv = [process.execPath, "-e", "globalThis.kept = Buffer.alloc(200 * 1024 * 1024, 1)"];
    expect(peakMemory({ name: "big", argv })).toBeGreaterThan(200 * 1024 * 1024);
  });

  it("takes for a peak what the script took, not what started it", () => {
    const large = Buffer.alloc(300 * 1024 * 1024, 1);
    const peak = peakMemory({ name: "small", argv: [process.execPath, "-e", ""] });
    expect(peak).toBeLessThan(large.length / 2);
    expect(peak).toBeGreaterThan(10 * 1024 * 1024);
  });

  it("makes equal sparse files with their data where it was asked for", () => {
    const files = ["a", "b"].map((name) => path.join(folder, name));
    scatteredFiles(files, 64 * 1024 * 1024, 4, 4096);
    const [a, b] = files.map((file) => readFileSync(file));
    expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    expect(a).toHaveLength(64 * 1024 * 1024);
    const nonZero = [0, 16, 32, 48].map((mib) => a?.subarray(mib * 1024 * 1024, mib * 1024 * 1024 + 4096));
    expect(nonZero.every((piece) => piece?.some((byte) => byte !== 0))).toBe(true);
    expect(a?.subarray(4096, 16 * 1024 * 1024).every((byte) => byte === 0)).toBe(true);
  });

  it("makes random files of the size asked for", () => {
    const file = path.join(folder, "random");
    randomFile(file, 9 * 1024 * 1024 + 1);
    expect(statSync(file).size).toBe(9 * 1024 * 1024 + 1);
    const bytes = readFileSync(file);
    expect(bytes.subarray(0, 4096).equals(bytes.subarray(8 * 1024 * 1024, 8 * 1024 * 1024 + 4096))).toBe(
      false,
    );
  });
});
