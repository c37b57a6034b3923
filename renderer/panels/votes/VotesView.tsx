// The vote map of an open quorum: what the majority says beside one copy, a strip for each copy on the ruler, and the
// list of ranges in which they differ.
import { type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { Group, Panel, Separator } from "react-resizable-panels";
import { useStore } from "zustand";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { EventsList } from "../../graph/EventsList.tsx";
import { NodesList } from "../../graph/NodesList.tsx";
import { HexPane } from "../../hex/HexPane.tsx";
import { OverviewRuler } from "../../hex/OverviewRuler.tsx";
import { useHexCommands } from "../../hex/useHexCommands.ts";
import { noEvents, useEvents } from "../../store/events.ts";
import type { ImageState } from "../../store/images.ts";
import { useJobs } from "../../store/jobs.ts";
import { saveLayout, usePrefs } from "../../store/prefs.ts";
import { useSurface } from "../../store/surface.ts";
import { type Tab, useView } from "../../store/view.ts";
import { FileBanner } from "../../widgets/FileBanner.tsx";
import { percent } from "../../widgets/format.ts";
import { OkIcon } from "../../widgets/icons.ts";
import { CloseListButton, ListTabs } from "../../widgets/ListTabs.tsx";
import { Notice } from "../../widgets/Notice.tsx";
import shared from "../../widgets/panel.module.css";
import compare from "../compare/compare.module.css";
import lists from "../compare/lists.module.css";
import { type Copy, copiesOf } from "./copies.ts";
import type { VoteScan } from "./scan.ts";
import type { VotesSession } from "./session.ts";
import { Copies, Toolbar } from "./Toolbar.tsx";
import { useVotePanes } from "./usePanes.ts";
import { useVotesCommands } from "./useVotesCommands.ts";
import { VoteList } from "./VoteList.tsx";
import { emptyText, headerText, newsText } from "./wording.ts";

interface VotesViewProps {
  readonly tab: Extract<Tab, { kind: "votes" }>;
  readonly session: VotesSession;
  readonly state: Extract<ImageState, { kind: "open" }>;
}

export function VotesView({ tab, session, state }: VotesViewProps) {
  const { image } = state;
  useEffect(() => session.attach(image), [session, image]);
  const { child, job, waiting, active } = useStore(session.store);
  useJobs(({ byId }) => (job === undefined ? undefined : byId[job]));
  usePrefs(({ bytesPerRow }) => bytesPerRow);
  const { scan } = session;
  const copies = useMemo(() => copiesOf(image, tab.node), [image, tab.node]);
  const caret = useStore(session.view, (hex) => hex.caret);
  const current = session.table.rowAt(caret);
  const { surfaces, marks, lanes } = useVotePanes(session, state, tab.node, copies, current);
  const surface = surfaces[active];
  useEffect(() => useSurface.getState().set(surface), [surface]);
  useEffect(() => () => useSurface.getState().set(undefined), []);
  useHexCommands(surface);
  useVotesCommands({
    session,
    scanKind: scan.kind,
    cancelled: scan.kind === "ended" && scan.cancelled,
    hasRows: session.table.count > 0,
    waiting,
  });
  const list = useRef<HTMLElement>(null);
  const panes = useRef<HTMLDivElement>(null);
  const toRange = (offset: number, open: boolean) => {
    if (!open) return session.peek(offset);
    session.goTo(offset);
    panes.current?.querySelector<HTMLElement>('[data-pane="b"] [role="grid"]')?.focus();
  };
  const pane = (side: "a" | "b", label: string) => (
    <Panel id={side} minSize={200}>
      <div className={shared.column} data-pane={side} onFocusCapture={() => session.setActive(side)}>
        <HexPane
          label={label}
          source={surfaces[side].source}
          rows={surfaces[side].rows}
          view={session.view}
          clusterSize={undefined}
          extent={surfaces[side].extent}
          marks={marks[side]}
        />
      </div>
    </Panel>
  );
  const copy = copies[child];
  return (
    <div className={shared.panel}>
      <Toolbar scan={scan} rows={session.table.count} current={current} />
      <Copies copies={copies} scan={scan} shown={child} onChoose={(chosen) => session.choose(chosen)} />
      {scan.kind === "scanning" && (
        <div className={compare.progress} aria-hidden>
          <span style={{ width: `${percent(scan.scannedTo, scan.total)}%` }} />
        </div>
      )}
      <FileBanner token={tab.token} />
      {scan.kind === "failed" && (
        <Notice tone="error">The votes could not be counted: {scan.error.message}.</Notice>
      )}
      <Rows
        list={
          <BottomPanel
            token={tab.token}
            image={image}
            scan={scan}
            copies={copies}
            current={current}
            votes={session.table.count}
          >
            <VoteList
              table={session.table}
              copies={copies}
              current={current}
              handle={list}
              onRange={toRange}
            />
          </BottomPanel>
        }
      >
        <div ref={panes} className={compare.panes}>
          <Group className={compare.pair}>
            {pane("a", "Majority")}
            <Separator className={compare.across} aria-label="Width of the panes" />
            {pane("b", copy === undefined ? "Copy" : [copy.name, copy.file].filter(Boolean).join(" "))}
          </Group>
          <OverviewRuler
            size={surfaces.a.extent}
            rows={surfaces.a.rows}
            view={session.view}
            lanes={lanes}
            scannedTo={scan.scannedTo}
          />
        </div>
      </Rows>
      <Announcer scan={scan} />
    </div>
  );
}

/** Panes above, lists below. */
function Rows({ list, children }: { list: ReactNode; children: ReactNode }) {
  const shown = useView((state) => state.shown.bottomPanel);
  const remembered = usePrefs.getState().layouts["votes-rows"];
  return (
    <Group
      orientation="vertical"
      className={compare.main}
      defaultLayout={shown ? (remembered ?? { panes: 66, list: 34 }) : { panes: 100 }}
      onLayoutChanged={(layout, { isUserInteraction }) =>
        isUserInteraction && saveLayout("votes-rows", layout)
      }
    >
      <Panel id="panes" minSize={120}>
        {children}
      </Panel>
      {shown && <Separator className={compare.down} aria-label="Height of the list" />}
      {shown && (
        <Panel id="list" defaultSize={`${remembered?.list ?? 34}%`} minSize={96}>
          <div className={shared.column} data-pane="list">
            {list}
          </div>
        </Panel>
      )}
    </Group>
  );
}

interface BottomPanelProps {
  readonly token: string;
  readonly image: OpenedImage;
  readonly scan: VoteScan;
  readonly copies: readonly Copy[];
  readonly current: number | undefined;
  /** Rows there are. */
  readonly votes: number;
  /** The list of ranges. */
  readonly children: ReactNode;
}

function BottomPanel({ token, image, scan, copies, current, votes, children }: BottomPanelProps) {
  const id = useId();
  const [tab, setTab] = useState<"votes" | "nodes" | "events">("votes");
  const { events, more } = useEvents(({ byImage }) => byImage[image.image] ?? noEvents);
  const { notListed } = scan.totals;
  return (
    <section className={lists.panel} aria-label="Results">
      <div className={lists.bar}>
        <ListTabs
          id={id}
          tab={tab}
          tabs={[
            { name: "votes", label: "Votes", count: votes },
            { name: "nodes", label: "Nodes", count: image.nodes.length },
            { name: "events", label: "Events", count: events.length + more },
          ]}
          onTab={setTab}
        />
        <p className={`${lists.summary} selectable`}>{tab === "votes" && headerText(scan, current)}</p>
        <CloseListButton />
      </div>
      {tab === "votes" && notListed > 0 && (
        <p className={lists.note}>
          The first {votes.toLocaleString("en-US")} ranges are listed; {notListed.toLocaleString("en-US")}{" "}
          more were counted.
        </p>
      )}
      <div className={lists.content} role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {tab === "nodes" && <NodesList token={token} image={image} shown="" />}
        {tab === "events" && <EventsList token={token} image={image} events={events} more={more} />}
        {tab === "votes" && (votes > 0 ? children : <Empty scan={scan} copies={copies.length} />)}
      </div>
    </section>
  );
}

function Empty({ scan, copies }: { scan: VoteScan; copies: number }) {
  const text = emptyText(scan, copies);
  const isSure = scan.kind === "ended" && !scan.cancelled;
  return (
    <div className={lists.empty}>
      {isSure ? (
        <strong>
          <OkIcon size={18} aria-hidden /> {text}
        </strong>
      ) : (
        text
      )}
    </div>
  );
}

/** Every ten percent and the end, politely. */
function Announcer({ scan }: { scan: VoteScan }) {
  const text = newsText(scan);
  const [said, setSaid] = useState("");
  const last = useRef<string>(undefined);
  useEffect(() => {
    // A scan that had ended before this view appeared is no news.
    const first = last.current === undefined;
    last.current = text;
    if (!first) setSaid(text);
  }, [text]);
  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {said}
    </div>
  );
}
