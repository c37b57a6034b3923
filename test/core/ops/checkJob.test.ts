// The check job on images with known problems: findings are items; formats without a check say so.
import { expect, it } from "vitest";
import type { Finding } from "../../../core/block/finding.ts";
import { runJob } from "../../../core/jobs/run.ts";
import { buildQed } from "../../build/qed.ts";
import { tempFile } from "../../build/temp.ts";

async function check(filename: string, driver: string, signal = new AbortController().signal) {
  const findings: Finding[] = [];
  const result = await runJob(
    "check",
    { spec: { driver, file: { driver: "file", filename } } },
    { progress: () => undefined, items: (items) => findings.push(...items) },
    { signal },
  );
  return { findings, result };
}

/** Guest cluster 1's entry points to no multiple of the cluster size; nobody uses the cluster it had. */
function brokenQed(): string {
  const clusters = new Map([0, 1, 2].map((index) => [index, Uint8Array.of(7)]));
  const spec = { size: 1024 * 1024, clusterSize: 4096, tableSize: 1, clusters };
  return tempFile("broken.qed", buildQed({ ...spec, l2: [[0, 1, 4097n]] }).bytes);
}

it("gives every finding as an item, and the counts at the end", async () => {
  const { findings, result } = await check(brokenQed(), "qed");
  expect(findings.map(({ kind }) => kind).sort()).toEqual(["corruption", "leak"]);
  expect(findings.find(({ kind }) => kind === "corruption")).toMatchObject({ value: "0x1001", entry: 1 });
  expect(result).toMatchObject({ supported: true, cancelled: false, result: { corruptions: 1, leaks: 1 } });
});

it("says that a raw image can't be checked", async () => {
  const { findings, result } = await check(tempFile("a.raw", new Uint8Array(512)), "raw");
  expect(findings).toEqual([]);
  expect(result).toMatchObject({ supported: false, result: undefined, cancelled: false });
});

it("ends cancelled when it was cancelled", async () => {
  const { result } = await check(brokenQed(), "qed", AbortSignal.abort());
  expect(result).toMatchObject({ supported: true, cancelled: true, result: undefined });
});
