import { openSync, readSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isNextEqual } from "../../../core/ops/equalBytes.ts";
import { FilePieces, noFile, pieceNumbers } from "../../../core/ops/filePieces.ts";
import { tempFile } from "../../build/temp.ts";

const zero = { fd: noFile, offset: 0 };

describe("the pieces of an item", () => {
  it("are one where both sides go on", () => {
    const pieces = new FilePieces();
    pieces.add({ fd: 5, offset: 1000 }, { fd: 6, offset: 0 }, 512);
    pieces.add({ fd: 5, offset: 1512 }, { fd: 6, offset: 512 }, 1024);
    // Side B goes back.
    pieces.add({ fd: 5, offset: 2536 }, { fd: 6, offset: 0 }, 512);
    pieces.add(zero, { fd: 6, offset: 512 }, 512);
    pieces.add(zero, { fd: 6, offset: 1024 }, 512);
    expect([...(pieces.take() ?? [])]).toEqual([
      ...[5, 1000, 6, 0, 1536],
      ...[5, 2536, 6, 0, 512],
      ...[noFile, 0, 6, 512, 1024],
    ]);
  });

  it("are none where one of them lies in no file, or they are too many", () => {
    const lost = new FilePieces();
    lost.add({ fd: 5, offset: 0 }, { fd: 6, offset: 0 }, 512);
    lost.add({ fd: 5, offset: 512 }, undefined, 512);
    lost.add({ fd: 5, offset: 1024 }, { fd: 6, offset: 1024 }, 512);
    expect(lost.take()).toBeUndefined();
    const scattered = new FilePieces();
    for (let at = 0; at < 1024; at++) scattered.add({ fd: 5, offset: at * 4096 }, zero, 512);
    expect(scattered.take()?.length).toBe(1024 * pieceNumbers);
    scattered.add({ fd: 5, offset: 0 }, zero, 512);
    expect(scattered.take()).toBeUndefined();
  });
});

describe("bytes of files", () => {
  const [a, b] = [Buffer.alloc(1024), Buffer.alloc(1024)];
  const open = (name: string, bytes: Uint8Array) => openSync(tempFile(name, bytes), "r");
  const next = (pieces: readonly number[], position: [number, number]) =>
    isNextEqual(readSync, Float64Array.from(pieces), position, a, b, pieceNumbers);

  it("are compared a buffer at a time, and zeroes where there is no file", () => {
    const bytes = Buffer.alloc(3000, 7);
    bytes.fill(0, 2000);
    const [one, other] = [open("one", bytes), open("other", bytes.subarray(100))];
    const pieces = [...[one, 100, other, 0, 1500], ...[one, 2000, noFile, 0, 1000]];
    const position: [number, number] = [0, 0];
    expect([next(pieces, position), ...position]).toEqual([true, 0, 1024]);
    expect([next(pieces, position), ...position]).toEqual([true, 5, 0]);
    expect([next(pieces, position), ...position]).toEqual([true, 10, 0]);
    // One byte before them is 7.
    expect(next([one, 1999, noFile, 0, 1000], [0, 0])).toBe(false);
    expect(next([one, 100, other, 1, 1900], [0, 1000])).toBe(false);
  });

  it("are not equal where a file ends", () => {
    const [one, short] = [open("whole", Buffer.alloc(1000)), open("short", Buffer.alloc(900))];
    expect(next([one, 0, short, 0, 900], [0, 0])).toBe(true);
    expect(next([one, 0, short, 0, 1000], [0, 0])).toBe(false);
    expect(next([short, 0, noFile, 0, 1000], [0, 0])).toBe(false);
  });

  it("that can't be read are an error", () => {
    expect(() => next([9999, 0, noFile, 0, 512], [0, 0])).toThrow("EBADF");
  });
});
