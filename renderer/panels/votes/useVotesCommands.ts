// The commands of a vote map while its tab shows: those of a comparison that have a meaning here.
import { useMemo } from "react";
import { useCommands } from "../../commands/registry.ts";
import { useView } from "../../store/view.ts";
import type { VoteScan } from "./scan.ts";
import type { VotesSession } from "./session.ts";

interface VotesCommandFacts {
  readonly session: VotesSession;
  readonly scanKind: VoteScan["kind"];
  readonly cancelled: boolean;
  readonly hasRows: boolean;
  readonly waiting: boolean;
}

export function useVotesCommands({
  session,
  scanKind,
  cancelled,
  hasRows,
  waiting,
}: VotesCommandFacts): void {
  const listShown = useView(({ shown }) => shown.bottomPanel);
  useCommands(
    useMemo(() => {
      const next = { title: "Votes: Next disagreement", run: () => session.step("next") };
      const previous = { title: "Votes: Previous disagreement", run: () => session.step("previous") };
      const none = hasRows ? undefined : "No disagreement is known yet";
      return {
        "compare.next": next,
        "compare.nextLetter": next,
        "compare.previous": previous,
        "compare.previousLetter": previous,
        "compare.first": { title: "Votes: First disagreement", run: () => session.first(), disabled: none },
        "compare.last": { title: "Votes: Last disagreement", run: () => session.last(), disabled: none },
        "compare.rescan": { title: "Votes: Count again", run: () => session.rescan() },
        "compare.cancel": {
          title: "Votes: Cancel the count",
          run: () => (waiting ? session.stopWaiting() : session.cancel()),
          disabled: waiting || scanKind === "scanning" ? undefined : "No scan is running",
        },
        "compare.resume": {
          title: "Votes: Resume the count",
          run: () => session.resume(),
          disabled: cancelled ? undefined : "No scan was cancelled",
        },
        "view.bottomPanel": { run: () => useView.getState().toggle("bottomPanel"), checked: listShown },
      };
    }, [session, scanKind, cancelled, hasRows, waiting, listShown]),
  );
}
