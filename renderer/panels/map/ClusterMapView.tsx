// The cluster map of an open image: legend, grid, the card of the cluster at the cursor, and the problems below.
import { type ReactNode, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Group, Panel, Separator } from "react-resizable-panels";
import { useStore } from "zustand";
import type { MapPlace } from "../../../core/ops/mapRun.ts";
import type { MapCell } from "../../map/contract.ts";
import { Legend } from "../../map/Legend.tsx";
import { MapCanvas } from "../../map/MapCanvas.tsx";
import { TableView } from "../../map/TableView.tsx";
import { cellText } from "../../map/wording.ts";
import { ZoomCrumbs } from "../../map/ZoomCrumbs.tsx";
import { showNode } from "../../shell/openFlows.ts";
import type { ImageState } from "../../store/images.ts";
import { useJobs } from "../../store/jobs.ts";
import { saveLayout, usePrefs } from "../../store/prefs.ts";
import { type Tab, useView } from "../../store/view.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { FileBanner } from "../../widgets/FileBanner.tsx";
import { count, percent } from "../../widgets/format.ts";
import { Notice } from "../../widgets/Notice.tsx";
import shared from "../../widgets/panel.module.css";
import compare from "../compare/compare.module.css";
import { UnfinishedNotice } from "../repair/UnfinishedNotice.tsx";
import { BundleDialog } from "./BundleDialog.tsx";
import { ClusterCard } from "./ClusterCard.tsx";
import { GoToDialog } from "./GoToDialog.tsx";
import styles from "./map.module.css";
import { ProblemsPanel } from "./ProblemsPanel.tsx";
import { type MapSession, type ShownMap, scannedPercent } from "./session.ts";
import { Toolbar } from "./Toolbar.tsx";
import { useMapCommands } from "./useMapCommands.ts";

interface ClusterMapViewProps {
  readonly tab: Extract<Tab, { kind: "map" }>;
  readonly session: MapSession;
  readonly state: Extract<ImageState, { kind: "open" }>;
}

export function ClusterMapView({ tab, session, state }: ClusterMapViewProps) {
  const { image } = state;
  useEffect(() => session.attach(image), [session, image]);
  const { shown, asTable } = useStore(session.store);
  useJobs(({ byId }) => byId);
  const { scan } = session;
  useMapCommands(session, image);
  const isNarrow = useNarrow();
  const overlay = useView((view) => view.overlay?.kind);
  const isPartial = shown?.isComplete === false;
  const legend = <Legend view={session.view} summary={shown?.summary} isPartial={isPartial} />;
  return (
    <div className={shared.panel}>
      <Toolbar session={session} image={image} />
      <ScanLine session={session} />
      <FileBanner token={tab.token} />
      <UnfinishedNotice image={image} />
      {overlay === "mapGoTo" && shown && <GoToDialog session={session} shown={shown} />}
      {overlay === "bundle" && <BundleDialog image={image} node={tab.node} />}
      {isPartial && session.resting && <Stopped session={session} />}
      {shown?.isComplete && shown.summary.identity?.isChanged && (
        <Notice
          tone="warning"
          live
          actions={
            <button type="button" className="button" onClick={() => session.rescan()}>
              Scan again
            </button>
          }
        >
          Another program wrote to {image.file.name} while it was scanned. The map may show a part as it was
          before, and a part as it is now.
        </Notice>
      )}
      {shown !== undefined && scan?.state.kind === "failed" && (
        <Notice tone="error">
          The map could not be made again: {scan.state.error.message}. What shows is from before.
        </Notice>
      )}
      {shown !== undefined && scan?.state.kind === "cancelled" && (
        <Notice tone="info">You stopped the new scan before its end. What shows is from before.</Notice>
      )}
      {shown === undefined ? (
        <NoMap session={session} name={image.file.name} />
      ) : (
        <Rows
          list={
            <ProblemsPanel
              session={session}
              image={image}
              token={tab.token}
              legend={isNarrow ? legend : undefined}
            />
          }
        >
          <Columns
            legend={isNarrow ? undefined : legend}
            card={<ClusterCard session={session} image={image} token={tab.token} />}
          >
            <Grid session={session} tab={tab} state={state} asTable={asTable} shown={shown} />
          </Columns>
        </Rows>
      )}
    </div>
  );
}

/** Too narrow for three columns: the legend goes below. */
const narrow = window.matchMedia("(max-width: 1099px)");

function useNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      narrow.addEventListener("change", changed);
      return () => narrow.removeEventListener("change", changed);
    },
    () => narrow.matches,
  );
}

interface GridProps extends ClusterMapViewProps {
  readonly asTable: boolean;
  readonly shown: ShownMap;
}

function Grid({ session, tab, state, asTable, shown }: GridProps) {
  const { place, order } = useStore(session.store);
  const [hovered, setHovered] = useState<MapCell>();
  const { name } = state.file;
  const { summary, sources, isComplete } = shown;
  const source = (order === "guest" ? sources.guest : undefined) ?? sources.file;
  const open = ({ offset, length }: MapCell) => {
    const shownNode = order === "guest" ? tab.node : session.fileNode;
    const node = state.image.nodes.find(({ path }) => path === shownNode);
    if (node) showNode(tab.token, node, order === "guest" ? offset : session.openOffset(offset, length));
  };
  const known = place.kind === "known" ? place : undefined;
  const pointed = order === "file" ? known?.place : undefined;
  const selection = useMemo(() => pointed && { first: pointed.cluster, count: 1 }, [pointed]);
  const marked = useMemo(() => pointed && targetsOf(pointed, summary), [pointed, summary]);
  // What its bytes look like is not yet what it is.
  const isNamed = (cell: MapCell) => order === "file" && (isComplete || cell.kind !== "unknown");
  const nameOf = (cell: MapCell) =>
    isNamed(cell) && cell.cluster === known?.cell.cluster ? known.place.structure?.name : undefined;
  return (
    <div className={shared.column} data-pane="map">
      <ZoomCrumbs view={session.view} />
      {asTable ? (
        <TableView
          label={`Clusters of ${name} as a table`}
          source={source}
          view={session.view}
          onOpen={open}
        />
      ) : (
        <MapCanvas
          label={`Cluster map of ${name}`}
          source={source}
          view={session.view}
          summary={summaryText(shown)}
          space={order}
          selection={selection}
          {...(marked && { marked })}
          nameOf={nameOf}
          isNaming={order === "file" && place.kind === "loading"}
          onHover={setHovered}
          onCursor={(cell) => session.cursorAt(cell)}
          onOpen={open}
        />
      )}
      <p className={`${styles.hover} number`} aria-hidden>
        {hovered === undefined
          ? isComplete
            ? "Enter or a double click shows the bytes."
            : "Hatched cells are not scanned yet."
          : cellText(hovered, order, { isPartial: !isComplete })}
      </p>
    </div>
  );
}

/** Clusters of the file that a table refers to, for the eye: those listed. */
function targetsOf(
  { pointers }: MapPlace,
  { clusterSize, fileSize }: ShownMap["summary"],
): readonly number[] {
  const clusters = pointers.list.flatMap(({ target }) =>
    target && target.offset < fileSize ? [Math.floor(target.offset / clusterSize)] : [],
  );
  return [...new Set(clusters)];
}

/** Read when the grid gets the focus. */
function summaryText({ isComplete, summary }: ShownMap): string {
  const parts = [count(summary.clusters, "cluster")];
  if (!isComplete) return [...parts, "not all of them scanned yet"].join(", ");
  const { kinds, badEntries, extraReferences } = summary;
  const problems = badEntries + extraReferences;
  if (problems > 0) parts.push(count(problems, "problem"));
  if (kinds.leaked.clusters > 0) parts.push(count(kinds.leaked.clusters, "leaked cluster"));
  return parts.join(", ");
}

/** The scan stands still: what is known shows, and it can go on from there. */
function Stopped({ session }: { session: MapSession }) {
  // The button that was pressed is gone then.
  const act = (run: () => void) => () => {
    document.querySelector<HTMLElement>('[data-pane="map"] [tabindex="0"]')?.focus();
    run();
  };
  return (
    <Notice
      tone="info"
      live
      actions={
        <>
          <button type="button" className="button" onClick={act(() => void session.goOn())}>
            Go on
          </button>
          <button type="button" className="button" onClick={act(() => session.rescan())}>
            Scan again
          </button>
        </>
      }
    >
      You stopped the scan at {scannedPercent(session)} %. Hatched cells are not scanned yet, and there may be
      more problems than are listed.
    </Notice>
  );
}

/** While the first scan runs, was cancelled, or failed. */
function NoMap({ session, name }: { session: MapSession; name: string }) {
  const state = session.scan?.state;
  const retry = () => session.rescan();
  if (state?.kind === "failed") {
    return <ErrorState title={`Can't map ${name}`} error={state.error} onRetry={retry} />;
  }
  if (state?.kind === "cancelled") {
    return (
      <div className={styles.nothing} role="status">
        <p>The scan was cancelled before the tables were read: there is no map to show.</p>
        <button type="button" className="button primary" onClick={retry}>
          Scan again
        </button>
      </div>
    );
  }
  const hasBegun = state?.kind === "running" && state.progress !== undefined;
  return (
    <div className={styles.scanning} aria-busy>
      <p role="status">
        {session.resting ? "Stopping the scan of" : "Reading the tables of"} {name}…
        {hasBegun && ` ${scannedPercent(session)} %`}
      </p>
    </div>
  );
}

function ScanLine({ session }: { session: MapSession }) {
  const running = session.running;
  if (running?.state.kind !== "running") return null;
  const { progress } = running.state;
  return (
    <div className={compare.progress} aria-hidden>
      <span style={{ width: `${progress ? percent(progress.done, progress.total) : 0}%` }} />
    </div>
  );
}

/** Pixels. */
const widths = { legend: { usual: 276, least: 180, most: 480 }, card: { usual: 320, least: 220, most: 560 } };

/** Legend, grid and card side by side; legend and card keep their widths, which are remembered. */
function Columns(props: { legend: ReactNode; card: ReactNode; children: ReactNode }) {
  const remembered = usePrefs.getState().layouts["map-columns"];
  const seen = useRef<Record<string, number>>({});
  const side = (name: "legend" | "card", content: ReactNode) => (
    <Panel
      id={name}
      defaultSize={remembered?.[name] ?? widths[name].usual}
      minSize={widths[name].least}
      maxSize={widths[name].most}
      groupResizeBehavior="preserve-pixel-size"
      onResize={(size) => {
        seen.current[name] = Math.round(size.inPixels);
      }}
    >
      <div className={styles.side} data-pane={name}>
        {content}
      </div>
    </Panel>
  );
  return (
    <Group
      className={styles.columns}
      onLayoutChanged={(_layout, { isUserInteraction }) =>
        isUserInteraction && saveLayout("map-columns", seen.current)
      }
    >
      {props.legend && side("legend", props.legend)}
      {props.legend && <Separator className={compare.across} aria-label="Width of the legend" />}
      <Panel id="grid" minSize={220}>
        {props.children}
      </Panel>
      <Separator className={compare.across} aria-label="Width of the cluster card" />
      {side("card", props.card)}
    </Group>
  );
}

/** The map above, problems below. */
function Rows({ list, children }: { list: ReactNode; children: ReactNode }) {
  const shown = useView((state) => state.shown.bottomPanel);
  const remembered = usePrefs.getState().layouts["map-rows"];
  const box = useRef<HTMLDivElement>(null);
  return (
    <div ref={box} className={`${shared.column} ${styles.rows}`}>
      <Group
        orientation="vertical"
        className={compare.main}
        defaultLayout={shown ? (remembered ?? { map: 68, list: 32 }) : { map: 100 }}
        onLayoutChanged={(layout, { isUserInteraction }) =>
          isUserInteraction && saveLayout("map-rows", layout)
        }
      >
        <Panel id="map" minSize={160}>
          {children}
        </Panel>
        {shown && <Separator className={compare.down} aria-label="Height of the list" />}
        {shown && (
          <Panel id="list" defaultSize={`${remembered?.list ?? 32}%`} minSize={96}>
            <div className={shared.column} data-pane="list">
              {list}
            </div>
          </Panel>
        )}
      </Group>
    </div>
  );
}
