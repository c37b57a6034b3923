// The bytes of an entry and what they overwrote, a stretch at a time. What changed is marked by its sign, weight and a line
// as well as colour.
import { useStore } from "zustand";
import type { LogDetail } from "../../../core/ops/logIndexRun.ts";
import card from "../../widgets/card.module.css";
import { bytes, count, decimal, hex } from "../../widgets/format.ts";
import { type ChangeByte, changeLines } from "./changeRows.ts";
import type { TimelineSession } from "./session.ts";
import { shownBytes } from "./state.ts";
import styles from "./timeline.module.css";

const signs = { same: " ", before: "−", after: "+" } as const;
const spoken = { same: "as before", before: "overwritten", after: "written" } as const;

/** The log has no bytes of a discarded range. */
const discardTexts = {
  zero: "It is taken for zeroes: the log does not say what the disk had then.",
  unknown: "What the disk had then is not known, and shows as zeroes.",
} as const;

export function ChangedBytes({ session, detail }: { session: TimelineSession; detail: LogDetail }) {
  const { base, discards } = useStore(session.store);
  const { row, bytes: change } = detail;
  if (change === undefined) return null;
  const from = change.offset - row.offset;
  const end = from + change.after.length;
  const lines = changeLines(change.offset, change.before, change.after);
  const isOther =
    change.firstDiffering !== undefined && (change.firstDiffering < from || change.firstDiffering >= end);
  return (
    <section aria-label="Bytes" className={styles.bytesPart}>
      <h3>{row.kind === "discard" ? "What it discarded" : "Bytes and what they overwrote"}</h3>
      <p className={styles.hint}>{changeText(detail, base !== undefined)}</p>
      {row.kind === "discard" && <p className={styles.hint}>{discardTexts[discards]}</p>}
      <Writers session={session} detail={detail} />
      <table className={`${styles.bytes} mono selectable`}>
        <caption className="visually-hidden">
          Bytes {decimal(from)} to {decimal(end - 1)} of the entry
        </caption>
        <tbody>
          {lines.map(({ offset, sign, bytes: places }) => (
            <tr key={`${offset}${sign}`} data-sign={sign}>
              <th scope="row">
                {sign === "after" ? <span className="visually-hidden">{hex(offset)}</span> : hex(offset)}
              </th>
              <td>
                <span aria-hidden>{signs[sign]}</span>
                <span className="visually-hidden">{spoken[sign]}</span>
              </td>
              <td>
                <Run places={places} />
              </td>
              <td>{places.map(({ text }) => text).join("")}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {row.length > shownBytes && (
        <div className={styles.actions}>
          <button
            type="button"
            className="button"
            disabled={from === 0}
            onClick={() => session.showBytes(from - shownBytes)}
          >
            Earlier bytes
          </button>
          <button
            type="button"
            className="button"
            disabled={end >= row.length}
            onClick={() => session.showBytes(end)}
          >
            Later bytes
          </button>
          {isOther && (
            <button
              type="button"
              className="button"
              onClick={() =>
                session.showBytes(Math.floor((change.firstDiffering ?? 0) / shownBytes) * shownBytes)
              }
            >
              First changed byte
            </button>
          )}
          <span className={styles.hint}>
            {decimal(from)} to {decimal(end - 1)} of {bytes(row.length)}
          </span>
        </div>
      )}
    </section>
  );
}

function changeText({ row, bytes: change }: LogDetail, hasBase: boolean): string {
  if (change?.differing === undefined) return `${bytes(row.length)}; too long to be compared as a whole.`;
  if (change.differing === 0) {
    const isKnown = hasBase || change.writers.every(({ entry }) => entry >= 0);
    if (!isKnown) return "Nothing differs from what was there, as far as that is known.";
    return row.kind === "discard" ? "It was all zeroes before." : "It writes what was there already.";
  }
  return `${count(change.differing, "byte")} of ${decimal(row.length)} changed.`;
}

/** Places of a row never move. */
function Run({ places }: { places: readonly ChangeByte[] }) {
  return places.map(({ digits, differs }, place) => {
    const text = place === 0 ? digits : ` ${digits}`;
    // biome-ignore-start lint/suspicious/noArrayIndexKey: as said above
    return differs ? <mark key={place}>{text}</mark> : <span key={place}>{text}</span>;
    // biome-ignore-end lint/suspicious/noArrayIndexKey: as said above
  });
}

/** Who had written what these bytes overwrote, as links. */
function Writers({ session, detail }: { session: TimelineSession; detail: LogDetail }) {
  const base = useStore(session.store, (state) => state.base);
  const { bytes: change } = detail;
  if (change === undefined) return null;
  const writers = [...new Set(change.writers.map(({ entry }) => entry))];
  const most = 6;
  const known = writers.filter((entry) => entry >= 0).slice(0, most);
  if (known.length === 0) {
    return (
      <p className={styles.hint}>
        No earlier entry of the log wrote here:{" "}
        {base
          ? `what was there before is from ${base.name}.`
          : "what was there before is not known, and shows as zeroes."}
      </p>
    );
  }
  return (
    <p className={styles.hint}>
      Overwrites{" "}
      {known.map((entry, index) => (
        <span key={entry}>
          {index > 0 && ", "}
          <button type="button" className={card.link} onClick={() => session.goTo(entry)}>
            entry {decimal(entry)}
          </button>
        </span>
      ))}
      {writers.length > known.length && (writers.includes(-1) ? " and what no entry wrote" : " and others")}.
    </p>
  );
}
