// The commands of a timeline while its tab shows.
import { useMemo } from "react";
import { useStore } from "zustand";
import { useCommands } from "../../commands/registry.ts";
import { useJobs } from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { saveEntries } from "./exportEntries.ts";
import { canRecover } from "./problems.ts";
import type { TimelineSession } from "./session.ts";
import { showState } from "./states.ts";

export function useTimelineCommands(session: TimelineSession): void {
  const { shown, playing, following, recovering, asTable } = useStore(session.store);
  const listShown = useView((state) => state.shown.bottomPanel);
  const running = useJobs(() => session.job?.state.kind === "running");
  useCommands(
    useMemo(() => {
      const summary = shown?.summary;
      const noLog = summary === undefined ? "The log has not been read yet" : undefined;
      const none = noLog ?? (summary?.entries === 0 ? "The log has no entries" : undefined);
      const next = { run: () => session.stepProblem("next"), disabled: noLog };
      const previous = { run: () => session.stepProblem("previous"), disabled: noLog };
      const { problems } = session;
      const noProblem = noLog ?? (problems.length === 0 ? "No problem is known" : undefined);
      return {
        "compare.next": next,
        "compare.nextLetter": next,
        "compare.previous": previous,
        "compare.previousLetter": previous,
        "compare.first": { run: () => session.goTo(problems[0]?.entry ?? 0), disabled: noProblem },
        "compare.last": { run: () => session.goTo(problems.at(-1)?.entry ?? 0), disabled: noProblem },
        "compare.rescan": { run: () => session.rescan() },
        "compare.cancel": {
          run: () => session.cancel(),
          disabled: running || playing || recovering ? undefined : "Nothing is running",
        },
        "timeline.previousFlush": { run: () => void session.stepFlush(true), disabled: none },
        "timeline.nextFlush": { run: () => void session.stepFlush(false), disabled: none },
        "timeline.state": { run: () => void showState(session, "hex"), disabled: none },
        "timeline.stateMap": { run: () => void showState(session, "map"), disabled: none },
        "timeline.stateCompare": {
          run: () => useView.getState().show({ kind: "logCompare" }),
          disabled: none,
        },
        "timeline.base": { run: () => useView.getState().show({ kind: "logBase" }), disabled: none },
        "timeline.history": { run: () => void session.history.here(), disabled: none },
        "timeline.older": { run: () => void session.history.step("older"), disabled: none },
        "timeline.newer": { run: () => void session.history.step("newer"), disabled: none },
        "timeline.filter": { run: () => session.focusFilter?.(), disabled: noLog },
        "go.to": { run: () => useView.getState().show({ kind: "logGoTo" }), disabled: none },
        "go.start": { run: () => session.goTo(0), disabled: none },
        "go.end": { run: () => session.goTo(Number.MAX_SAFE_INTEGER), disabled: none },
        "timeline.table": {
          run: () => session.setTable(!asTable),
          checked: asTable,
          disabled: none,
        },
        "timeline.play": {
          run: () => (playing ? session.playback.pause() : session.playback.play()),
          checked: playing,
          disabled: none,
        },
        "timeline.follow": {
          run: () => (following ? session.follower.stop() : session.follower.start()),
          checked: following,
          disabled: noLog,
        },
        "timeline.note": { run: () => useView.getState().show({ kind: "logNote" }), disabled: none },
        "timeline.recover": {
          run: () => void session.recover(),
          disabled:
            noLog ??
            (recovering
              ? "It is being done"
              : summary && canRecover(summary.end.kind)
                ? undefined
                : "The log was read to its end"),
        },
        "timeline.export": { run: () => void saveEntries(session), disabled: none },
        "view.bottomPanel": { run: () => useView.getState().toggle("bottomPanel"), checked: listShown },
      };
    }, [session, shown, playing, following, recovering, asTable, running, listShown]),
  );
}
