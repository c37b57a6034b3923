// The start page: what the app is for, the two actions, where to drop, recent items and the sample pair.
import { useEffect, useRef } from "react";
import type { CommandId } from "../../electron/commandTable.ts";
import { runOrSay } from "../commands/dispatcher.ts";
import { keyLabel } from "../commands/keymap.ts";
import { compareByDialog } from "../shell/openFlows.ts";
import { useApp } from "../store/app.ts";
import { RecentList } from "./RecentList.tsx";
import styles from "./Welcome.module.css";

export function Welcome() {
  const hasRecent = useApp((state) => state.recent.length > 0);
  const sample = useApp((state) => state.info?.sample);
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus({ preventScroll: true }), []);
  return (
    <div className={styles.welcome} data-pane="main">
      <div className={styles.column}>
        <h1 className={styles.name}>Blkscope</h1>
        <p className={styles.purpose}>
          Compares two disk images sector by sector, whatever their formats. Opens one image to show its bytes
          and a map of its tables, to check it and to repair it, and a log of writes as a timeline. Nothing is
          written to an image unless you have it repaired.
        </p>
        <div className={styles.actions}>
          <button ref={first} type="button" className="button primary" onClick={() => void compareByDialog()}>
            Compare two images…
          </button>
          <CommandButton command="file.open" label="Open image…" />
        </div>
        <p className={styles.drop}>Or drop one image, or two to compare them, anywhere on this window.</p>

        {hasRecent && (
          <section className={styles.section} aria-labelledby="welcome-recent">
            <div className={styles.sectionHead}>
              <h2 id="welcome-recent">Recent</h2>
              <button
                type="button"
                className={styles.textButton}
                onClick={() => runOrSay("file.clearRecent")}
              >
                Clear
              </button>
            </div>
            <RecentList />
          </section>
        )}

        {sample && (
          <section className={styles.section} aria-labelledby="welcome-sample">
            <h2 id="welcome-sample">Try it</h2>
            <p className={styles.sample}>
              A small QED image and its raw copy that went apart in several ways.{" "}
              <button type="button" className={styles.textButton} onClick={() => runOrSay("file.openSample")}>
                Open the sample pair
              </button>
            </p>
          </section>
        )}
        <Hints />
      </div>
    </div>
  );
}

function CommandButton({ command, label }: { command: CommandId; label: string }) {
  const platform = useApp((state) => state.info?.platform ?? "linux");
  return (
    <button type="button" className="button" onClick={() => runOrSay(command)}>
      {label} <kbd>{keyLabel(command, platform)}</kbd>
    </button>
  );
}

function Hints() {
  const platform = useApp((state) => state.info?.platform ?? "linux");
  return (
    <p className={styles.hints}>
      <kbd>{keyLabel("view.palette", platform)}</kbd> all commands
      <kbd>{keyLabel("compare.next", platform)}</kbd> next difference
      <kbd>{keyLabel("go.to", platform)}</kbd> go to
    </p>
  );
}
