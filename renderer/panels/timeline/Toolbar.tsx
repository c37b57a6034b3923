// The timeline's toolbar: problems, flushes, playing, following, states, what can be taken away, and the log's facts.
import { useStore } from "zustand";
import { CommandButton } from "../../widgets/CommandButton.tsx";
import { bytes, count, decimal, percent } from "../../widgets/format.ts";
import {
  BackIcon,
  BisectIcon,
  ExportIcon,
  FollowIcon,
  ForwardIcon,
  HexIcon,
  HistoryIcon,
  LockIcon,
  NextIcon,
  NoteIcon,
  PauseIcon,
  PreviousIcon,
  RescanIcon,
  ResumeIcon,
  StopIcon,
  TableIcon,
} from "../../widgets/icons.ts";
import shared from "../../widgets/panel.module.css";
import compare from "../compare/compare.module.css";
import hexStyles from "../hex/hex.module.css";
import type { TimelineSession } from "./session.ts";
import { rates } from "./state.ts";
import styles from "./timeline.module.css";
import { totalsText } from "./wording.ts";

export function Toolbar({ session }: { session: TimelineSession }) {
  const { shown, playing, rate, entry } = useStore(session.store);
  const summary = shown?.summary;
  const problems = session.problems.length;
  return (
    <section className={shared.toolbar} aria-label="Timeline" data-pane="toolbar">
      <CommandButton command="compare.previous" icon={PreviousIcon} label="Previous problem" />
      <CommandButton command="compare.next" icon={NextIcon} label="Next problem" />
      <span className={compare.step} title="Problems of the log, and states that fail">
        <kbd>F8</kbd> {count(problems, "problem")}
      </span>
      <span className={shared.divider} aria-hidden />
      <CommandButton command="timeline.previousFlush" icon={BackIcon} />
      <CommandButton command="timeline.nextFlush" icon={ForwardIcon} />
      <CommandButton
        command="timeline.play"
        icon={playing ? PauseIcon : ResumeIcon}
        label={playing ? "Pause" : "Play"}
      />
      <label>
        <span className="visually-hidden">Speed</span>
        <select
          className="field"
          value={rate}
          title="Entries a second"
          onChange={(event) => session.playback.setRate(Number(event.target.value))}
        >
          {rates.map((each) => (
            <option key={each} value={each}>
              {decimal(each)}/s
            </option>
          ))}
        </select>
      </label>
      <CommandButton command="timeline.follow" icon={FollowIcon} />
      <CommandButton command="timeline.table" icon={TableIcon} />
      <span className={shared.divider} aria-hidden />
      <CommandButton command="timeline.state" icon={HexIcon} />
      <CommandButton command="timeline.history" icon={HistoryIcon} />
      <CommandButton command="timeline.bisect" icon={BisectIcon} />
      <CommandButton command="timeline.note" icon={NoteIcon} />
      <CommandButton command="timeline.export" icon={ExportIcon} />
      <span className={shared.space} />
      {summary && summary.entries > 0 && (
        <>
          <span className={hexStyles.fact} title="The entry at the scrub line">
            entry {decimal(entry)}
          </span>
          <span className={hexStyles.fact} title={totalsText(summary)}>
            {count(summary.entries, "entry", "entries")}
          </span>
          <span className={`${hexStyles.fact} ${styles.whereWide}`} title={`${decimal(summary.size)} bytes`}>
            log {bytes(summary.size)}
          </span>
          <span className={`${hexStyles.fact} ${styles.whereWide}`} title="The log's unit">
            sectors {bytes(summary.sectorSize)}
          </span>
        </>
      )}
      <ScanButton session={session} />
      <span className={hexStyles.fact} title="A log is only ever read: nothing here can change it">
        <LockIcon size={13} aria-hidden /> read-only
      </span>
    </section>
  );
}

function ScanButton({ session }: { session: TimelineSession }) {
  useStore(session.store, ({ bisect }) => bisect);
  const read = session.job?.state;
  const state = read?.kind === "running" ? read : session.bisect.job?.state;
  if (state?.kind === "running") {
    const { progress, cancelling } = state;
    const done = progress ? percent(progress.done, progress.total) : 0;
    return (
      <CommandButton command="compare.cancel" icon={StopIcon}>
        {cancelling ? "Stopping…" : `Cancel, ${done} %`}
      </CommandButton>
    );
  }
  return (
    <CommandButton command="compare.rescan" icon={RescanIcon} label="Read again">
      Read again
    </CommandButton>
  );
}
