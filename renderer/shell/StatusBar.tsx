// The status bar: read-only, the caret in every unit and both address spaces, the selection, running tasks,
// and a quiet note. The caret's file position is asked for after a pause; the latest question wins.
import { useEffect } from "react";
import { useStore } from "zustand";
import { useJobs, writersNow } from "../store/jobs.ts";
import type { Surface } from "../store/surface.ts";
import { useSurface } from "../store/surface.ts";
import { useView } from "../store/view.ts";
import { readOnlyWords, useWriteWordsNow } from "../store/writeWords.ts";
import { LockIcon, UnlockIcon } from "../widgets/icons.ts";
import { JobStatus } from "./JobStatus.tsx";
import { bytePosition, selectionText } from "./position.ts";
import styles from "./StatusBar.module.css";
import { useFilePosition } from "./useFilePosition.ts";

export function StatusBar() {
  const surface = useSurface((state) => state.surface);
  const hasTab = useView((state) => state.active !== undefined);
  return (
    <footer className={styles.bar} data-pane="status">
      <WriteState />
      {surface && hasTab && <Position surface={surface} />}
      <Note />
      <JobStatus />
    </footer>
  );
}

/** That nothing is written; only a repair writes, from the button that says so to its end. */
function WriteState() {
  const words = useWriteWordsNow() ?? readOnlyWords;
  const isWriting = useJobs((jobs) => writersNow(jobs) !== "");
  if (isWriting) {
    return (
      <span className={styles.item} title="A repair is being written; Cancel stops it between two changes">
        <UnlockIcon size={12} strokeWidth={2} aria-hidden /> writing a repair
      </span>
    );
  }
  return (
    <span className={styles.item} title={words.title}>
      <LockIcon size={12} strokeWidth={2} aria-hidden /> {words.text}
    </span>
  );
}

function Position({ surface }: { surface: Surface }) {
  const caret = useStore(surface.view, (state) => state.caret);
  const anchor = useStore(surface.view, (state) => state.anchor);
  const file = useFilePosition(surface, caret);
  const selection = selectionText(anchor, caret, surface.clusterSize);
  return (
    <>
      <span className={`${styles.item} ${styles.position} number selectable`}>
        {surface.side && <b>{surface.side.toUpperCase()}</b>}
        {surface.node !== undefined && <b>{surface.node}</b>} {bytePosition(surface, caret)}
      </span>
      {file && <span className={`${styles.item} ${styles.file} number selectable`}>{file}</span>}
      {selection && <span className={`${styles.item} number selectable`}>{selection}</span>}
    </>
  );
}

/** A note is about a moment: it goes when it was read. */
const noteMs = 12_000;

function Note() {
  const note = useView((state) => state.note);
  useEffect(() => {
    if (note === undefined) return;
    const timer = setTimeout(() => useView.getState().say(undefined), noteMs);
    return () => clearTimeout(timer);
  }, [note]);
  return (
    <span className={styles.note} role="status" aria-live="polite" title={note}>
      {note}
    </span>
  );
}
