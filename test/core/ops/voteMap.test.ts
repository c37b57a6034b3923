import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { JobContext } from "../../../core/jobs/contract.ts";
import { mapVotes } from "../../../core/ops/voteMap.ts";
import type { VoteRun } from "../../../core/ops/voteRun.ts";
import { tempDir } from "../../build/temp.ts";

const KiB = 1024;

function collector() {
  const items: VoteRun[] = [];
  const job: JobContext<"votes"> = {
    signal: new AbortController().signal,
    progress: () => undefined,
    item: (item) => items.push(item),
  };
  return { items, job };
}

/** A quorum over raw files with these contents. */
function quorumOf(copies: readonly Uint8Array[], threshold = 2) {
  const folder = tempDir();
  const children = copies.map((bytes, index) => {
    const filename = join(folder, `copy${index}.raw`);
    writeFileSync(filename, bytes);
    return { driver: "raw", file: { driver: "file", filename } };
  });
  return { driver: "quorum", children, "vote-threshold": threshold };
}

it("maps who was outvoted where, and adds it up by child", async () => {
  const right = Buffer.alloc(64 * KiB, 1);
  const b = Buffer.from(right).fill(2, 4096, 4096 + 1024);
  const c = Buffer.from(right).fill(3, 8192, 8192 + 512);
  const { items, job } = collector();
  const summary = await mapVotes({ spec: quorumOf([right, b, c]), node: "" }, job);
  expect(items.map(({ offset, length, losers }) => [offset, length, losers])).toEqual([
    [4096, 1024, [1]],
    [8192, 512, [2]],
  ]);
  expect(summary).toMatchObject({
    runs: 2,
    bytes: 1536,
    undecidedBytes: 0,
    outvoted: [0, 1024, 512],
    unreadable: [0, 0, 0],
    notListed: 0,
    size: 64 * KiB,
    scannedTo: 64 * KiB,
    cancelled: false,
  });
});

it("finds a quorum below other nodes", async () => {
  const right = Buffer.alloc(4096, 1);
  const spec = { driver: "raw", file: quorumOf([right, Buffer.alloc(4096, 2), right]) };
  const { items, job } = collector();
  await mapVotes({ spec, node: "file" }, job);
  expect(items).toMatchObject([{ offset: 0, length: 4096, losers: [1] }]);
  await expect(mapVotes({ spec, node: "" }, job)).rejects.toMatchObject({ code: "EINVAL" });
});

it("counts runs past the limit and does not give them", async () => {
  const right = Buffer.alloc(16 * KiB, 1);
  const wrong = Buffer.from(right);
  for (let at = 0; at < wrong.length; at += 1024) wrong[at] = 2;
  const { items, job } = collector();
  const summary = await mapVotes({ spec: quorumOf([right, wrong, right]), node: "" }, job, 5);
  expect(items).toHaveLength(5);
  expect(summary).toMatchObject({ runs: 16, notListed: 11, outvoted: [0, 16 * 512, 0] });
});
