// The legend is the filter: each class with its swatch, clusters, bytes and share; a press shows it alone, the digit
// keys do the same. One Tab stop with arrows between its rows.
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { Swatch } from "../hex/Swatch.tsx";
import { bytes, decimal } from "../widgets/format.ts";
import type { LegendProps } from "./contract.ts";
import { handleFilterKey } from "./input.ts";
import styles from "./Legend.module.css";
import { type LegendRow, legendRows } from "./legendRows.ts";
import { lettersOf } from "./letters.ts";
import { drawSwatch, swatchSide } from "./swatch.ts";
import { shareText } from "./wording.ts";

export function Legend({ view, summary, isPartial = false }: LegendProps) {
  const isolated = useStore(view, (state) => state.isolated);
  const list = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => legendRows(summary, isPartial), [summary, isPartial]);
  // The row that Tab comes to: the last one that had the focus, as long as there is one.
  const [last, setLast] = useState("");
  const stop = Math.max(
    0,
    rows.findIndex(({ id }) => id === last),
  );

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (handleFilterKey(event.nativeEvent, view)) return event.preventDefault();
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const targets: Readonly<Record<string, number>> = {
      ArrowDown: stop + 1,
      ArrowUp: stop - 1,
      Home: 0,
      End: rows.length - 1,
    };
    const to = targets[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(rows.length - 1, to));
    list.current?.querySelectorAll("button")[index]?.focus();
  };
  return (
    <section className={styles.legend} aria-label="Legend and filter">
      <div className={styles.head} aria-hidden>
        <span className={styles.label}>Kind</span>
        <span className={styles.clusters}>Clusters</span>
        <span className={styles.bytes}>Bytes</span>
        <span className={styles.share}>Share</span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a group of toggles, not fields of a form */}
      <div
        ref={list}
        className={styles.rows}
        role="group"
        aria-label="Kinds; pressed ones are shown, others dimmed"
        data-context="grid"
        onKeyDown={onKeyDown}
      >
        {rows.map((row, index) => (
          <LegendToggle
            key={row.id}
            row={row}
            whole={summary?.fileSize}
            stop={index === stop}
            onFocus={() => setLast(row.id)}
            pressed={row.kinds.every((kind) => isolated.has(kind))}
            onToggle={() => view.toggle(row.kinds)}
          />
        ))}
      </div>
      <div className={styles.total}>
        <span className={styles.label}>Total</span>
        <span className={styles.clusters}>{summary ? decimal(summary.clusters) : "–"}</span>
        <span className={styles.bytes}>{summary ? bytes(summary.fileSize) : "–"}</span>
      </div>
      <div className={styles.foot}>
        {isolated.size > 0 ? (
          <button type="button" className={styles.all} onClick={() => view.showAll()}>
            Show all kinds
          </button>
        ) : (
          <span>
            {isPartial && summary?.hasTables
              ? "Known so far; what is free or leaked is known in the end."
              : "A cell shows the worst of its clusters."}
          </span>
        )}
      </div>
    </section>
  );
}

interface LegendToggleProps {
  readonly row: LegendRow;
  /** Bytes of the map. */
  readonly whole: number | undefined;
  /** Tab comes to it. */
  readonly stop: boolean;
  readonly pressed: boolean;
  onFocus(): void;
  onToggle(): void;
}

function LegendToggle({ row, whole, stop, pressed, onFocus, onToggle }: LegendToggleProps) {
  const { label, digit, total, alarming, look } = row;
  return (
    <button
      type="button"
      className={styles.row}
      aria-pressed={pressed}
      data-part={digit === undefined || undefined}
      data-alarming={alarming || undefined}
      data-none={total?.clusters === 0 || undefined}
      data-kind={row.id}
      tabIndex={stop ? 0 : -1}
      onFocus={onFocus}
      title={digit ? `${label}: show only this (${digit})` : `${label}: show only this`}
      onClick={onToggle}
    >
      <Swatch
        side={swatchSide}
        className={styles.swatch}
        draw={(context, colours, scale) => {
          drawSwatch(context, { theme: colours, scale, letters: lettersOf(colours.fontFamily) }, look, 0, 0);
        }}
      />
      <span className={styles.digit} aria-hidden>
        {digit}
      </span>
      <span className={styles.label}>{label}</span>
      <span className={styles.clusters}>
        {total ? decimal(total.clusters) : "–"}
        <span className="visually-hidden"> clusters, </span>
      </span>
      <span className={styles.bytes}>{total ? bytes(total.bytes) : "–"}</span>
      <span className={styles.share}>
        {total && whole !== undefined ? shareText(total.bytes, whole) : "–"}
      </span>
    </button>
  );
}
