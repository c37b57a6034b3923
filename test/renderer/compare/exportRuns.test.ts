import { describe, expect, it } from "vitest";
import {
  type ExportFormat,
  type ExportScope,
  exportName,
  exportPieces,
  exportText,
  scopeText,
} from "../../../renderer/panels/compare/exportRuns.ts";
import type { Run } from "../../../renderer/panels/compare/runTable.ts";
import { plainRun } from "./model.ts";

const runs: Run[] = [
  { row: 0, ...plainRun(160, 1, { signature: "a-zero", bytes: 500 }) },
  { row: 1, ...plainRun(2048, 8, { signature: "torn", detail: 0x100000, bytes: 4000, runs: 3 }) },
];
const scope: ExportScope = {
  nameA: "disk.qed",
  nameB: "disk|b.raw",
  sizeA: 2 ** 30,
  sizeB: 2 ** 30,
  strict: false,
  shift: 0,
  complete: true,
  cancelled: false,
  identical: false,
  scannedTo: 2 ** 30,
  total: 2 ** 30,
  runs: 4,
  sectors: 9,
  bytes: 4500,
  unreadableRanges: 0,
  unreadableBytes: 0,
  first: 81920,
  mergedAfter: undefined,
  elapsedMs: 12.3,
};
const unreadable = [{ offset: 4096, length: 512, side: "both", message: "I/O | error" }] as const;
const text = (format: ExportFormat, from = scope) =>
  [...exportPieces(format, from, runs, unreadable)].join("");

describe("exporting the mismatch list", () => {
  it("writes CSV with a line for each run", () => {
    const lines = text("csv").split("\n");
    expect(lines[0]).toBe(`# ${scopeText(scope)}`);
    expect(lines[1]).toBe(
      "number,offset,offset-hex,length,first-sector,sectors,bytes-different,signature,cause,merged-runs",
    );
    expect(lines[2]).toBe("1,81920,0x14000,512,160,1,500,a-zero,A is zeros,1");
    expect(lines[3]).toBe("2,1048576,0x100000,4096,2048,8,4000,torn,Torn at 0x100000,3");
    expect(lines[4]).toBe("");
  });

  it("writes JSON lines with the members of the command line, the summary last and without offset", () => {
    const [first, second, bad, summary, end] = text("json").split("\n");
    expect(JSON.parse(first ?? "")).toEqual({
      offset: 81920,
      length: 512,
      sectors: 1,
      "bytes-different": 500,
      signature: "a-zero",
    });
    expect(JSON.parse(second ?? "")).toMatchObject({ offset: 1048576, signature: "torn", runs: 3 });
    // A merged row has no single place to tell; an exact one has.
    expect(JSON.parse(second ?? "")).not.toHaveProperty("signature-detail");
    expect(JSON.parse(bad ?? "")).toEqual({
      "unreadable-offset": 4096,
      "unreadable-length": 512,
      side: "both",
      message: "I/O | error",
    });
    expect(JSON.parse(summary ?? "")).toMatchObject({
      identical: false,
      complete: true,
      runs: 4,
      sectors: 9,
    });
    expect(JSON.parse(summary ?? "")).not.toHaveProperty("offset");
    expect(end).toBe("");
  });

  it("writes a Markdown table that a file name cannot break", () => {
    const lines = text("markdown").split("\n");
    expect(lines[0]).toBe("# Mismatches of disk.qed (A) and disk\\|b.raw (B)");
    expect(lines).toContain("| 0x1000 (4,096) | 512 B | A and B | I/O \\| error |");
    expect(lines).toContain("| 2 | 0x100000 (1,048,576) | 2,048–2,055 | 4 KiB | 4,000 | Torn at 0x100000 |");
  });

  it("names a partial scan as partial, in the text and in the file name", () => {
    const partial = { ...scope, complete: false, cancelled: true, scannedTo: 2 ** 29 };
    for (const format of ["csv", "markdown"] as const)
      expect(text(format, partial)).toContain("partial: 50 %");
    expect(text("json", partial)).toContain('"complete":false');
    expect(exportName("csv", partial)).toBe("disk.qed vs disk_b.raw mismatches (partial).csv");
    expect(exportName("json", scope)).toBe("disk.qed vs disk_b.raw mismatches.jsonl");
  });

  it("keeps the scope on one line whatever a file is called", () => {
    const odd = { ...scope, nameA: 'a\nb\r\n,"c"' };
    expect(text("csv", odd).split("\n")).toHaveLength(text("csv").split("\n").length);
    expect(exportName("csv", { ...scope, nameA: "../../etc/passwd\n" })).toBe(
      ".._.._etc_passwd_ vs disk_b.raw mismatches.csv",
    );
  });

  it("gives way between slices and stops when told to", async () => {
    const stop = new AbortController();
    function* slow(): Generator<string> {
      for (let i = 0; i < 1_000_000; i++) {
        const until = i % 256 === 0 ? performance.now() + 13 : 0;
        while (performance.now() < until);
        yield "x";
      }
    }
    const built = exportText(slow(), stop.signal);
    stop.abort();
    expect(await built).toBeUndefined();
    expect(await exportText(["a", "b"], new AbortController().signal)).toBe("ab");
  });
});
