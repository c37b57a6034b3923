// The commands of a comparison while its tab shows: stepping, panes, scan, export.
import { useMemo } from "react";
import { type Runners, useCommands } from "../../commands/registry.ts";
import { useImages } from "../../store/images.ts";
import { type Tab, useView } from "../../store/view.ts";
import type { Scan } from "./scan.ts";
import type { CompareSession } from "./session.ts";
import { swapSides } from "./sessions.ts";

interface CompareCommandFacts {
  readonly session: CompareSession;
  readonly tab: Extract<Tab, { kind: "compare" }>;
  readonly scanKind: Scan["kind"];
  readonly cancelled: boolean;
  readonly hasRows: boolean;
  readonly locked: boolean;
  readonly folded: boolean;
  readonly strict: boolean;
  readonly waiting: boolean;
  readonly listShown: boolean;
  /** Tokens of the images that changed on disk. */
  readonly changed: readonly string[];
  /** Name of an image whose file is gone. */
  readonly missing: string | undefined;
  /** The larger cluster size of the two images; undefined when neither has clusters. */
  readonly clusterSize: number | undefined;
}

export function useCompareCommands(facts: CompareCommandFacts): void {
  useCommands(useStepCommands(facts));
  useCommands(usePaneCommands(facts));
  useCommands(useScanCommands(facts));
}

function useStepCommands({ session, hasRows, clusterSize }: CompareCommandFacts): Runners {
  return useMemo(() => {
    const next = { title: "Compare: Next difference", run: () => session.step("next") };
    const previous = { title: "Compare: Previous difference", run: () => session.step("previous") };
    const none = hasRows ? undefined : "No difference is known yet";
    const noClusters = clusterSize === undefined ? "Neither image has clusters" : undefined;
    return {
      "compare.next": next,
      "compare.nextLetter": next,
      "compare.previous": previous,
      "compare.previousLetter": previous,
      "compare.first": { title: "Compare: First difference", run: () => session.first(), disabled: none },
      "compare.last": { title: "Compare: Last difference", run: () => session.last(), disabled: none },
      "compare.nextCluster": {
        title: "Compare: Next difference in another cluster",
        run: () => clusterSize !== undefined && session.nextCluster(clusterSize),
        disabled: noClusters ?? none,
      },
    };
  }, [session, hasRows, clusterSize]);
}

function usePaneCommands({ session, tab, locked, folded, listShown }: CompareCommandFacts): Runners {
  return useMemo(
    () => ({
      "compare.lock": { run: () => session.setLocked(!locked), checked: locked },
      "compare.fold": { run: () => session.setFolded(!folded), checked: folded },
      "compare.swap": { run: () => swapSides(tab) },
      "compare.shift": { run: () => useView.getState().show({ kind: "shift" }) },
      "view.bottomPanel": { run: () => useView.getState().toggle("bottomPanel"), checked: listShown },
    }),
    [session, tab, locked, folded, listShown],
  );
}

function useScanCommands({
  changed,
  missing,
  session,
  scanKind,
  cancelled,
  strict,
  waiting,
  hasRows,
}: CompareCommandFacts): Runners {
  return useMemo(
    () => ({
      "compare.strict": { run: () => session.setStrict(!strict), checked: strict },
      "compare.rescan": {
        run: () => rescan(session, changed),
        // A scan that can't begin would cost the results of the last.
        disabled: missing === undefined ? undefined : `${missing} is missing; these results are kept`,
      },
      "compare.cancel": {
        run: () => (waiting ? session.stopWaiting() : session.cancel()),
        disabled: waiting || scanKind === "scanning" ? undefined : "No scan is running",
      },
      "compare.resume": {
        run: () => session.resume(),
        disabled: cancelled ? undefined : "There is no cancelled scan to resume",
      },
      "file.export": {
        run: () => useView.getState().show({ kind: "export" }),
        disabled: hasRows ? undefined : "There are no mismatches to export",
      },
    }),
    [session, scanKind, cancelled, strict, waiting, hasRows, changed, missing],
  );
}

/** An image that changed is opened again, which starts the scan; else the same images are scanned again. */
function rescan(session: CompareSession, changed: readonly string[]): void {
  if (changed.length === 0) session.rescan();
  for (const token of changed) void useImages.getState().reload(token);
}
