// Who wrote a place of the disk: its entries, newest first, and the bytes of the one at the scrub line with what they
// overwrote. "," and "." step through them.
import { useLayoutEffect, useRef } from "react";
import { useStore } from "zustand";
import type { LogHistoryEntry } from "../../../core/ops/logIndexRun.ts";
import { bytes, count, decimal } from "../../widgets/format.ts";
import { ChangedBytes } from "./ChangedBytes.tsx";
import { KindMark } from "./KindMark.tsx";
import type { TimelineSession } from "./session.ts";
import styles from "./timeline.module.css";
import { durableText, rangeText } from "./wording.ts";

export function HistoryList({ session }: { session: TimelineSession }) {
  const { history, entry, detail, shown } = useStore(session.store);
  if (history === undefined) {
    return (
      <p className={styles.hint}>
        Who wrote this? H shows every entry that touched the sectors of the one at the scrub line; from any
        bytes, G and then T does it for the byte at the caret.
      </p>
    );
  }
  const sectorSize = shown?.summary.sectorSize ?? 512;
  const { note, entries, isLoading, error, next } = history;
  const known = detail.kind === "known" ? detail.detail : undefined;
  const isHere = known !== undefined && entries.some((one) => one.entry === known.row.entry);
  return (
    <>
      <h2>History of {rangeText(history.offset, history.length, sectorSize)}</h2>
      {note !== undefined && <p className={styles.hint}>{note}</p>}
      {error && (
        <p role="status" className="selectable">
          <b>Its entries can't be found:</b> {error.message}
        </p>
      )}
      {!isLoading && !error && (
        <p className={styles.hint} role="status">
          {entries.length === 0
            ? "No entry of the log wrote here."
            : `${next === undefined ? "" : "More than "}${count(entries.length, "entry", "entries")}, newest first. , and . step through them.`}
        </p>
      )}
      {isLoading && entries.length === 0 && <p className={styles.hint}>Looking…</p>}
      {entries.length > 0 && <Rows entries={entries} entry={entry} session={session} />}
      {next !== undefined && (
        <button
          type="button"
          className="button"
          disabled={isLoading}
          onClick={() => void session.history.more()}
        >
          {isLoading ? "Looking…" : "Older entries"}
        </button>
      )}
      {isHere && <ChangedBytes session={session} detail={known} />}
    </>
  );
}

interface RowsProps {
  readonly entries: readonly LogHistoryEntry[];
  /** At the scrub line: its row stays in sight. */
  readonly entry: number;
  readonly session: TimelineSession;
}

function Rows({ entries, entry, session }: RowsProps) {
  const list = useRef<HTMLOListElement>(null);
  const at = entries.findIndex((one) => one.entry === entry);
  useLayoutEffect(() => {
    const row = list.current?.children[at];
    if (!list.current || !(row instanceof HTMLElement)) return;
    // Only the list is scrolled: the bytes below it stay where they are.
    const { top, bottom } = row.getBoundingClientRect();
    const frame = list.current.getBoundingClientRect();
    if (top < frame.top) list.current.scrollTop -= frame.top - top;
    else if (bottom > frame.bottom) list.current.scrollTop += bottom - frame.bottom;
  }, [at]);
  return (
    <ol className={styles.history} ref={list}>
      {entries.map((one) => (
        <HistoryRow key={one.entry} one={one} current={one.entry === entry} session={session} />
      ))}
    </ol>
  );
}

interface HistoryRowProps {
  readonly one: LogHistoryEntry;
  readonly current: boolean;
  readonly session: TimelineSession;
}

function HistoryRow({ one, current, session }: HistoryRowProps) {
  return (
    <li>
      <button
        type="button"
        className={styles.historyRow}
        aria-current={current || undefined}
        onClick={() => session.history.goTo(one)}
      >
        <KindMark kind={one.kind} flags={one.flags} />
        <b className="number">{decimal(one.entry)}</b>
        <span>
          {one.kind} of {bytes(one.range.length)}
          {one.touched.length < one.range.length && `, ${bytes(one.touched.length)} here`}
        </span>
        <span className={styles.hint}>{durableText(one)}</span>
      </button>
    </li>
  );
}
