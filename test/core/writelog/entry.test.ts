// The loop over usual headers against the reader that judges each header by itself.
import { describe, expect, it } from "vitest";
import { HeaderReader, readUsual, wordsOf } from "../../../core/writelog/entry.ts";
import { LogIndex, type LogSuperblock } from "../../../core/writelog/logIndex.ts";
import { seeded } from "../../build/random.ts";
import { makeLog } from "../../build/randomLog.ts";

const sectorSize = 512;
const superblock: LogSuperblock = { magicOk: true, version: 1, entries: 0, sectorSize };
const emptyIndex = () =>
  new LogIndex(superblock, sectorSize, { kind: "growing", entry: 0, offset: 0, message: "" });

/** What a word of a header may be: mostly nothing, else a bit, everything, or a little. */
const values = [0, 0, 1, 4, 8, 16, 0x20, 0x100, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

describe("the loop over usual headers", () => {
  it("takes only headers that the judging reader takes, and for the same", () =>
    seeded(async (random) => {
      const pick = (count: number) => random.below(count);
      let taken = 0;
      for (let round = 0; round < 400; round++) {
        const { bytes } = makeLog(
          sectorSize,
          Array.from({ length: 6 }, () => ({
            sector: pick(2 ** 40),
            payload: new Uint8Array(512 * (1 + pick(2))),
          })),
        );
        const words = wordsOf(bytes);
        const index = emptyIndex();
        let at = sectorSize;
        for (let entry = 0; entry < 6; entry++) {
          const word = at / 4;
          if (pick(10) < 4) words[word + pick(10)] = values[pick(values.length)] ?? 0;
          const logSize = pick(10) === 0 ? at + pick(2048) : bytes.length;
          const room = index.room();
          const run = { words, at: word, end: bytes.length / 4, header: at, logSize };
          const { rows, next } = readUsual(run, sectorSize, room, 1);
          if (rows === 0) break;
          const reader = new HeaderReader(sectorSize);
          expect(reader.read(words, word, at, logSize)).toBe("ok");
          index.filled(1);
          expect({
            offset: index.offsetOf(entry),
            length: index.lengthOf(entry),
            flags: index.flagsOf(entry),
            header: index.headerOf(entry),
            next,
          }).toEqual({
            offset: reader.offset,
            length: reader.length,
            flags: reader.flags,
            header: at,
            next: reader.next(at),
          });
          expect([reader.isUsual, reader.isZero, reader.textLength]).toEqual([true, false, 0]);
          // What else may follow, the index is told of by itself.
          if (next + sectorSize > bytes.length) break;
          at = next;
          taken++;
        }
      }
      expect(taken).toBeGreaterThan(400);
    }));

  it("takes rows up to the end of a chunk, to the end of the words, and no more than asked for", () => {
    const entries = Array.from({ length: 10 }, (_, n) => ({ sector: n, payload: new Uint8Array(512) }));
    const { bytes } = makeLog(sectorSize, entries);
    const words = wordsOf(bytes);
    const from = (end: number, most: number, before = 0) => {
      const index = emptyIndex();
      for (let n = 0; n < before; n++) index.push(0, 512, 0, 512, 0);
      const run = { words, at: 128, end, header: 512, logSize: bytes.length };
      return readUsual(run, sectorSize, index.room(), most);
    };
    // The superblock's sector, then a header and a sector of data for each: 512 + n * 1024.
    expect(from(words.length, 100)).toEqual({ rows: 10, next: 512 + 10 * 1024 });
    expect(from(words.length, 3)).toEqual({ rows: 3, next: 512 + 3 * 1024 });
    // Of the fourth header, at word 128 + 3 * 256, ten words have to be there.
    expect(from(128 + 3 * 256 + 9, 100)).toEqual({ rows: 3, next: 512 + 3 * 1024 });
    expect(from(128 + 3 * 256 + 10, 100)).toEqual({ rows: 4, next: 512 + 4 * 1024 });
    // A chunk has 65,536 rows.
    expect(from(words.length, 100, 65_534)).toEqual({ rows: 2, next: 512 + 2 * 1024 });
    expect(from(words.length, 100, 65_536)).toEqual({ rows: 10, next: 512 + 10 * 1024 });
  });
});
