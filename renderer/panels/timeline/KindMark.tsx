// The mark of an entry's kind in lists, the same shapes and colours as in the plot: write a filled bar (dark for
// metadata, a tick on top for FUA), discard hollow, flush a thin line, mark a flag.

import { entryFlags } from "../../../core/writelog/layout.ts";
import type { EntryKind } from "../../../core/writelog/logIndex.ts";
import styles from "./EntryTable.module.css";

const has = (flags: number, flag: number) => Math.floor(flags / flag) % 2 === 1;

export function KindMark({ kind, flags }: { kind: EntryKind; flags: number }) {
  const isFua = has(flags, entryFlags.fua);
  const isFlush = kind !== "flush" && has(flags, entryFlags.flush);
  const tone = kind === "write" && has(flags, entryFlags.metadata) ? "metadata" : isFua ? "fua" : kind;
  return (
    <svg
      className={styles.mark}
      data-tone={tone}
      width="14"
      height="14"
      viewBox="0 0 14 14"
      aria-hidden="true"
    >
      {kind === "write" && <rect x="4" y="4" width="6" height="9" />}
      {kind === "empty" && <rect x="4.5" y="11.5" width="5" height="1" />}
      {kind === "discard" && <rect className={styles.hollow} x="4.5" y="3.5" width="5" height="9" />}
      {kind === "flush" && <rect x="6" y="0" width="2" height="14" />}
      {kind === "mark" && <path d="M3 1h8l-2.5 3L11 7H4.5v7H3z" />}
      {isFua && <rect x="2" y="1" width="10" height="2" />}
      {isFlush && <rect className={styles.flushLine} x="0.5" y="0" width="1.5" height="14" />}
    </svg>
  );
}
