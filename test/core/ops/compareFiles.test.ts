import { mkdirSync, mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { CompareParams } from "../../../core/jobs/contract.ts";
import { compareRuns } from "../../../core/ops/compare.ts";
import { type Collected, collector } from "./collect.ts";
import { randomBytes } from "./testNode.ts";

const MiB = 1024 * 1024;
const folder = mkdtempSync(path.join(tmpdir(), "blkscope-compare-"));
const file = (name: string) => path.join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** `meanwhile` runs when both images are open and nothing has been read. */
async function run(params: CompareParams, meanwhile: () => void = () => {}): Promise<Collected> {
  const { context, result } = collector();
  let first = true;
  const progress = () => {
    if (first) meanwhile();
    first = false;
  };
  return result(await compareRuns(params, { ...context, progress }));
}

describe("compare of files", () => {
  it("takes what is gone of a file that shrinks during the scan as unreadable, not as zeroes", async () => {
    const bytes = randomBytes(3 * MiB, 1);
    writeFileSync(file("a.raw"), bytes);
    writeFileSync(file("b.raw"), bytes);
    const params = { a: file("a.raw"), b: file("b.raw") };
    const { rows, unreadable, summary } = await run(params, () => truncateSync(file("b.raw"), MiB + 700));
    expect(rows).toEqual([]);
    // The sector that holds byte 1 MiB + 700 cannot be read whole.
    expect(unreadable.map(({ offset, length, side }) => ({ offset, length, side }))).toEqual([
      { offset: MiB + 512, length: 2 * MiB - 512, side: "b" },
    ]);
    expect(summary).toMatchObject({ complete: false, identical: false, scannedTo: 3 * MiB });
  });

  it("reads on from a file that is deleted during the scan", async () => {
    const bytes = randomBytes(MiB, 2);
    writeFileSync(file("c.raw"), bytes);
    writeFileSync(file("d.raw"), bytes);
    const params = { a: file("c.raw"), b: file("d.raw") };
    const { summary } = await run(params, () => unlinkSync(file("d.raw")));
    expect(summary).toMatchObject({ complete: true, identical: true });
  });

  it("compares files whose names have spaces, quotes, newlines and letters of other scripts", async () => {
    const name = "a 'b' \"c\"\nd é 漢 %20 #?.raw";
    writeFileSync(file(name), randomBytes(2000, 3));
    writeFileSync(file(`${name}2`), randomBytes(2000, 4));
    const { summary } = await run({ a: file(name), b: file(`${name}2`) });
    expect(summary).toMatchObject({ runs: 1, sectors: 4, complete: true });
  });

  it.each([
    ["a missing file", "missing.raw", "ENOENT"],
    ["a folder", "folder", "EINVAL"],
  ])("names the side of %s", async (_, name, code) => {
    mkdirSync(file("folder"), { recursive: true });
    writeFileSync(file("e.raw"), "x");
    const good = file("e.raw");
    await expect(run({ a: good, b: file(name) })).rejects.toMatchObject({ code, context: { side: "b" } });
    await expect(run({ a: file(name), b: good })).rejects.toMatchObject({ code, context: { side: "a" } });
  });

  it("walks two sparse files of a terabyte by their segments", async () => {
    for (const name of ["sparse-a.raw", "sparse-b.raw"]) {
      writeFileSync(file(name), "");
      truncateSync(file(name), 1024 * 1024 * MiB);
    }
    const { summary } = await run({ a: file("sparse-a.raw"), b: file("sparse-b.raw") });
    expect(summary).toMatchObject({ identical: true, complete: true, scannedTo: 1024 * 1024 * MiB });
  });
});
