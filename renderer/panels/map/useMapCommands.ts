// The commands of a map while its tab shows.
import { useMemo } from "react";
import { useStore } from "zustand";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { useCommands } from "../../commands/registry.ts";
import { useImages } from "../../store/images.ts";
import { useJobs } from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { saveNumbers, savePicture } from "./exports.ts";
import { type MapSession, noGuestText } from "./session.ts";

/** Puts the focus on the first of what refers to the cluster at the cursor, once that is known. */
function showReferences({ store }: MapSession): void {
  const { place, shown } = store.getState();
  if (place.kind !== "loading") {
    focusReference(shown?.isComplete);
    return;
  }
  const stop = store.subscribe(({ place, shown }) => {
    if (place.kind === "loading") return;
    stop();
    // It is in the card with the next frame.
    requestAnimationFrame(() => focusReference(shown?.isComplete));
  });
}

function focusReference(isComplete: boolean | undefined): void {
  const first = document.querySelector<HTMLElement>('[data-pane="card"] [data-references] button');
  if (first) first.focus();
  else if (isComplete) useView.getState().say("Nothing refers to this cluster");
  else useView.getState().say("What refers to it is known when the scan is over");
}

export function useMapCommands(session: MapSession, image: OpenedImage): void {
  const { shown, asTable, version, order } = useStore(session.store);
  const listShown = useView((state) => state.shown.bottomPanel);
  const { view } = session;
  const isolated = useStore(view, (state) => state.isolated.size > 0);
  const running = useJobs(() => session.running !== undefined);
  const hasProblems = version > 0 && session.problems.count > 0;
  useCommands(
    useMemo(() => {
      const noMap = shown === undefined ? "There is no map yet" : undefined;
      const none = hasProblems ? undefined : "No problem is known";
      const next = { title: "Map: Next problem", run: () => session.step("next"), disabled: noMap };
      const previous = {
        title: "Map: Previous problem",
        run: () => session.step("previous"),
        disabled: noMap,
      };
      const zoom = (step: 1 | -1) => () => {
        if (!session.view.zoomBy(step))
          useView.getState().say(step === 1 ? "As near as it goes" : "All of it shows");
      };
      return {
        "compare.next": next,
        "compare.nextLetter": next,
        "compare.previous": previous,
        "compare.previousLetter": previous,
        "compare.first": { title: "Map: First problem", run: () => session.first(), disabled: none },
        "compare.last": { title: "Map: Last problem", run: () => session.last(), disabled: none },
        "compare.nextCluster": {
          title: "Map: Next problem in another cluster",
          run: () => session.stepCluster(),
          disabled: none,
        },
        "go.to": { run: () => useView.getState().show({ kind: "mapGoTo" }), disabled: noMap },
        "map.references": { run: () => showReferences(session), disabled: noMap },
        "compare.rescan": { title: "Map: Rescan", run: () => rescan(session, image) },
        "compare.cancel": {
          title: "Map: Stop the scan",
          run: () => session.cancel(),
          disabled: running ? undefined : "No scan is running",
        },
        "map.zoomIn": { run: zoom(1), disabled: noMap },
        "map.zoomOut": { run: zoom(-1), disabled: noMap },
        "map.fit": { run: () => session.view.zoomToFit(), disabled: noMap },
        "map.showAll": {
          run: () => session.view.showAll(),
          disabled: noMap ?? (isolated ? undefined : "All kinds are shown"),
        },
        "view.space": {
          run: () => {
            session.setOrder(order === "file" ? "guest" : "file");
            useView.getState().say(`Showing the ${order === "file" ? "guest's disk" : "file"}`);
          },
          disabled: noMap ?? (shown?.sources.guest ? undefined : noGuestText(shown)),
        },
        "map.table": { run: () => session.setTable(!asTable), checked: asTable, disabled: noMap },
        "map.picture": { run: () => void savePicture(session, image), disabled: noMap },
        "map.bundle": {
          run: () => useView.getState().show({ kind: "bundle" }),
          disabled:
            noMap ??
            (shown?.summary.hasTables ? undefined : "This image has no tables that a bundle could hold"),
        },
        "map.json": {
          run: () => void saveNumbers(session, image),
          disabled: noMap ?? (shown?.isComplete ? undefined : "The scan is not over"),
        },
        "view.bottomPanel": { run: () => useView.getState().toggle("bottomPanel"), checked: listShown },
      };
    }, [session, image, shown, asTable, order, isolated, running, hasProblems, listShown]),
  );
}

/** An image that changed is opened again, which starts the scan: all views then read it as it is now. */
function rescan(session: MapSession, { file }: OpenedImage): void {
  const { byToken, reload } = useImages.getState();
  const known = byToken[file.token];
  if (known?.kind === "open" && known.disk.kind === "changed") void reload(file.token);
  else session.rescan();
}
