// The readable bytes from an offset on, kept current while pages arrive; what is missing is asked for.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { ByteSource } from "../hex/model.ts";
import { pageSize, pages } from "../pageCache.ts";
import { type Readable, readableFrom, sameReadable } from "./readable.ts";

const none: Readable = { bytes: new Uint8Array(0), end: "loading" };

/** `count` bytes of `source` from `offset` on; what was wanted before is no longer asked for. */
export function useBytes(source: ByteSource | undefined, offset: number, count: number): Readable {
  const [viewer] = useState(() => Symbol("inspector"));
  useEffect(() => {
    if (!source) return pages.leave(viewer);
    const wanted = [Math.floor(offset / pageSize), Math.floor((offset + count - 1) / pageSize)];
    pages.want(viewer, [{ source, pages: [...new Set(wanted)] }]);
  }, [source, offset, count, viewer]);
  useEffect(() => () => pages.leave(viewer), [viewer]);
  // The same object while it says the same: only a change of these very bytes renders.
  const last = useRef(none);
  return useSyncExternalStore(
    (listener) => pages.subscribe(listener),
    () => {
      const now = source ? readableFrom((of, index) => pages.page(of, index), source, offset, count) : none;
      if (!sameReadable(last.current, now)) last.current = now;
      return last.current;
    },
  );
}
