// About: what this is, its versions (copied as text for bug reports), its licence.
import { call } from "../../api.ts";
import { useApp } from "../../store/app.ts";
import { useView } from "../../store/view.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import styles from "./dialogs.module.css";

export function About() {
  const info = useApp((state) => state.info);
  if (!info) return null;
  const { versions } = info;
  const rows = [
    ["Blkscope", versions.app],
    ["Electron", versions.electron],
    ["Chromium", versions.chromium],
    ["Node.js", versions.node],
    ["V8", versions.v8],
    ["System", info.platform],
  ] as const;
  const copy = async () => {
    await call("clipboard:write", rows.map((row) => row.join(" ")).join("\n"));
    useView.getState().say("Versions copied");
  };
  return (
    <Dialog title="About Blkscope" width={420}>
      <p>
        Shows disk-image corruption the first time it happens. Nothing is written to an image unless you have
        it repaired.
      </p>
      <dl className={`${styles.facts} selectable`}>
        {rows.map(([name, version]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{version}</dd>
          </div>
        ))}
      </dl>
      <p className={styles.muted}>MIT licence. No network access, no telemetry.</p>
      <DialogActions>
        <button type="button" className="button" onClick={() => void copy()}>
          Copy versions
        </button>
        <button type="button" className="button primary" onClick={closeOverlay}>
          Close
        </button>
      </DialogActions>
    </Dialog>
  );
}
