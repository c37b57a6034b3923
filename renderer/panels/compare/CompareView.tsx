// A comparison of two open images: toolbar, notices, two hex panes with the ruler, and the list below.
import { type Ref, useEffect, useMemo, useRef } from "react";
import { Group, Panel, Separator } from "react-resizable-panels";
import { useStore } from "zustand";
import { HexPane } from "../../hex/HexPane.tsx";
import { OverviewRuler } from "../../hex/OverviewRuler.tsx";
import { useHexCommands } from "../../hex/useHexCommands.ts";
import type { ImageState } from "../../store/images.ts";
import { useJobs } from "../../store/jobs.ts";
import { saveLayout, usePrefs } from "../../store/prefs.ts";
import { useSurface } from "../../store/surface.ts";
import { type Tab, useView } from "../../store/view.ts";
import { percent } from "../../widgets/format.ts";
import shared from "../../widgets/panel.module.css";
import { MismatchWriters } from "../timeline/MismatchWriters.tsx";
import { BottomPanel } from "./BottomPanel.tsx";
import styles from "./compare.module.css";
import { ExportDialog } from "./ExportDialog.tsx";
import { Notices } from "./Notices.tsx";
import { ScanAnnouncer } from "./ScanAnnouncer.tsx";
import { ShiftDialog } from "./ShiftDialog.tsx";
import type { Scan } from "./scan.ts";
import type { CompareSession, Pair, Side } from "./session.ts";
import { Toolbar } from "./Toolbar.tsx";
import { useCompareCommands } from "./useCompareCommands.ts";
import { useLanes, useMarks, useSurfaces } from "./usePanes.ts";

type OpenState = Extract<ImageState, { kind: "open" }>;

interface CompareViewProps {
  readonly tab: Extract<Tab, { kind: "compare" }>;
  readonly session: CompareSession;
  readonly a: OpenState;
  readonly b: OpenState;
}

export function CompareView({ tab, session, a, b }: CompareViewProps) {
  const pair: Pair = useMemo(() => ({ a: a.image, b: b.image }), [a.image, b.image]);
  useEffect(() => session.attach(pair), [session, pair]);
  useEffect(() => {
    if (a.disk.kind !== "same" || b.disk.kind !== "same") session.markStale();
  }, [session, a.disk, b.disk]);

  const state = useStore(session.store);
  const { locked, folded, strict, shift, version, stale, waiting, rows } = state;
  useJobs(({ byId }) => (state.job === undefined ? undefined : byId[state.job]));
  const { scan } = session;
  const listShown = useView(({ shown }) => shown.bottomPanel);
  const overlay = useView((view) => view.overlay?.kind);
  const view = session.activeView;
  const caret = useStore(view, (hex) => hex.caret);
  const current = session.table.rowAt(caret);

  const surfaces = useSurfaces(session, a, b, rows, shift, locked);
  const surface = surfaces[state.active];
  useEffect(() => useSurface.getState().set(surface), [surface]);
  useEffect(() => () => useSurface.getState().set(undefined), []);

  const clusters = useMemo(
    () => ({ a: surfaces.a.clusterSize, b: surfaces.b.clusterSize, shift }),
    [surfaces.a.clusterSize, surfaces.b.clusterSize, shift],
  );
  const changed = useMemo(
    () => [a, b].filter(({ disk }) => disk.kind === "changed").map(({ file }) => file.token),
    [a, b],
  );
  const missing = [a, b].find(({ disk }) => disk.kind === "missing")?.file.name;
  useHexCommands(surface);
  useCompareCommands({
    session,
    tab,
    scanKind: scan.kind,
    cancelled: scan.kind === "ended" && scan.cancelled,
    hasRows: session.table.count > 0,
    locked,
    folded,
    strict,
    waiting,
    listShown,
    changed,
    missing,
    clusterSize: larger(clusters.a, clusters.b),
  });

  const panes = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLElement>(null);
  const toOffset = (offset: number, open: boolean) => {
    if (!open) return session.peek(offset);
    session.goTo(offset);
    focusPane(panes.current, state.active);
  };
  return (
    <div className={shared.panel}>
      <Toolbar
        scan={scan}
        rows={session.table.count}
        current={current}
        locked={locked}
        shift={shift}
        onClearShift={() => session.setShift(0)}
      />
      <Progress scan={scan} />
      <Notices session={session} scan={scan} a={a} b={b} stale={stale} listShown={listShown} />
      <SplitView
        listShown={listShown}
        bottom={
          <div className={shared.column} data-pane="list">
            <BottomPanel
              session={session}
              scan={scan}
              version={version}
              stale={stale}
              current={current}
              clusters={clusters}
              handle={list}
              writers={
                <MismatchWriters
                  pair={pair}
                  offset={current === undefined ? undefined : caret}
                  shift={shift}
                />
              }
              onOffset={toOffset}
            />
          </div>
        }
      >
        <Panes
          handle={panes}
          session={session}
          surfaces={surfaces}
          current={current}
          scannedTo={scan.scannedTo}
          stale={stale}
        />
      </SplitView>
      <ScanAnnouncer scan={scan} />
      {overlay === "shift" && <ShiftDialog session={session} pair={pair} />}
      {overlay === "export" && <ExportDialog session={session} pair={pair} />}
    </div>
  );
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

function focusPane(panes: HTMLElement | null, side: Side): void {
  panes
    ?.querySelector<HTMLElement>(`[data-pane="${side}"] [role="grid"], [data-pane="${side}"] [tabindex="0"]`)
    ?.focus();
}

function Progress({ scan }: { scan: Scan }) {
  if (scan.kind !== "scanning") return null;
  return (
    <div className={styles.progress} aria-hidden>
      <span style={{ width: `${percent(scan.phase?.done ?? scan.scannedTo, scan.total)}%` }} />
    </div>
  );
}

interface SplitViewProps {
  readonly listShown: boolean;
  readonly bottom: React.ReactNode;
  readonly children: React.ReactNode;
}

/** Panes above, list below, both resizable; the list's height is remembered. */
function SplitView({ listShown, bottom, children }: SplitViewProps) {
  const remembered = usePrefs.getState().layouts["compare-rows"];
  return (
    <Group
      orientation="vertical"
      className={styles.main}
      defaultLayout={listShown ? (remembered ?? { panes: 68, list: 32 }) : { panes: 100 }}
      onLayoutChanged={(layout, { isUserInteraction }) =>
        isUserInteraction && saveLayout("compare-rows", layout)
      }
    >
      <Panel id="panes" minSize={120}>
        {children}
      </Panel>
      {listShown && <Separator className={styles.down} aria-label="Height of the list" />}
      {listShown && (
        <Panel id="list" defaultSize={`${remembered?.list ?? 32}%`} minSize={96}>
          {bottom}
        </Panel>
      )}
    </Group>
  );
}

interface PanesProps {
  readonly handle: Ref<HTMLDivElement>;
  readonly session: CompareSession;
  readonly surfaces: ReturnType<typeof useSurfaces>;
  readonly current: number | undefined;
  readonly scannedTo: number;
  readonly stale: boolean;
}

function Panes({ handle, session, surfaces, current, scannedTo, stale }: PanesProps) {
  const { rows, version, active } = useStore(session.store);
  const marks = useMarks(session, surfaces, version, current, scannedTo);
  const lanes = useLanes(session, version);
  const remembered = usePrefs.getState().layouts["compare-columns"];
  const pane = (side: Side) => (
    <Panel id={side} minSize={200}>
      <div className={shared.column} data-pane={side} onFocusCapture={() => session.setActive(side)}>
        <HexPane
          label={`${side.toUpperCase()} ${surfaces[side].image.file.name}`}
          source={surfaces[side].source}
          rows={rows}
          view={surfaces[side].view}
          shift={surfaces[side].shift}
          clusterSize={surfaces[side].clusterSize}
          extent={surfaces[side].extent}
          marks={marks[side]}
          onUnfold={(offset) => session.unfoldAt(offset)}
        />
      </div>
    </Panel>
  );
  return (
    <div ref={handle} className={`${styles.panes} ${stale ? styles.stale : ""}`}>
      <Group
        className={styles.pair}
        {...(remembered && { defaultLayout: remembered })}
        onLayoutChanged={(layout, { isUserInteraction }) =>
          isUserInteraction && saveLayout("compare-columns", layout)
        }
      >
        {pane("a")}
        <Separator className={styles.across} aria-label="Width of the panes" />
        {pane("b")}
      </Group>
      <OverviewRuler
        size={surfaces.a.extent}
        rows={rows}
        view={surfaces[active].view}
        lanes={lanes}
        scannedTo={scannedTo}
      />
    </div>
  );
}
