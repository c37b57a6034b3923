// The commands of a timeline while its tab shows.
import { useMemo } from "react";
import { useStore } from "zustand";
import type { LogBisectResult } from "../../../core/ops/logBisectRun.ts";
import { useCommands } from "../../commands/registry.ts";
import { useJobs } from "../../store/jobs.ts";
import { useView } from "../../store/view.ts";
import { saveEntries } from "./exportEntries.ts";
import { canRecover } from "./problems.ts";
import type { TimelineSession } from "./session.ts";
import { showState } from "./states.ts";

export function useTimelineCommands(session: TimelineSession): void {
  const { shown, playing, following, recovering, nothingBehind, asTable, bisect } = useStore(session.store);
  const listShown = useView((state) => state.shown.bottomPanel);
  const reading = useJobs(() => session.job?.state.kind === "running");
  const searching = useJobs(() => session.bisect.isRunning);
  const running = reading || searching;
  const found = bisect?.result;
  useCommands(
    useMemo(() => {
      const summary = shown?.summary;
      const noLog = summary === undefined ? "The log has not been read yet" : undefined;
      const none = noLog ?? (summary?.entries === 0 ? "The log has no entries" : undefined);
      const next = {
        title: "Timeline: Next problem",
        run: () => session.stepProblem("next"),
        disabled: noLog,
      };
      const previous = {
        title: "Timeline: Previous problem",
        run: () => session.stepProblem("previous"),
        disabled: noLog,
      };
      const { problems } = session;
      const noProblem = noLog ?? (problems.length === 0 ? "No problem is known" : undefined);
      return {
        "compare.next": next,
        "compare.nextLetter": next,
        "compare.previous": previous,
        "compare.previousLetter": previous,
        "compare.first": {
          title: "Timeline: First problem",
          run: () => session.goTo(problems[0]?.entry ?? 0),
          disabled: noProblem,
        },
        "compare.last": {
          title: "Timeline: Last problem",
          run: () => session.goTo(problems.at(-1)?.entry ?? 0),
          disabled: noProblem,
        },
        "compare.rescan": { title: "Timeline: Read the log again", run: () => session.rescan() },
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
        ...bisectCommands(session, found, none ?? (searching ? "A search is under way" : undefined)),
        "timeline.note": { run: () => useView.getState().show({ kind: "logNote" }), disabled: none },
        "timeline.recover": {
          run: () => void session.recover(),
          disabled:
            noLog ??
            (recovering
              ? "It is being done"
              : !summary || !canRecover(summary.end.kind)
                ? "The log was read to its end"
                : shown && shown.generation === nothingBehind
                  ? "No entries were found behind the damage"
                  : undefined),
        },
        "timeline.export": { run: () => void saveEntries(session), disabled: none },
        "view.bottomPanel": { run: () => useView.getState().toggle("bottomPanel"), checked: listShown },
      };
    }, [
      session,
      shown,
      playing,
      following,
      recovering,
      nothingBehind,
      asTable,
      running,
      searching,
      found,
      listShown,
    ]),
  );
}

/** `busy`: why no search can begin. */
function bisectCommands(
  { bisect }: TimelineSession,
  found: LogBisectResult | undefined,
  busy: string | undefined,
) {
  const { firstBad, lastGood, command } = found ?? {};
  const noBad = firstBad === undefined ? "No state is known to fail" : undefined;
  const noGood = lastGood === undefined ? "No state is known to pass" : undefined;
  return {
    "timeline.bisect": {
      run: () => useView.getState().show({ kind: "logBisect" }),
      disabled: busy,
    },
    "timeline.firstBad": { run: () => bisect.goToFirstBad(), disabled: noBad },
    "timeline.stateGood": { run: () => void bisect.show(lastGood), disabled: noGood },
    "timeline.stateBad": { run: () => void bisect.show(firstBad), disabled: noBad },
    "timeline.compareBad": { run: () => void bisect.compare(), disabled: noBad ?? noGood },
    "timeline.copyBisect": {
      run: () => void bisect.copyCommand(),
      disabled:
        command === undefined ? "No search is known that the command line could make again" : undefined,
    },
  };
}
