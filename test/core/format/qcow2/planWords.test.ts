import { expect, it } from "vitest";
import { mergedWords, wordWrites } from "../../../../core/format/qcow2/planWords.ts";

const edit = (offset: number, oldWord: bigint, newWord: bigint, item = "one") => ({
  offset,
  oldWord,
  newWord,
  item,
});

it("makes one change of several of a word: from what it was to what it is in the end, of the item that began", () => {
  expect(mergedWords([edit(8, 1n, 2n), edit(24, 7n, 0n), edit(8, 2n, 5n, "two")])).toEqual([
    edit(8, 1n, 5n),
    edit(24, 7n, 0n),
  ]);
});

it("writes words side by side at once, in their order in the file, big-endian", () => {
  const writes = wordWrites([edit(40, 9n, 0n), edit(16, 0x0102n, 3n), edit(24, 4n, 0x8000_0000_0000_0005n)]);
  expect(writes).toEqual([
    {
      item: "one",
      offset: 16,
      oldBytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 4),
      newBytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3, 0x80, 0, 0, 0, 0, 0, 0, 5),
    },
    {
      item: "one",
      offset: 40,
      oldBytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9),
      newBytes: new Uint8Array(8),
    },
  ]);
});

it("keeps the items' writes apart, and none longer than 64 KiB", () => {
  const words = Array.from({ length: 8194 }, (_, i) => edit(i * 8, 1n, 0n, i < 8193 ? "one" : "two"));
  expect(wordWrites(words).map(({ item, offset, newBytes }) => [item, offset, newBytes.length])).toEqual([
    ["one", 0, 65_536],
    ["one", 65_536, 8],
    ["two", 65_544, 8],
  ]);
});
