// What can be looked at from the caret on: bytes up to the first missing one, and why it is missing.
import { describe, expect, it } from "vitest";
import { readableFrom, sameReadable } from "../../../renderer/inspector/readable.ts";
import { type CachedPage, pageSize } from "../../../renderer/pageCache.ts";

const source = { image: 1, node: "", size: pageSize + 100, generation: 0 };
const page = (bytes: Uint8Array, bad: CachedPage["bad"] = []): CachedPage => ({
  bytes,
  bad,
  failed: undefined,
});
/** Bytes 0, 1, 2, … modulo 256 at every page. */
const counting = (length: number) => Uint8Array.from({ length }, (_, index) => index % 256);
const loaded = [page(counting(pageSize)), page(counting(100))];
const lookup = (all: readonly (CachedPage | undefined)[]) => (_source: unknown, index: number) => all[index];

describe("the bytes from an offset on", () => {
  it("go on over a page's end", () => {
    expect(readableFrom(lookup(loaded), source, pageSize - 2, 4)).toEqual({
      bytes: Uint8Array.from([254, 255, 0, 1]),
      end: undefined,
    });
  });

  it("end at the image's end, and are none past it or before its start", () => {
    expect(readableFrom(lookup(loaded), source, pageSize + 98, 16)).toEqual({
      bytes: Uint8Array.from([98, 99]),
      end: "past",
    });
    expect(readableFrom(lookup(loaded), source, pageSize + 100, 16)).toMatchObject({ end: "past" });
    expect(readableFrom(lookup(loaded), source, -3, 16)).toEqual({ bytes: new Uint8Array(0), end: "before" });
  });

  it("end at a page that is not there yet", () => {
    expect(readableFrom(lookup([loaded[0]]), source, pageSize - 2, 4)).toEqual({
      bytes: Uint8Array.from([254, 255]),
      end: "loading",
    });
  });

  it("end at the first unreadable byte, whatever the bytes after it are", () => {
    const torn = page(counting(pageSize), [{ offset: 0x203, length: 1, message: "I/O error" }]);
    expect(readableFrom(lookup([torn]), source, 0x200, 16)).toEqual({
      bytes: Uint8Array.from([0, 1, 2]),
      end: "unreadable",
    });
  });
});

describe("what was read", () => {
  const read = (offset: number, count: number) => readableFrom(lookup(loaded), source, offset, count);

  it("is the same when bytes and end are", () => {
    expect(sameReadable(read(0, 4), read(256, 4))).toBe(true);
    expect(sameReadable(read(0, 4), read(1, 4))).toBe(false);
    expect(sameReadable(read(0, 4), read(0, 5))).toBe(false);
    expect(sameReadable(read(-1, 4), read(source.size, 4))).toBe(false);
  });
});
