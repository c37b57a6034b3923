// A log of writes on the screen: minimap and plot above, the entry table and the detail of the entry at the scrub line
// below, all of the same entry.
import { type ReactNode, useEffect, useRef } from "react";
import { Group, Panel, Separator } from "react-resizable-panels";
import { useStore } from "zustand";
import type { ImageState } from "../../store/images.ts";
import { useJobs } from "../../store/jobs.ts";
import { saveLayout, usePrefs } from "../../store/prefs.ts";
import { useSurface } from "../../store/surface.ts";
import { type Tab, useView } from "../../store/view.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { bytesPerSecond, percent } from "../../widgets/format.ts";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import shared from "../../widgets/panel.module.css";
import compare from "../compare/compare.module.css";
import { Detail } from "./Detail.tsx";
import { Dialogs } from "./Dialogs.tsx";
import { EntryTable } from "./EntryTable.tsx";
import { FilterField } from "./FilterField.tsx";
import { Notices } from "./Notices.tsx";
import { PlotPane } from "./PlotPane.tsx";
import { canRecover } from "./problems.ts";
import type { TimelineSession } from "./session.ts";
import { showState } from "./states.ts";
import { Toolbar } from "./Toolbar.tsx";
import styles from "./timeline.module.css";
import { useTimelineCommands } from "./useTimelineCommands.ts";
import { totalsText } from "./wording.ts";

interface TimelineViewProps {
  readonly tab: Extract<Tab, { kind: "timeline" }>;
  readonly session: TimelineSession;
  readonly state: Extract<ImageState, { kind: "open" }>;
}

export function TimelineView({ tab, session, state }: TimelineViewProps) {
  const { image } = state;
  useEffect(() => session.attach(image), [session, image]);
  // No bytes have the caret here.
  useEffect(() => useSurface.getState().set(undefined), []);
  useEffect(() => () => session.playback.pause(), [session]);
  const { shown, asTable } = useStore(session.store);
  useJobs(({ byId }) => byId);
  useTimelineCommands(session);
  return (
    <div className={shared.panel}>
      <Toolbar session={session} />
      <ReadLine session={session} />
      <Notices session={session} token={tab.token} />
      {shown === undefined || shown.summary.entries === 0 ? (
        <NoEntries session={session} name={image.file.name} />
      ) : (
        <Rows list={<Lists session={session} name={image.file.name} />}>
          {!asTable && (
            <PlotPane
              session={session}
              name={image.file.name}
              onOpen={() => void showState(session, "hex")}
            />
          )}
        </Rows>
      )}
      <Announcer session={session} />
      <Dialogs session={session} />
    </div>
  );
}

function ReadLine({ session }: { session: TimelineSession }) {
  const state = session.job?.state;
  if (state?.kind !== "running") return null;
  return (
    <div className={compare.progress} aria-hidden>
      <span
        style={{ width: `${state.progress ? percent(state.progress.done, state.progress.total) : 0}%` }}
      />
    </div>
  );
}

/** While the log is being read, was cancelled, can't be read, or has nothing in it. */
function NoEntries({ session, name }: { session: TimelineSession; name: string }) {
  const { shown, recovering } = useStore(session.store);
  const state = session.job?.state;
  const retry = () => session.rescan();
  if (state?.kind === "failed") {
    return <ErrorState title={`Can't read ${name}`} error={state.error} onRetry={retry} />;
  }
  if (state?.kind === "cancelled") {
    return (
      <div className={styles.nothing} role="status">
        <p>Reading was cancelled before the log's end: there are no entries to show.</p>
        <button type="button" className="button primary" onClick={retry}>
          Read again
        </button>
      </div>
    );
  }
  if (state?.kind === "running" || shown === undefined) {
    const progress = state?.kind === "running" ? state.progress : undefined;
    const rate = state?.kind === "running" ? state.rate : undefined;
    if (progress === undefined) return <LoadingState label={`Reading ${name}`} />;
    return (
      <div className={styles.nothing} aria-busy>
        <p role="status">
          Reading {name}… {percent(progress.done, progress.total)} %
          {rate?.readPerSecond !== undefined && `, ${bytesPerSecond(rate.readPerSecond)}`}
        </p>
      </div>
    );
  }
  const { end } = shown.summary;
  return (
    <div className={styles.nothing} role="status">
      <p>{end.kind === "complete" || end.kind === "growing" ? "The log has no entries yet." : end.message}</p>
      <button type="button" className="button" onClick={retry}>
        Read again
      </button>
      {canRecover(end.kind) && (
        <button type="button" className="button" disabled={recovering} onClick={() => void session.recover()}>
          {recovering ? "Looking…" : "Look for entries in it"}
        </button>
      )}
      {!canRecover(end.kind) && (
        <button type="button" className="button" onClick={() => session.follower.start()}>
          Follow it
        </button>
      )}
    </div>
  );
}

/** Pixels. */
const widths = { usual: 400, least: 260, most: 720 };
/** Of a narrow window the detail takes no more than this share. */
const usualShare = 0.38;

/** The table beside the detail, which keeps its width. */
function Lists({ session, name }: { session: TimelineSession; name: string }) {
  const remembered = usePrefs.getState().layouts["timeline-columns"];
  const seen = useRef<Record<string, number>>({});
  return (
    <Group
      className={styles.columns}
      onLayoutChanged={(_layout, { isUserInteraction }) =>
        isUserInteraction && saveLayout("timeline-columns", seen.current)
      }
    >
      <Panel id="entries" minSize={280}>
        <div className={shared.column} data-pane="entries">
          <div className={styles.filterBar}>
            <FilterField session={session} />
          </div>
          <EntryTable
            session={session}
            label={`Entries of ${name}`}
            onOpen={() => void showState(session, "hex")}
          />
        </div>
      </Panel>
      <Separator className={compare.across} aria-label="Width of the detail" />
      <Panel
        id="detail"
        defaultSize={remembered?.detail ?? Math.min(widths.usual, usualShare * window.innerWidth)}
        minSize={widths.least}
        maxSize={widths.most}
        groupResizeBehavior="preserve-pixel-size"
        onResize={(size) => {
          seen.current.detail = Math.round(size.inPixels);
        }}
      >
        <div className={shared.column} data-pane="detail">
          <Detail session={session} />
        </div>
      </Panel>
    </Group>
  );
}

/** The plot above, the lists below. */
function Rows({ list, children }: { list: ReactNode; children: ReactNode }) {
  const shown = useView((state) => state.shown.bottomPanel) || !children;
  const remembered = usePrefs.getState().layouts["timeline-rows"];
  return (
    <div className={`${shared.column} ${styles.rows}`}>
      <Group
        orientation="vertical"
        className={compare.main}
        defaultLayout={shown ? (remembered ?? { plot: 46, lists: 54 }) : { plot: 100 }}
        onLayoutChanged={(layout, { isUserInteraction }) =>
          isUserInteraction && saveLayout("timeline-rows", layout)
        }
      >
        {children && (
          <Panel id="plot" minSize={120}>
            {children}
          </Panel>
        )}
        {children && shown && <Separator className={compare.down} aria-label="Height of the lists" />}
        {shown && (
          <Panel id="lists" defaultSize={`${remembered?.lists ?? 54}%`} minSize={140}>
            {list}
          </Panel>
        )}
      </Group>
    </div>
  );
}

/** For assistive technology: how reading ended. The entry at the scrub line is told by the plot and the table. */
function Announcer({ session }: { session: TimelineSession }) {
  const { shown } = useStore(session.store);
  return (
    <p className="visually-hidden" role="status">
      {shown && totalsText(shown.summary)}
    </p>
  );
}
