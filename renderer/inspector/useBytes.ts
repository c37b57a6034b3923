// The readable bytes from an offset on, kept current while pages arrive; what is missing is asked for.
import { useEffect, useState, useSyncExternalStore } from "react";
import type { ByteSource } from "../hex/model.ts";
import { readValues } from "../hex/rowContent.ts";
import { pageSize, pages } from "../pageCache.ts";

/** Bytes up to the first that is not loaded, unreadable or past the end, at most `count`. */
export function useBytes(source: ByteSource | undefined, offset: number, count: number): Uint8Array {
  const [viewer] = useState(() => Symbol("inspector"));
  useEffect(() => {
    if (!source || offset < 0) return pages.leave(viewer);
    const wanted = [Math.floor(offset / pageSize), Math.floor((offset + count - 1) / pageSize)];
    pages.want(viewer, [{ source, pages: [...new Set(wanted)] }]);
  }, [source, offset, count, viewer]);
  useEffect(() => () => pages.leave(viewer), [viewer]);
  // A text compares by value: only a change of these very bytes renders.
  const text = useSyncExternalStore(
    (listener) => pages.subscribe(listener),
    () => (source ? readableValues(source, offset, count).join() : ""),
  );
  return Uint8Array.from(text === "" ? [] : text.split(",").map(Number));
}

function readableValues(source: ByteSource, offset: number, count: number): number[] {
  const values = [...readValues((of, index) => pages.page(of, index), source, offset, count)];
  const end = values.findIndex((value) => value < 0);
  return end < 0 ? values : values.slice(0, end);
}
