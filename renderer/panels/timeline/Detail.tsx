// The panel beside the entry table: the entry at the scrub line with its fields, its bytes and what they overwrote; the
// history of a place; the notes.
import { type ReactNode, useId } from "react";
import { useStore } from "zustand";
import type { LogDetail } from "../../../core/ops/logIndexRun.ts";
import { runOrSay } from "../../commands/dispatcher.ts";
import card from "../../widgets/card.module.css";
import { bytes, decimal, hex } from "../../widgets/format.ts";
import { ListTabs } from "../../widgets/ListTabs.tsx";
import panel from "../../widgets/panel.module.css";
import lists from "../compare/lists.module.css";
import { BisectPane } from "./BisectPane.tsx";
import { ChangedBytes } from "./ChangedBytes.tsx";
import { HistoryList } from "./HistoryList.tsx";
import { KindMark } from "./KindMark.tsx";
import type { TimelineSession } from "./session.ts";
import styles from "./timeline.module.css";
import { durableText, flagText, kindText, rangeText } from "./wording.ts";

export function Detail({ session }: { session: TimelineSession }) {
  const { tab, history, notes, bisect } = useStore(session.store);
  const id = useId();
  return (
    <section className={`${panel.column} ${styles.detail}`} aria-label="Detail">
      <div className={lists.bar}>
        <ListTabs
          id={id}
          tab={tab}
          tabs={[
            { name: "entry", label: "Entry", count: 0 },
            { name: "history", label: "History", count: history?.entries.length ?? 0 },
            { name: "notes", label: "Notes", count: notes.size },
            { name: "bisect", label: "Bisect", count: bisect?.looked.length ?? 0 },
          ]}
          onTab={(name) => session.setTab(name)}
        />
      </div>
      {/* Long content scrolls: the keyboard reaches it too. */}
      <div
        id={`${id}-panel`}
        role="tabpanel"
        aria-labelledby={`${id}-${tab}`}
        className={styles.card}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable
        tabIndex={0}
      >
        {tab === "entry" && <Entry session={session} />}
        {tab === "history" && <HistoryList session={session} />}
        {tab === "notes" && <NoteList session={session} />}
        {tab === "bisect" && <BisectPane session={session} />}
      </div>
    </section>
  );
}

function Entry({ session }: { session: TimelineSession }) {
  const { detail, entry } = useStore(session.store);
  if (detail.kind === "failed") {
    return (
      <>
        <p role="status" className="selectable">
          <b>Can't read entry {decimal(entry)}:</b> {detail.error.message}
        </p>
        <div className={styles.actions}>
          <button type="button" className="button" onClick={() => session.retryDetail()}>
            Retry
          </button>
          <button type="button" className="button" onClick={() => session.rescan()}>
            Read the log again
          </button>
        </div>
      </>
    );
  }
  const shown =
    detail.kind === "known" ? detail.detail : detail.kind === "loading" ? detail.before : undefined;
  if (shown === undefined) return <FirstLook session={session} entry={entry} />;
  return (
    <div aria-busy={detail.kind === "loading"} data-stale={detail.kind === "loading" || undefined}>
      <Known session={session} detail={shown} />
    </div>
  );
}

/** For the first entry of a long log the disk's states are prepared, which takes seconds; what the table has is said at once. */
function FirstLook({ session, entry }: { session: TimelineSession; entry: number }) {
  const { place } = useStore(session.store);
  useStore(session.store, ({ rows }) => rows);
  const row = place === undefined ? undefined : session.filter.pages.at(place);
  return (
    <div aria-busy>
      <h2>
        Entry {decimal(entry)}
        {row?.entry === entry && `: ${kindText[row.kind]}`}
      </h2>
      <p className={styles.hint}>Its bytes, and what they overwrote, are being looked up…</p>
    </div>
  );
}

function Known({ session, detail }: { session: TimelineSession; detail: LogDetail }) {
  const { row } = detail;
  const { notes } = useStore(session.store);
  const note = notes.get(row.entry);
  const sectorSize = session.summary?.sectorSize ?? 512;
  const isPlaced = row.length > 0 && (row.kind === "write" || row.kind === "discard");
  const flags = flagText(row);
  return (
    <>
      <h2>
        <KindMark kind={row.kind} flags={row.flags} /> Entry {decimal(row.entry)}: {kindText[row.kind]}
      </h2>
      <dl className={`${card.facts} ${styles.facts}`}>
        {row.text !== undefined && (
          <Fact name="Text">
            <q>{row.text}</q>
          </Fact>
        )}
        {flags !== "" && <Fact name="Flags">{flags}</Fact>}
        {isPlaced && (
          <Fact name="Covers">
            {rangeText(row.offset, row.length, sectorSize)},{" "}
            <span className={styles.whole}>{bytes(row.length)}</span>
          </Fact>
        )}
        <Fact name="In the log">
          <span className="mono">{hex(row.header)}</span>
          {row.payloadLength > 0 && (
            <>
              , {row.kind === "mark" ? "text" : "data"} at <span className="mono">{hex(row.payload)}</span>
            </>
          )}
        </Fact>
        {isPlaced && (
          <Fact name="Durable">
            {durableText({ ...detail, entry: row.entry })}
            {detail.durableWith !== undefined && detail.durableWith !== row.entry && (
              <>
                {" "}
                <button
                  type="button"
                  className={card.link}
                  onClick={() => session.goTo(detail.durableWith ?? 0)}
                >
                  show
                </button>
              </>
            )}
          </Fact>
        )}
        <Fact name="Flushes">{decimal(detail.flush)} before it</Fact>
        {row.recovered && <Fact name="Doubt">Found behind damage: likely an entry, not surely</Fact>}
        {!row.recovered && !row.counted && <Fact name="Doubt">The superblock does not count it</Fact>}
        {note !== undefined && <Fact name="Note">{note}</Fact>}
      </dl>
      <div className={styles.actions}>
        <button type="button" className="button" onClick={() => runOrSay("timeline.state")}>
          Open state in hex
        </button>
        <button type="button" className="button" onClick={() => runOrSay("timeline.stateCompare")}>
          Compare state…
        </button>
        <button type="button" className="button" onClick={() => runOrSay("timeline.stateMap")}>
          Map
        </button>
        {isPlaced && (
          <button type="button" className="button" onClick={() => runOrSay("timeline.history")}>
            Who wrote this?
          </button>
        )}
      </div>
      <ChangedBytes session={session} detail={detail} />
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="number selectable">{children}</dd>
    </div>
  );
}

function NoteList({ session }: { session: TimelineSession }) {
  const { notes } = useStore(session.store);
  if (notes.size === 0) {
    return <p className={styles.hint}>No notes yet. M puts one on the entry at the scrub line.</p>;
  }
  return (
    <ul className={styles.list}>
      {[...notes].map(([entry, text]) => (
        <li key={entry}>
          <button type="button" className={card.link} onClick={() => session.goTo(entry)}>
            Entry {decimal(entry)}
          </button>{" "}
          <span className="selectable">{text}</span>
        </li>
      ))}
    </ul>
  );
}
