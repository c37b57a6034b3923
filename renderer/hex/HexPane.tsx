// A hex pane: one canvas, an accessible grid over it, its own scrollbars, and a word about what can't be read.
// React lays this out; the painter does the rest, so that scrolling renders no component.
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef } from "react";
import { useStore } from "zustand";
import { useShallow } from "zustand/react/shallow";
import { pages } from "../pageCache.ts";
import { usePrefs } from "../store/prefs.ts";
import over from "../widgets/canvas.module.css";
import { decimal, hex } from "../widgets/format.ts";
import { WarningIcon } from "../widgets/icons.ts";
import { LongName } from "../widgets/LongName.tsx";
import { RetryButton } from "../widgets/RetryButton.tsx";
import { usePainter } from "../widgets/usePainter.ts";
import type { HexPaneProps } from "./contract.ts";
import styles from "./HexPane.module.css";
import { attachMouse, attachWheel, handleKey, type InputTarget } from "./input.ts";
import { sectorSize } from "./labels.ts";
import { HexPainter, type PanePrefs, type Trouble } from "./painter.ts";
import { DownScrollbar, SidewaysScrollbar } from "./Scrollbars.tsx";

export function HexPane(props: HexPaneProps) {
  const { label, source, rows, view, shift = 0, clusterSize, extent } = props;
  const prefs = usePrefs(
    useShallow(
      ({ group, rowHeight, addressBase, boundaries, encoding, bytesPerRow }): PanePrefs => ({
        group,
        rowHeight,
        addressBase,
        boundaries,
        encoding,
        bytesPerRow,
      }),
    ),
  );
  const id = useId();
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const painter = usePainter(area, canvas, (on) =>
    grid.current ? new HexPainter(on, grid.current, id) : undefined,
  );
  const latest = useRef(props);
  latest.current = props;

  useLayoutEffect(() => {
    const { label: _label, onUnfold: _onUnfold, ...input } = props;
    painter?.setInput({ ...input, prefs });
  });

  const target = useCallback((): InputTarget | undefined => {
    if (!painter) return undefined;
    const now = latest.current;
    return {
      view: now.view,
      rows: now.rows,
      extent: now.extent,
      clusterSize: now.clusterSize,
      rowHeight: painter.rowHeight,
      hit: (x, y) => painter.hit(x, y),
      scrollXBy: (by) => painter.scrollXTo(painter.store.getState().scrollX + by * painter.scale),
      onUnfold: now.onUnfold?.bind(now),
    };
  }, [painter]);
  useEffect(() => {
    if (!grid.current || !area.current) return;
    const stopMouse = attachMouse(grid.current, target);
    const stopWheel = attachWheel(area.current, target);
    return () => {
      stopMouse();
      stopWheel();
    };
  }, [target]);

  return (
    <div className={styles.pane}>
      <div className={styles.head}>
        <LongName text={label} className={styles.name} title={label} />
        {painter && <TroubleNote painter={painter} key={`${source.image}/${source.generation}`} />}
      </div>
      <div className={styles.body}>
        <div ref={area} className={styles.area}>
          <canvas ref={canvas} className={over.canvas} aria-hidden />
          {/* biome-ignore lint/a11y/useSemanticElements: rows and cells lie over a canvas, not in a table */}
          <div
            ref={grid}
            className={styles.grid}
            role="grid"
            aria-label={`${label}, bytes`}
            aria-multiselectable
            aria-readonly
            aria-busy={extent === 0 || undefined}
            tabIndex={0}
            onFocus={() => painter?.setFocused(true)}
            onBlur={() => painter?.setFocused(false)}
            onKeyDown={(event) => {
              const current = target();
              if (current && handleKey(event.nativeEvent, current)) event.preventDefault();
            }}
          />
          {extent === 0 && <p className={styles.empty}>This image is empty: 0 B.</p>}
        </div>
        <DownScrollbar
          view={view}
          rows={rows}
          shift={shift}
          clusterSize={clusterSize}
          addressBase={prefs.addressBase}
        />
      </div>
      {painter && <SidewaysScrollbar painter={painter} />}
    </div>
  );
}

/** Says beside the name what of the visible bytes can't be read, and offers to try again. */
function TroubleNote({ painter }: { painter: HexPainter }) {
  const trouble = useStore(painter.store, (state) => state.trouble);
  const text = useMemo(() => trouble && troubleText(trouble), [trouble]);
  if (!trouble || text === undefined) return null;
  return (
    <>
      <span className={styles.trouble} role="status" title={text}>
        <WarningIcon size={14} aria-hidden />
        <span className="selectable">{text}</span>
      </span>
      <RetryButton onRetry={() => pages.retry(trouble.source, trouble.pages)} />
    </>
  );
}

/** "Can't read sector 2,048 (0x100000): the drive reported an I/O error." The image's name stands beside it. */
function troubleText({ offset, length, message }: Trouble): string {
  const sector = Math.floor(offset / sectorSize);
  const last = Math.floor((offset + Math.max(1, length) - 1) / sectorSize);
  const which =
    last > sector ? `sectors ${decimal(sector)} to ${decimal(last)}` : `sector ${decimal(sector)}`;
  return `Can't read ${which} (${hex(offset)}): ${message}.`;
}
