// The window: rail, sidebar, tabs with the active panel, inspector, status bar, and what lies over them.
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useState } from "react";
import styles from "./App.module.css";
import { useAppCommands } from "./commands/appCommands.ts";
import { GoToBar } from "./goto/GoToBar.tsx";
import { inspectorPart } from "./parts.ts";
import { Banners } from "./shell/Banners.tsx";
import { Columns } from "./shell/Columns.tsx";
import { DropOverlay } from "./shell/DropOverlay.tsx";
import { Overlays } from "./shell/Overlays.tsx";
import { PanelBoundary, PanelHost } from "./shell/PanelHost.tsx";
import { Rail } from "./shell/Rail.tsx";
import { Sidebar } from "./shell/Sidebar.tsx";
import { StatusBar } from "./shell/StatusBar.tsx";
import { TabStrip } from "./shell/TabStrip.tsx";
import { nameOfToken, tabTitle } from "./shell/title.ts";
import { type Tab, useView } from "./store/view.ts";
import { Welcome } from "./welcome/Welcome.tsx";

/** Below this width the inspector is a drawer over the panel. */
const narrow = window.matchMedia("(max-width: 1099px)");

export function App() {
  const tab = useView((state) => state.tabs.find((candidate) => candidate.id === state.active));
  const sidebar = useView((state) => state.shown.sidebar);
  const isGoingTo = useView((state) => state.overlay?.kind === "goto");
  const inspector = useInspector(tab === undefined || tab.kind === "hex" ? "inspector" : "compareInspector");
  useAppCommands(inspector);
  const inspectorView = tab && hasBytes(tab) && inspector.shown && (
    <PanelBoundary>
      <inspectorPart.Component />
    </PanelBoundary>
  );
  return (
    <div className={styles.app}>
      <div className={styles.body}>
        <Rail />
        <Columns left={sidebar && <Sidebar />} right={!inspector.drawer && inspectorView}>
          {tab && <h1 className="visually-hidden">{tabTitle(tab, nameOfToken)}</h1>}
          <TabStrip />
          <Banners />
          <div className={styles.main}>
            {tab ? <PanelHost key={tab.id} tab={tab} /> : <Welcome />}
            {inspector.drawer && inspectorView && <Drawer onClose={inspector.toggle}>{inspectorView}</Drawer>}
            {isGoingTo && <GoToBar />}
          </div>
        </Columns>
      </div>
      <StatusBar />
      <Overlays />
      <DropOverlay />
    </div>
  );
}

/** Whether the inspector has bytes to speak of; a map has a card of its own. */
const hasBytes = ({ kind }: Tab) => kind === "hex" || kind === "compare" || kind === "votes";

/** The inspector over the panel; Esc closes it. */
function Drawer({ onClose, children }: { onClose(): void; children: ReactNode }) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    onClose();
  };
  return (
    <section className={styles.drawer} aria-label="Inspector drawer" onKeyDown={onKeyDown}>
      {children}
    </section>
  );
}

/** Whether the inspector shows and how: a column that stays, or, in a narrow window, a drawer opened on demand. */
function useInspector(column: "inspector" | "compareInspector"): {
  readonly shown: boolean;
  readonly drawer: boolean;
  toggle(): void;
} {
  const [drawer, setDrawer] = useState(narrow.matches);
  const [opened, setOpened] = useState(false);
  const columnShown = useView((state) => state.shown[column]);
  useEffect(() => {
    const update = () => setDrawer(narrow.matches);
    narrow.addEventListener("change", update);
    return () => narrow.removeEventListener("change", update);
  }, []);
  const toggle = useCallback(() => {
    if (drawer) setOpened((before) => !before);
    else useView.getState().toggle(column);
  }, [drawer, column]);
  return { shown: drawer ? opened : columnShown, drawer, toggle };
}
