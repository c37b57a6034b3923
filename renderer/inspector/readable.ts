// The bytes from an offset on that can be looked at, and what ends them: decoders get the bytes, rows the reason.
import type { ByteSource } from "../hex/model.ts";
import { notLoaded, type PageLookup, readValues, unreadable } from "../hex/rowContent.ts";

export interface Readable {
  readonly bytes: Uint8Array;
  /** What the first byte after `bytes` is; undefined when all that were asked for are there. */
  readonly end: ReadableEnd | undefined;
}
export type ReadableEnd = "loading" | "unreadable" | "before" | "past";

/** At most `count` bytes from `offset` on, which may lie outside the source. */
export function readableFrom(page: PageLookup, source: ByteSource, offset: number, count: number): Readable {
  const values = readValues(page, source, offset, count);
  const length = values.findIndex((value) => value < 0);
  if (length < 0) return { bytes: Uint8Array.from(values), end: undefined };
  return { bytes: Uint8Array.from(values.subarray(0, length)), end: endOf(values[length], offset) };
}

function endOf(value: number | undefined, offset: number): ReadableEnd {
  if (value === notLoaded) return "loading";
  if (value === unreadable) return "unreadable";
  return offset < 0 ? "before" : "past";
}

/** Whether both say the same, byte by byte. */
export function sameReadable(one: Readable, other: Readable): boolean {
  return (
    one.end === other.end &&
    one.bytes.length === other.bytes.length &&
    one.bytes.every((byte, index) => byte === other.bytes[index])
  );
}
