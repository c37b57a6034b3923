// The commands that work in every view: files, tabs, panes, side panels, theme, overlays.
// Panels register their own in a later layer, which wins.
import { useMemo } from "react";
import { call } from "../api.ts";
import { repeatJump, useJumps } from "../goto/jumps.ts";
import { noSnapshotsWhy } from "../imageFacts/snapshots.ts";
import { useLogs } from "../panels/timeline/session.ts";
import { whoWrote } from "../panels/timeline/whoWrote.ts";
import {
  activeFile,
  closeTab,
  compareByDialog,
  compareWith,
  openByDialog,
  openFiles,
  openImages,
  openLogByDialog,
  openRepair,
  reopenTab,
  showHex,
  showInComparison,
  showMap,
  showVotes,
  undoRepairByDialog,
} from "../shell/openFlows.ts";
import { cyclePane } from "../shell/panes.ts";
import { useApp } from "../store/app.ts";
import { useImages } from "../store/images.ts";
import { type choices, usePrefs } from "../store/prefs.ts";
import { type Surface, useSurface } from "../store/surface.ts";
import { compareTab, type Overlay, type Tab, tokensOf, useView } from "../store/view.ts";
import { type Runners, useCommands } from "./registry.ts";

const noTab = "No image is open";

/** Registers the app's commands while the app is mounted. */
export function useAppCommands(inspector: { readonly shown: boolean; toggle(): void }): void {
  useCommands(useFileCommands());
  useCommands(useTabCommands());
  useCommands(useViewCommands(inspector));
  useCommands(useImageCommands());
  useCommands(useThemeCommands());
  useCommands(usePositionCommands());
}

const show = (overlay: Overlay) => useView.getState().show(overlay);

function useFileCommands(): Runners {
  const sample = useApp((state) => state.info?.sample);
  const recents = useApp((state) => state.recent.length);
  return useMemo(
    () => ({
      "file.open": { run: () => void openByDialog() },
      "file.openAs": { run: () => show({ kind: "openAs" }) },
      "file.compareWith": { run: compareWith },
      "file.openLog": { run: () => void openLogByDialog() },
      "file.undoRepair": { run: () => void undoRepairByDialog() },
      "file.openSample": {
        run: () => sample && void openFiles([sample.a, sample.b], "compare"),
        disabled: sample ? undefined : "The sample pair is not installed",
      },
      "file.clearRecent": {
        run: () => void useApp.getState().clearRecent(),
        disabled: recents > 0 ? undefined : "The list is empty",
      },
    }),
    [sample, recents],
  );
}

function useTabCommands(): Runners {
  const tabs = useView((state) => state.tabs);
  const active = useView((state) => state.active);
  const canReopen = useView((state) => state.closed.length > 0);
  return useMemo(() => {
    const oneTab = tabs.length > 0 ? undefined : noTab;
    const step = (by: number) => () => {
      const index = tabs.findIndex((tab) => tab.id === active);
      const from = index < 0 ? (by > 0 ? -1 : 0) : index;
      useView.getState().activate(tabs[(from + by + tabs.length) % tabs.length]?.id);
    };
    return {
      "file.closeTab": {
        run: () => active !== undefined && closeTab(active),
        disabled: active === undefined ? noTab : undefined,
      },
      "file.reopenTab": { run: reopenTab, disabled: canReopen ? undefined : "No tab was closed" },
      "view.nextTab": { run: step(1), disabled: oneTab },
      "view.previousTab": { run: step(-1), disabled: oneTab },
      "view.welcome": { run: () => useView.getState().activate(undefined) },
      "view.hex": { run: () => goToHex(tabs, active), disabled: oneTab },
      "view.compare": { run: () => goToCompare(tabs) },
      "view.timeline": { run: () => goToTimeline(tabs, active) },
      "view.repair": { run: () => goToRepair(tabs, active) },
      "view.map": { run: () => goToMap(tabs), disabled: oneTab },
    };
  }, [tabs, active, canReopen]);
}

/** The active comparison's image as bytes, else the latest hex tab. */
function goToHex(tabs: readonly Tab[], active: string | undefined): void {
  const current = tabs.find((tab) => tab.id === active);
  const hex = tabs.findLast((tab) => tab.kind === "hex");
  if (current && current.kind !== "hex") showHex(current);
  else if (hex) useView.getState().activate(hex.id);
  else showHex(tabs.at(-1));
}

/** The map of the active tab's image, or the latest one. */
function goToMap(tabs: readonly Tab[]): void {
  const active = activeFile();
  const image = active && useImages.getState().byToken[active.token];
  if (image?.kind === "open") showMap(image.file.token, image.image);
  else {
    const map = tabs.findLast((tab) => tab.kind === "map");
    if (map) useView.getState().activate(map.id);
    else useView.getState().say("The image is not open yet");
  }
}

/** The latest comparison or vote map; else the two open images; else asks which. */
function goToCompare(tabs: readonly Tab[]): void {
  const compare = tabs.findLast((tab) => tab.kind === "compare" || tab.kind === "votes");
  const active = activeFile();
  const image = active && useImages.getState().byToken[active.token];
  if (!compare && active && image?.kind === "open" && showVotes(active.token, image.image)) return;
  const [a, b, ...more] = openImages();
  if (compare) useView.getState().activate(compare.id);
  else if (a && b && more.length === 0) useView.getState().openTab(compareTab(a.token, b.token));
  else if (a) compareWith();
  else void compareByDialog();
}

/** The latest timeline; without one, asks for a log. */
function goToTimeline(tabs: readonly Tab[], active: string | undefined): void {
  if (tabs.find((tab) => tab.id === active)?.kind === "timeline") return;
  const latest = tabs.findLast((tab) => tab.kind === "timeline");
  if (latest) useView.getState().activate(latest.id);
  else void openLogByDialog();
}

/** The repair of the active image; without one, the latest repair, else asks which image. */
function goToRepair(tabs: readonly Tab[], active: string | undefined): void {
  const current = tabs.find((tab) => tab.id === active);
  if (current?.kind === "repair" || current?.kind === "journal") return;
  const latest = tabs.findLast((tab) => tab.kind === "repair" || tab.kind === "journal");
  if (!activeFile() && latest) useView.getState().activate(latest.id);
  else void openRepair();
}

function useViewCommands(inspector: { readonly shown: boolean; toggle(): void }): Runners {
  const shown = useView((state) => state.shown);
  const hasTab = useView((state) => state.active !== undefined);
  const { shown: inspectorShown, toggle: toggleInspector } = inspector;
  return useMemo(
    () => ({
      "view.palette": { run: () => show({ kind: "palette", prefix: ">" }) },
      "view.quickOpen": { run: () => show({ kind: "palette", prefix: "" }) },
      "view.nextPane": { run: () => cyclePane(1) },
      "view.previousPane": { run: () => cyclePane(-1) },
      "view.sidebar": { run: () => useView.getState().toggle("sidebar"), checked: shown.sidebar },
      "view.inspector": {
        run: toggleInspector,
        checked: inspectorShown,
        disabled: hasTab ? undefined : noTab,
      },
      "view.settings": { run: () => show({ kind: "settings" }) },
      "view.textEncoding": { run: () => show({ kind: "textEncoding" }) },
      "help.keys": { run: () => show({ kind: "keys" }) },
      "help.about": { run: () => show({ kind: "about" }) },
    }),
    [shown.sidebar, inspectorShown, toggleInspector, hasTab],
  );
}

/** About the image of the active tab, A of a comparison. */
function useImageCommands(): Runners {
  const images = useImages((state) => state.byToken);
  const tabs = useView((state) => state.tabs);
  const active = useView((state) => state.active);
  return useMemo(() => {
    const tab = tabs.find(({ id }) => id === active);
    const token = tab && tokensOf(tab)[0];
    const state = token === undefined ? undefined : images[token];
    const noImage = state?.kind === "open" ? undefined : noTab;
    const image = state?.kind === "open" ? state.image : undefined;
    const noSnapshots = image && noSnapshotsWhy(image);
    return {
      "view.facts": {
        run: () => token !== undefined && show({ kind: "facts", token }),
        disabled: noImage,
      },
      "view.snapshots": {
        run: () => token !== undefined && show({ kind: "snapshots", token }),
        disabled: noImage ?? noSnapshots,
      },
    };
  }, [images, tabs, active]);
}

function useThemeCommands(): Runners {
  const theme = usePrefs((state) => state.theme);
  return useMemo(() => {
    const to = (value: (typeof choices.theme)[number]) => ({
      run: () => usePrefs.getState().set({ theme: value }),
      checked: theme === value,
    });
    return { "view.themeSystem": to("system"), "view.themeLight": to("light"), "view.themeDark": to("dark") };
  }, [theme]);
}

/** Commands about the bytes that have the caret, whichever panel shows them. */
function usePositionCommands(): Runners {
  const surface = useSurface((state) => state.surface);
  const hasRelative = useJumps((state) => state.lastRelative !== undefined);
  const images = useImages((state) => state.byToken);
  const hasLog = useLogs((state) => state.logs.length > 0);
  return useMemo(() => {
    const noBytes = surface ? undefined : Object.keys(images).length > 0 ? "No bytes are shown" : noTab;
    return {
      "edit.selectRange": { run: () => show({ kind: "selectRange" }), disabled: noBytes },
      "go.to": { run: () => show({ kind: "goto" }), disabled: noBytes },
      "compare.here": {
        run: () => surface && showCompared(surface),
        disabled: noBytes,
      },
      "map.here": {
        run: () => surface && void showInMap(surface),
        disabled: noBytes,
      },
      "timeline.here": {
        run: () => surface && void whoWrote(surface),
        disabled: noBytes ?? (hasLog ? undefined : "No log of writes is open"),
      },
      "go.repeat": {
        run: repeatJump,
        disabled: noBytes ?? (hasRelative ? undefined : "No relative jump was made yet"),
      },
    };
  }, [surface, hasRelative, images, hasLog]);
}

/** Shows the byte that has the caret in the comparison its image is in. */
function showCompared({ image, source, view, side, shift }: Surface): void {
  const { say } = useView.getState();
  if (side !== undefined) say("This is the comparison");
  else if (source.node !== "") say("Guest disks are compared: V turns to that of this image");
  else if (!showInComparison(image.file.token, view.getState().caret + shift)) {
    say(`${image.file.name} is not being compared`);
  }
}

/** Shows the byte that has the caret in the map of its file. */
async function showInMap({ image, source, view, shift }: Surface): Promise<void> {
  const { token } = image.file;
  const offset = view.getState().caret + shift;
  if (source.node === "file" || source.node.endsWith("/file")) {
    const node = source.node === "file" ? "" : source.node.slice(0, -"/file".length);
    return showMap(token, image, { node, offset });
  }
  const layers = await call("image:locate", { image: image.image, offset }).catch(() => []);
  const place = layers.find(({ hostOffset }) => hostOffset !== undefined);
  if (place?.hostOffset === undefined) {
    useView.getState().say("This byte is not stored in a file");
    return;
  }
  const node = "backing/".repeat(place.depth).replace(/\/$/, "");
  showMap(token, image, { node, offset: place.hostOffset });
}
