// What a conversion that goes on past errors asks of a source whose tables can't be read.
import { expect, it } from "vitest";
import { BlockError } from "../../../core/base/errors.ts";
import type { BlockNode } from "../../../core/block/node.ts";
import { planPieces } from "../../../core/ops/convertPlan.ts";
import { openBytes } from "../../build/open.ts";

const M = 1024 * 1024;

/** 4 MiB; where the second MiB lies can't be found. */
async function damaged(asked: number[]): Promise<BlockNode> {
  const node = await openBytes(new Uint8Array(4 * M), "raw");
  node.extentAt = async (offset, length) => {
    asked.push(length);
    if (offset < 2 * M && offset + length > M) throw new BlockError("ECORRUPT", "no such table", { offset });
    return { offset, length, state: "data", compressed: false, hostOffset: undefined };
  };
  return node;
}

it("asks once for each sector of a range that can't be read, and for much behind it", async () => {
  const asked: number[] = [];
  const told: number[] = [];
  const source = await damaged(asked);
  const lengths: number[] = [];
  const options = { backingSize: undefined, salvage: (offset: number) => told.push(offset) };
  for await (const { length } of planPieces([source], options)) lengths.push(length);
  expect(lengths.reduce((sum, length) => sum + length)).toBe(4 * M);
  // 1 MiB is 2048 sectors, each told of once.
  expect(told).toEqual(Array.from({ length: 2048 }, (_, i) => M + i * 512));
  // Before it: 4 MiB and 1 MiB. At its beginning 3 MiB, a quarter of that and so on down to a sector: 8 questions. Then one for
  // each sector, and behind it 512 bytes, 2 KiB, 8 KiB ... to the end: 7.
  expect(asked.length).toBeLessThan(2048 + 30);
});
