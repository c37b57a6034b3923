// The search for the first state that fails, beside the entries: how far it is, what it found, where to go from there, and
// the states that were looked at.
import { useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import type { JobProgress, Jobs } from "../../../core/jobs/contract.ts";
import type { LogBisectItem, LogBisectResult } from "../../../core/ops/logBisectRun.ts";
import { runOrSay } from "../../commands/dispatcher.ts";
import { useJobs } from "../../store/jobs.ts";
import card from "../../widgets/card.module.css";
import { count, decimal, duration, percent } from "../../widgets/format.ts";
import { ErrorIcon, InfoIcon, OkIcon } from "../../widgets/icons.ts";
import { type GridColumn, VirtualGrid } from "../compare/VirtualGrid.tsx";
import styles from "./Bisect.module.css";
import {
  adviceOf,
  type BisectState,
  entryOf,
  momentText,
  scopeText,
  totalsText,
  verdictSentence,
  verdictText,
} from "./bisectState.ts";
import type { TimelineSession } from "./session.ts";

export function BisectPane({ session }: { session: TimelineSession }) {
  const { bisect } = useStore(session.store);
  useJobs(({ byId }) => byId);
  if (bisect === undefined) {
    return (
      <div className={styles.pane}>
        <p className={styles.hint}>
          Which write broke it? A check, of a format or a command such as e2fsck -fn {"{}"}, looks at the disk
          as a crash would have left it, at moments of the log, and finds the first one that fails.
        </p>
        <div className={styles.actions}>
          <button type="button" className="button" onClick={() => runOrSay("timeline.bisect")}>
            Find the first failing entry…
          </button>
        </div>
      </div>
    );
  }
  const failing = bisect.looked.find(
    ({ entries, lost, verdict }) =>
      verdict === "bad" &&
      entries === bisect.result?.firstBad?.entries &&
      lost === bisect.result.firstBad.lost,
  );
  return (
    <div className={styles.pane}>
      <Announcer session={session} bisect={bisect} />
      <Progress session={session} bisect={bisect} />
      {bisect.error && <Failed bisect={bisect} />}
      {bisect.result && <Found session={session} bisect={bisect} result={bisect.result} failing={failing} />}
      {bisect.looked.length > 0 && <StateTable session={session} bisect={bisect} />}
      <Output text={bisect.result?.output ?? ""} />
      <p className={styles.hint}>
        Judged by <code className="mono selectable">{bisect.judge}</code>; {scopeText(bisect.wish)}.
      </p>
      {!session.bisect.isRunning && (
        <div className={styles.actions}>
          {bisect.result?.command !== undefined && (
            <button type="button" className="button" onClick={() => runOrSay("timeline.copyBisect")}>
              Copy as a command
            </button>
          )}
          <button type="button" className="button" onClick={() => runOrSay("timeline.bisect")}>
            Search again…
          </button>
        </div>
      )}
    </div>
  );
}

type BisectProgress = JobProgress<Jobs["logBisect"]["totals"]>;

interface PartProps {
  readonly session: TimelineSession;
  readonly bisect: BisectState;
}

function progressText({ phase, done, total, totals }: BisectProgress): string {
  if (totals.states === 0) return `${phase ?? "Reading the log"}… ${percent(done, total)} %`;
  return `${phase ?? "Looking at states"}: ${decimal(done)} of at most ${decimal(total)}. ${totalsText(totals)}.`;
}

function Progress({ session, bisect }: PartProps) {
  const state = session.bisect.job?.state;
  if (state?.kind !== "running") return null;
  const { progress, cancelling } = state;
  const waiting =
    bisect.wish.judge.kind === "command" ? "Waiting for your answer: may the command run?" : "Beginning…";
  return (
    <>
      <p>{progress === undefined ? waiting : progressText(progress)}</p>
      <div className={styles.bar} aria-hidden>
        <span style={{ width: `${progress ? percent(progress.done, progress.total) : 0}%` }} />
      </div>
      <div className={styles.actions}>
        <button
          type="button"
          className="button"
          disabled={cancelling}
          onClick={() => session.bisect.cancel()}
        >
          {cancelling ? "Stopping…" : "Cancel the search"}
        </button>
      </div>
    </>
  );
}

/** For assistive technology: every ten percent, and the end. */
function Announcer({ session, bisect }: PartProps) {
  const text = newsOf(session, bisect);
  const [said, setSaid] = useState("");
  const last = useRef<string>(undefined);
  useEffect(() => {
    // What had ended before this showed is no news.
    const isFirst = last.current === undefined;
    last.current = text;
    if (!isFirst) setSaid(text);
  }, [text]);
  return (
    <p className="visually-hidden" role="status">
      {said}
    </p>
  );
}

function newsOf(session: TimelineSession, { result, error }: BisectState): string {
  if (error !== undefined)
    return error.code === "ECANCELED" ? error.message : `The search stopped: ${error.message}`;
  if (result !== undefined) return verdictSentence(result);
  const state = session.bisect.job?.state;
  const progress = state?.kind === "running" ? state.progress : undefined;
  if (progress === undefined || progress.totals.states === 0) return "Beginning to look at states";
  return `${Math.floor(percent(progress.done, progress.total) / 10) * 10} percent of the states looked at`;
}

function Failed({ bisect }: { bisect: BisectState }) {
  const { error } = bisect;
  if (error === undefined) return null;
  const { message, context, code } = error;
  if (code === "ECANCELED") return <p>{message}. Nothing was looked at.</p>;
  return (
    <>
      <p className="selectable">
        <ErrorIcon size={14} aria-hidden /> <b>The search stopped:</b> {message}.
      </p>
      {context.hint !== undefined && <p>{context.hint}</p>}
      {bisect.looked.length > 0 && <p>What was looked at until then is listed below.</p>}
    </>
  );
}

interface FoundProps extends PartProps {
  readonly result: LogBisectResult;
  /** The first state that fails. */
  readonly failing: LogBisectItem | undefined;
}

function Found({ session, bisect, result, failing }: FoundProps) {
  const { firstBad, lastGood } = result;
  const advice = adviceOf(result, bisect, failing);
  const isAlone = lastGood !== undefined && lastGood.entries + 1 === firstBad?.entries;
  return (
    <>
      <p className={styles.verdict}>{verdictSentence(result)}</p>
      {firstBad !== undefined && (
        <dl className={`${card.facts} ${styles.facts}`}>
          {failing && <Fact name="Outcome">{failing.text}</Fact>}
          <Fact name="Passes last">{lastGood === undefined ? "none before it" : momentText(lastGood)}</Fact>
          {isAlone && <Fact name="Broken by">entry {decimal(firstBad.entries - 1)}</Fact>}
          <Between session={session} result={result} />
        </dl>
      )}
      <p className={styles.hint}>{totalsText(result.totals)}.</p>
      {advice.length > 0 && (
        <ul className={styles.advice}>
          {advice.map((sentence) => (
            <li key={sentence}>{sentence}</li>
          ))}
        </ul>
      )}
      {firstBad !== undefined && <Ways result={result} />}
    </>
  );
}

/** What the check said of the first state that fails. */
function Output({ text }: { text: string }) {
  if (text.trim() === "") return null;
  return (
    <details>
      <summary>What the check said</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable */}
      <pre className={`mono selectable ${card.text} ${styles.output}`} tabIndex={0}>
        {text.trimEnd()}
      </pre>
    </details>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What became durable, or was named, behind the last state that passes. */
function Between({ session, result }: { session: TimelineSession; result: LogBisectResult }) {
  const { between } = result;
  if (between === undefined) return null;
  const { events, total } = between;
  if (total === 0) return <Fact name="Between">no flush, FUA write or mark</Fact>;
  const names = { flush: "flush", fua: "FUA write", mark: "mark" } as const;
  return (
    <Fact name="Between">
      <ul className={styles.events}>
        {events.map(({ entry, kind, text }) => (
          <li key={`${entry} ${kind}`}>
            <button type="button" className={card.link} onClick={() => session.goTo(entry)}>
              {names[kind]} at entry {decimal(entry)}
            </button>
            {text !== undefined && <q>{text}</q>}
          </li>
        ))}
      </ul>
      {total > events.length && `and ${decimal(total - events.length)} more`}
    </Fact>
  );
}

function Ways({ result: { lastGood } }: { result: LogBisectResult }) {
  return (
    <div className={styles.actions}>
      <button type="button" className="button primary" onClick={() => runOrSay("timeline.firstBad")}>
        Go to the first failing entry
      </button>
      {lastGood !== undefined && (
        <>
          <button type="button" className="button" onClick={() => runOrSay("timeline.stateGood")}>
            Show the disk before
          </button>
          <button type="button" className="button" onClick={() => runOrSay("timeline.stateBad")}>
            Show the disk after
          </button>
          <button type="button" className="button" onClick={() => runOrSay("timeline.compareBad")}>
            Compare them
          </button>
        </>
      )}
      {lastGood === undefined && (
        <button type="button" className="button" onClick={() => runOrSay("timeline.stateBad")}>
          Show the disk that fails
        </button>
      )}
    </div>
  );
}

function timeText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
}

type Key = "entry" | "at" | "verdict" | "outcome" | "ms";

const columns: readonly GridColumn<Key>[] = [
  { key: "entry", label: "After", width: 64, numeric: true },
  { key: "at", label: "At", width: 56 },
  { key: "verdict", label: "State", width: 82 },
  { key: "outcome", label: "Result", width: 60, grow: 1 },
  { key: "ms", label: "Time", width: 68, numeric: true },
];
const rowHeight = 24;
const headerHeight = 28;
const mostRows = 9;

function StateTable({ session, bisect }: PartProps) {
  const { looked, at } = bisect;
  const height = headerHeight + rowHeight * Math.min(mostRows, looked.length) + 4;
  return (
    <div className={styles.table} style={{ height }}>
      <VirtualGrid
        label={`States that were looked at, ${count(looked.length, "row")}`}
        columns={columns}
        rowCount={looked.length}
        active={at < 0 ? 0 : at}
        onMove={(row) => session.bisect.goTo(row)}
        onOpen={(row) => void session.bisect.show(looked[row])}
        cells={(row) => cellsOf(looked[row])}
      />
    </div>
  );
}

const verdictIcons = { good: OkIcon, bad: ErrorIcon, skip: InfoIcon } as const;

function cellsOf(item: LogBisectItem | undefined): Readonly<Record<Key, React.ReactNode>> {
  if (item === undefined) return { entry: "", at: "", verdict: "", outcome: "", ms: "" };
  const { entries, kind, verdict, text, ms, lost } = item;
  const Icon = verdictIcons[verdict];
  return {
    entry: entries === 0 ? "–" : decimal(entryOf(item)),
    at: kind,
    verdict: (
      <span className={styles.outcome} data-verdict={verdict}>
        <Icon size={13} aria-hidden /> {verdictText[verdict]}
      </span>
    ),
    outcome: <span title={momentText(item)}>{lost === "" ? text : `${text}, without ${lost}`}</span>,
    ms: timeText(ms),
  };
}
