// The timeline of a log: one canvas, one Tab stop over it, and words for those who do not see it. React lays this out;
// the painter does the rest, so that moving and zooming render no component.
import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { usePrefs } from "../store/prefs.ts";
import { CanvasTrouble } from "../widgets/CanvasTrouble.tsx";
import over from "../widgets/canvas.module.css";
import { usePainter } from "../widgets/usePainter.ts";
import type { TimelinePlotProps } from "./contract.ts";
import { attachPlotPointer, attachPlotWheel, handlePlotKey, type PlotTarget } from "./input.ts";
import { TimelinePainter } from "./painter.ts";
import styles from "./TimelinePlot.module.css";
import { keysHint, spokenText } from "./wording.ts";

export function TimelinePlot(props: TimelinePlotProps) {
  const { label, source, view, entry, covers, selection, bisect, notes, history, summary } = props;
  const addressBase = usePrefs((prefs) => prefs.addressBase);
  const id = useId();
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const surface = useRef<HTMLDivElement>(null);
  const painter = usePainter(area, canvas, (on) => new TimelinePainter(on));
  const [focused, setFocused] = useState(false);
  const latest = useRef(props);
  latest.current = props;

  useLayoutEffect(() => {
    painter?.setInput({
      source,
      view,
      entry,
      addressBase,
      covers,
      selection,
      history,
      ...(bisect && { bisect }),
      ...(notes && { notes }),
    });
  }, [painter, source, view, entry, addressBase, covers, selection, bisect, notes, history]);

  useLayoutEffect(() => painter?.setFocused(focused), [painter, focused]);

  const target = useCallback((): PlotTarget | undefined => {
    if (!painter) return undefined;
    const now = latest.current;
    return {
      view: now.view,
      source: now.source,
      entry: now.entry,
      selection: now.selection,
      select: now.onSelection && ((range) => latest.current.onSelection?.(range)),
      goTo: (to) => latest.current.onEntry(to),
      open: (at) => latest.current.onOpen?.(at),
      placeAt: (x, y) => painter.placeAt(x, y),
      anchorAt: (x, y) => painter.anchorAt(x, y),
      onAxis: (x) => painter.frame !== undefined && x * painter.frame.scale < painter.frame.left,
      hover: (place) => latest.current.onHover?.(place),
    };
  }, [painter]);
  useEffect(() => {
    if (!surface.current) return;
    const stopPointer = attachPlotPointer(surface.current, target);
    const stopWheel = attachPlotWheel(surface.current, target);
    return () => {
      stopPointer();
      stopWheel();
    };
  }, [target]);

  return (
    <div ref={area} className={styles.area}>
      <canvas ref={canvas} className={over.canvas} aria-hidden />
      <div
        ref={surface}
        className={`${over.surface} ${styles.surface}`}
        role="application"
        aria-roledescription="timeline"
        aria-label={label}
        aria-describedby={`${id}-summary ${id}-keys`}
        data-context="grid"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys: arrows move its entry
        tabIndex={0}
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
        onKeyDown={(event) => {
          const current = target();
          if (current && handlePlotKey(event.nativeEvent, current)) event.preventDefault();
        }}
      />
      <p id={`${id}-summary`} className="visually-hidden">
        {summary}
      </p>
      <p id={`${id}-keys`} className="visually-hidden">
        {keysHint}
      </p>
      <p className="visually-hidden" role="status" aria-live="polite" data-entry>
        {focused ? spokenText(props) : ""}
      </p>
      {painter && <Trouble painter={painter} />}
      {source.entries > 0 && source.diskSize === 0 && (
        <p className={styles.empty}>No entry of this log writes or discards anything.</p>
      )}
    </div>
  );
}

function Trouble({ painter }: { painter: TimelinePainter }) {
  const trouble = useStore(painter.store, (state) => state.trouble);
  if (!trouble) return null;
  return (
    <CanvasTrouble
      text={`Can't show this part of the log: ${trouble.message}`}
      onRetry={() => painter.retry()}
    />
  );
}
