// An index that was shared with other threads: all of it is there, and what its owner changes later does not reach it.
import { expect, it } from "vitest";
import { LogIndex } from "../../../core/writelog/logIndex.ts";

const superblock = { magicOk: true, version: 1, entries: 1, sectorSize: 512 };
const end = { kind: "complete", entry: 3, offset: 4096, message: "" } as const;

it("keeps its rows, flushes and marks when its owner forgets them and reads others in their place", () => {
  const index = new LogIndex(superblock, 512, end);
  index.push(0, 512, 0, 512, 0);
  index.push(4096, 1024, 3, 1536, 0); // FLUSH and FUA
  index.push(0, 0, 8, 3072, 7); // a mark with a text of 7 bytes
  const shared = LogIndex.from(index.share());
  const facts = (of: LogIndex) => ({
    rows: Array.from({ length: of.count }, (_, i) => [
      of.offsetOf(i),
      of.lengthOf(i),
      of.flagsOf(i),
      of.headerOf(i),
    ]),
    lists: [[...of.flushes], [...of.fuas], [...of.marks]],
    texts: Array.from({ length: of.count }, (_, i) => of.payloadLength(i)),
    sums: [of.counted, of.end, of.diskEnd, of.sectorSize, of.totals, of.recovered],
  });
  const before = facts(index);
  expect(facts(shared)).toEqual(before);

  index.restart(1, { ...superblock, entries: 3 });
  index.push(8192, 2048, 1, 1536, 0);
  index.push(0, 0, 1, 4096, 0);
  expect(facts(index).rows[1]).toEqual([8192, 2048, 1, 1536]);
  expect(facts(shared)).toEqual(before);
  expect(before.lists).toEqual([[1], [1], [2]]);
  expect(before.texts).toEqual([512, 1024, 7]);
});
