// The cluster map: one canvas, one Tab stop over it, a scrollbar with the places of problems, and words for those who
// do not see it. React lays this out; the painter does the rest, so that scrolling renders no component.
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useStore } from "zustand";
import { plainRows } from "../hex/model.ts";
import { DownScrollbar } from "../hex/Scrollbars.tsx";
import { usePrefs } from "../store/prefs.ts";
import { CanvasTrouble } from "../widgets/CanvasTrouble.tsx";
import over from "../widgets/canvas.module.css";
import { usePainter } from "../widgets/usePainter.ts";
import type { MapCanvasProps, MapView } from "./contract.ts";
import { attachMapWheel, attachPointer, handleMapKey, type MapTarget } from "./input.ts";
import styles from "./MapCanvas.module.css";
import { MapPainter } from "./painter.ts";
import { cellText } from "./wording.ts";

export function MapCanvas(props: MapCanvasProps) {
  const { label, source, view, space, summary, selection, marked } = props;
  const addressBase = usePrefs((prefs) => prefs.addressBase);
  const id = useId();
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const strip = useRef<HTMLCanvasElement>(null);
  const surface = useRef<HTMLDivElement>(null);
  const painter = usePainter(area, canvas, (on) =>
    strip.current ? new MapPainter(on, strip.current) : undefined,
  );
  const [focused, setFocused] = useState(false);
  const latest = useRef(props);
  latest.current = props;

  // Before the input below, with which the first cells come.
  useLayoutEffect(
    () =>
      painter?.store.subscribe((now, before) => {
        const { onHover, onCursor } = latest.current;
        if (now.hovered !== before.hovered) onHover?.(now.hovered);
        if (now.cursor !== before.cursor && now.cursor) onCursor?.(now.cursor);
      }),
    [painter],
  );

  useLayoutEffect(() => {
    painter?.setInput({
      source,
      view,
      space,
      addressBase,
      ...(selection && { selection }),
      ...(marked && { marked }),
    });
  }, [painter, source, view, space, addressBase, selection, marked]);

  useLayoutEffect(() => painter?.setFocused(focused), [painter, focused]);

  const target = useCallback((): MapTarget | undefined => {
    if (!painter) return undefined;
    return {
      view: latest.current.view,
      scale: painter.scale,
      hit: (x, y) => painter.hit(x, y),
      point: (at) => painter.point(at),
      cursor: () => painter.cursor,
      open: (cell) => latest.current.onOpen?.(cell),
    };
  }, [painter]);
  useEffect(() => {
    if (!surface.current) return;
    const stopPointer = attachPointer(surface.current, target);
    const stopWheel = attachMapWheel(surface.current, target);
    return () => {
      stopPointer();
      stopWheel();
    };
  }, [target]);

  return (
    <div className={styles.pane}>
      <div ref={area} className={styles.area}>
        <canvas ref={canvas} className={over.canvas} aria-hidden />
        <div
          ref={surface}
          className={`${over.surface} ${styles.surface}`}
          role="application"
          aria-roledescription="cluster map"
          aria-label={label}
          aria-describedby={`${id}-summary`}
          data-context="grid"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys: arrows move its cursor
          tabIndex={0}
          onFocus={() => setFocused(true)}
          onBlur={() => setFocused(false)}
          onKeyDown={(event) => {
            const current = target();
            if (current && handleMapKey(event.nativeEvent, current)) event.preventDefault();
          }}
        />
        <p id={`${id}-summary`} className="visually-hidden">
          {summary}
        </p>
        {painter && <SpokenCell painter={painter} props={props} focused={focused} />}
        {painter && <Trouble painter={painter} />}
        {source.clusters === 0 && <p className={styles.empty}>This image is empty: 0 B.</p>}
      </div>
      <MapScrollbar view={view} strip={strip} />
    </div>
  );
}

interface SpokenCellProps {
  readonly painter: MapPainter;
  readonly props: MapCanvasProps;
  readonly focused: boolean;
}

/** A cell's kind and name come one after the other, shortly after the cursor: it is read out once, milliseconds. */
const settledMs = 150;
/** As long as its name is on its way; one that takes longer is read out when it comes. */
const namingMs = 2000;

/** The item at the cursor, read out while the map has the focus. */
function SpokenCell({ painter, props, focused }: SpokenCellProps) {
  const cell = useStore(painter.store, (state) => state.cursor);
  const { isNaming = false } = props;
  const isPartial = props.source.onGrowth !== undefined;
  const text = cell && focused ? cellText(cell, props.space, { name: props.nameOf?.(cell), isPartial }) : "";
  const [said, setSaid] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), isNaming ? namingMs : settledMs);
    return () => clearTimeout(timer);
  }, [text, isNaming]);
  return (
    <p className="visually-hidden" role="status" aria-live="polite" data-cell>
      {said}
    </p>
  );
}

function Trouble({ painter }: { painter: MapPainter }) {
  const trouble = useStore(painter.store, (state) => state.trouble);
  if (!trouble) return null;
  return (
    <CanvasTrouble
      text={`Can't read a part of the map, which is hatched: ${trouble.message}`}
      onRetry={() => painter.retry()}
    />
  );
}

interface MapScrollbarProps {
  readonly view: MapView;
  readonly strip: React.Ref<HTMLCanvasElement>;
}

function MapScrollbar({ view, strip }: MapScrollbarProps) {
  const layout = useStore(view, (state) => state.layout);
  const shape = useStore(view, (state) => state.shape);
  const addressBase = usePrefs((prefs) => prefs.addressBase);
  const rows = useMemo(() => {
    const bytesPerRow = (layout?.columns ?? 1) * (layout?.clustersPerCell ?? 1) * shape.clusterSize;
    return { ...plainRows(shape.fileSize, bytesPerRow), rowCount: Math.max(1, layout?.rowCount ?? 1) };
  }, [layout, shape]);
  return (
    <div className={styles.scrollbar}>
      <DownScrollbar
        view={view}
        rows={rows}
        shift={0}
        clusterSize={shape.clusterSize}
        addressBase={addressBase}
      />
      <canvas ref={strip} className={styles.strip} aria-hidden />
    </div>
  );
}
