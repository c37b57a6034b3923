// Minimap and plot of the log, with what its shapes mean: linked to the table both ways by the entry at the scrub line.
import { useEffect, useMemo, useState } from "react";
import { useStore } from "zustand";
import type { PlotPlace } from "../../timeline/contract.ts";
import { Minimap } from "../../timeline/Minimap.tsx";
import { TimelineLegend } from "../../timeline/TimelineLegend.tsx";
import { TimelinePlot } from "../../timeline/TimelinePlot.tsx";
import { decimal, hex } from "../../widgets/format.ts";
import panel from "../../widgets/panel.module.css";
import { pointsOf } from "./bisectState.ts";
import { plotSource } from "./plotSource.ts";
import type { TimelineSession } from "./session.ts";
import styles from "./timeline.module.css";
import { durableText, entryText, totalsText } from "./wording.ts";

interface PlotPaneProps {
  readonly session: TimelineSession;
  readonly name: string;
  onOpen(): void;
}

export function PlotPane({ session, name, onOpen }: PlotPaneProps) {
  const { shown, filter, entry, detail, notes, history, base, selection, bisect } = useStore(session.store);
  const { view } = session;
  const scale = useStore(view, (state) => state.scale);
  const [hovered, setHovered] = useState<PlotPlace>();
  const { applied } = filter;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another base may be a larger disk.
  const source = useMemo(
    () => shown && plotSource(session, shown.summary, applied),
    [session, shown, applied, base],
  );
  const entries = source?.entries ?? 0;
  useEffect(() => view.setEntries(entries), [view, entries]);
  useEffect(() => view.reveal(entry), [view, entry]);
  const looked = bisect?.looked;
  const points = useMemo(() => looked && pointsOf(looked), [looked]);
  const noted = useMemo(() => [...notes.keys()], [notes]);
  if (source === undefined || shown === undefined) return null;
  const { totals, sectorSize } = shown.summary;
  const row = detail.kind === "known" && detail.detail.row.entry === entry ? detail.detail.row : undefined;
  const isPlaced = row !== undefined && row.length > 0 && (row.kind === "write" || row.kind === "discard");
  const spoken =
    row && detail.kind === "known"
      ? `${entryText(row, sectorSize)}${isPlaced ? `, ${durableText({ ...detail.detail, entry })}` : ""}`
      : undefined;
  const summary = totalsText(shown.summary);
  return (
    <div className={panel.column} data-pane="plot">
      <Minimap
        label={`Whole log of ${name}`}
        source={source}
        view={view}
        entry={entry}
        selection={selection}
        {...(points && { bisect: points })}
      />
      <TimelinePlot
        label={`Timeline of ${name}`}
        source={source}
        view={view}
        entry={entry}
        onEntry={(to) => session.goTo(to)}
        summary={summary}
        {...(spoken !== undefined && { spoken })}
        covers={isPlaced ? { offset: row.offset, length: row.length } : undefined}
        selection={selection}
        onSelection={(chosen) => session.store.setState({ selection: chosen })}
        {...(points && { bisect: points })}
        notes={noted}
        history={history && { offset: history.offset, length: history.length }}
        onHover={setHovered}
        onOpen={(to) => {
          session.goTo(to);
          onOpen();
        }}
      />
      <div className={styles.plotFoot}>
        <TimelineLegend
          totals={totals}
          filtered={applied !== ""}
          bisect={(points?.length ?? 0) > 0}
          skipped={points?.some(({ outcome }) => outcome === "unknown") ?? false}
        />
        <label className={styles.scale}>
          <input
            type="checkbox"
            checked={scale === "used"}
            onChange={(event) => view.setScale(event.target.checked ? "used" : "linear")}
          />{" "}
          Used ranges only
        </label>
        <span className={`${styles.hint} ${styles.hovered} number`} aria-hidden>
          {hovered === undefined
            ? "Enter or a double click opens the disk after an entry."
            : placeText(hovered, sectorSize)}
        </span>
      </div>
    </div>
  );
}

function placeText({ entry, offset }: PlotPlace, sectorSize: number): string {
  const at = `entry ${decimal(entry)}`;
  if (offset === undefined) return at;
  return `${at}, sector ${decimal(Math.floor(offset / sectorSize))} (${hex(offset)})`;
}
