// The write behind a mismatch: which of the addresses that a log may know a sector by is the right one.
import { describe, expect, it } from "vitest";
import {
  type SectorPlace,
  type Versions,
  writerBehind,
} from "../../../renderer/panels/timeline/mismatchWriter.ts";

const [inA, inB] = [Uint8Array.of(1), Uint8Array.of(2)];
const guest: SectorPlace = { offset: 0x4000, label: undefined };
const file: SectorPlace = { offset: 0x54000, label: "A's file 0x54000" };

const last = (entry: number): Versions["last"] => ({
  entry,
  kind: "write",
  flags: 0,
  range: { offset: 0, length: 512 },
  touched: { offset: 0, length: 512 },
  durableWith: undefined,
  durableFlush: undefined,
});

/** A log that has these versions of a sector, the oldest first: what entries 10, 11 ... wrote there. */
function logOf(versions: Readonly<Record<number, readonly number[]>>, before = 0) {
  return (offset: number, bytes: Uint8Array): Promise<Versions> => {
    const values = versions[offset] ?? [];
    const at = values.lastIndexOf(bytes[0] ?? -1);
    const isCurrent = at >= 0 && at === values.length - 1;
    const older = at >= 0 && !isCurrent ? 10 + at : bytes[0] === before ? -1 : undefined;
    const newest = values.length === 0 ? undefined : last(9 + values.length);
    return Promise.resolve({ last: newest, isCurrent, older, searched: undefined });
  };
}

describe("the write behind a mismatch", () => {
  it("is that of the address that the panes show where the log has its bytes there", async () => {
    const found = await writerBehind(
      logOf({ [guest.offset]: [1, 2], [file.offset]: [7] }),
      [guest, file],
      inA,
      inB,
    );
    expect(found).toMatchObject({
      place: guest,
      last: { entry: 11 },
      a: { older: 10 },
      b: { isCurrent: true },
    });
  });

  it("is that of the sector's place in a side's file where the log lies below the format", async () => {
    // What lies at 0x4000 of the file are other data: the log's newest entry there is not the mismatch's.
    const log = logOf({ [guest.offset]: [7, 8, 9], [file.offset]: [1, 2] });
    const found = await writerBehind(log, [guest, file], inA, inB);
    expect(found).toMatchObject({
      place: file,
      last: { entry: 11 },
      a: { older: 10 },
      b: { isCurrent: true },
    });
  });

  it("is not looked for where only what was there before the log fits", async () => {
    // Zeroes were everywhere; that B's byte is one at both says nothing, that A's was written at one does.
    const log = logOf({ [guest.offset]: [7], [file.offset]: [1] });
    expect((await writerBehind(log, [guest, file], inA, Uint8Array.of(0))).place).toBe(file);
    const other = logOf({ [guest.offset]: [7], [file.offset]: [8] });
    expect((await writerBehind(other, [guest, file], inA, Uint8Array.of(0))).place).toBe(guest);
  });

  it("is where the log has the bytes of both sides, rather than of one", async () => {
    const log = logOf({ [guest.offset]: [1], [file.offset]: [2, 1] });
    expect((await writerBehind(log, [guest, file], inA, inB)).place).toBe(file);
  });
});
