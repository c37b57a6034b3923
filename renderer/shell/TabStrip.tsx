// The strip of tabs: one Tab stop, arrows move between tabs, Delete and the middle button close.
// The close crosses are for the pointer only; a tab may hold no second control for assistive technology.
import type { LucideIcon } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, type WheelEvent } from "react";
import { flushSync } from "react-dom";
import { runCommand } from "../commands/registry.ts";
import { useImages } from "../store/images.ts";
import { type Tab, tokensOf, useView } from "../store/view.ts";
import {
  CloseIcon,
  ComparePairIcon,
  HexIcon,
  MapIcon,
  PlusIcon,
  RepairIcon,
  TimelineIcon,
  UndoIcon,
  VotesIcon,
} from "../widgets/icons.ts";
import { LongName } from "../widgets/LongName.tsx";
import { closeTab } from "./openFlows.ts";
import { panelId, tabId } from "./PanelHost.tsx";
import styles from "./TabStrip.module.css";
import { tabTitle } from "./title.ts";

export function TabStrip() {
  const tabs = useView((state) => state.tabs);
  const active = useView((state) => state.active);
  const list = useRef<HTMLDivElement>(null);
  const isEmpty = tabs.length === 0;
  useEffect(() => {
    if (isEmpty || !list.current) return;
    const observer = new ResizeObserver(([entry]) => showSelected(entry?.target));
    observer.observe(list.current);
    return () => observer.disconnect();
  }, [isEmpty]);
  if (isEmpty) return null;
  return (
    <div className={styles.strip} data-pane="tabs">
      <div
        ref={list}
        className={styles.tabs}
        role="tablist"
        aria-label="Open images"
        onWheel={scrollSideways}
      >
        {tabs.map((tab, index) => (
          <TabButton
            key={tab.id}
            tab={tab}
            selected={tab.id === active}
            reachable={tab.id === active || (active === undefined && index === 0)}
          />
        ))}
      </div>
      <button
        type="button"
        className={styles.add}
        aria-label="Start page: open another image"
        aria-current={active === undefined ? "page" : undefined}
        title="Open another image"
        onClick={() => runCommand("view.welcome")}
      >
        <PlusIcon size={16} aria-hidden />
      </button>
    </div>
  );
}

const icons: Readonly<Record<Tab["kind"], LucideIcon>> = {
  hex: HexIcon,
  compare: ComparePairIcon,
  votes: VotesIcon,
  map: MapIcon,
  timeline: TimelineIcon,
  repair: RepairIcon,
  journal: UndoIcon,
};

function TabButton({ tab, selected, reachable }: { tab: Tab; selected: boolean; reachable: boolean }) {
  const byToken = useImages((state) => state.byToken);
  const title = tabTitle(tab, (token) => byToken[token]?.file.name ?? "image");
  const folders = [...new Set(tokensOf(tab).map((token) => byToken[token]?.file.folder))];
  const element = useRef<HTMLDivElement>(null);
  const Icon = icons[tab.kind];
  useEffect(() => {
    if (selected) element.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [selected]);
  return (
    <div
      ref={element}
      id={tabId(tab.id)}
      role="tab"
      tabIndex={reachable ? 0 : -1}
      className={styles.tab}
      aria-selected={selected}
      aria-controls={selected ? panelId(tab.id) : undefined}
      aria-description="Delete closes the tab"
      title={`${title}\n${folders.filter(Boolean).join("\n")}`}
      onPointerDown={(event) => event.button === 0 && useView.getState().activate(tab.id)}
      // The focus goes to what the tab shows: arrows, Home and End are the bytes' then.
      onMouseDown={(event) => event.preventDefault()}
      onAuxClick={(event) => event.button === 1 && closeTab(tab.id)}
      onKeyDown={(event) => handleKey(event, tab.id)}
    >
      <Icon size={14} strokeWidth={1.75} aria-hidden />
      <LongName text={title} />
      {/* For the pointer only: Delete and Ctrl+W close by key. */}
      <span
        className={styles.close}
        aria-hidden
        title="Close tab"
        onPointerDown={(event) => event.stopPropagation()}
        onClick={() => closeTab(tab.id)}
      >
        <CloseIcon size={13} aria-hidden />
      </span>
    </div>
  );
}

/** The strip became narrower or wider: the tab that shows stays in sight. */
function showSelected(list: Element | undefined): void {
  list?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

/** Tabs beyond the strip's end come into sight by a wheel that turns one way only. */
function scrollSideways({ currentTarget, deltaX, deltaY }: WheelEvent<HTMLElement>): void {
  if (Math.abs(deltaY) > Math.abs(deltaX)) currentTarget.scrollLeft += deltaY;
}

function handleKey(event: KeyboardEvent<HTMLElement>, id: string): void {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { tabs, activate } = useView.getState();
  const index = tabs.findIndex((tab) => tab.id === id);
  const targets: Readonly<Record<string, number>> = {
    ArrowLeft: (index - 1 + tabs.length) % tabs.length,
    ArrowRight: (index + 1) % tabs.length,
    Home: 0,
    End: tabs.length - 1,
    Enter: index,
    " ": index,
  };
  const target = tabs[targets[event.key] ?? -1];
  if (event.key !== "Delete" && target === undefined) return;
  event.preventDefault();
  // The strip is drawn and has the focus before the next key, which may wait already.
  flushSync(() => (target === undefined ? closeTab(id) : activate(target.id)));
  const next = useView.getState().active;
  if (next !== undefined) document.getElementById(tabId(next))?.focus();
}
