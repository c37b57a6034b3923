// The map's toolbar: problems, zoom, other ways to see it, what can be taken away, and the facts of the file.
import { useStore } from "zustand";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { CommandButton } from "../../widgets/CommandButton.tsx";
import { bytes, count, decimal, percent } from "../../widgets/format.ts";
import {
  BundleIcon,
  ExportIcon,
  FitIcon,
  LockIcon,
  NextIcon,
  PictureIcon,
  PreviousIcon,
  RepairIcon,
  RescanIcon,
  StopIcon,
  TableIcon,
  ZoomInIcon,
  ZoomOutIcon,
} from "../../widgets/icons.ts";
import shared from "../../widgets/panel.module.css";
import compare from "../compare/compare.module.css";
import hexStyles from "../hex/hex.module.css";
import { type MapSession, noGuestText, scannedPercent, stepText } from "./session.ts";

export function Toolbar({ session, image }: { session: MapSession; image: OpenedImage }) {
  const { shown } = useStore(session.store);
  const problems = session.problems.count;
  // A file that can't be mapped has nothing to step through, to zoom into or to take away.
  const hasMap = shown !== undefined || session.running?.state.kind === "running";
  return (
    <section className={shared.toolbar} aria-label="Map" data-pane="toolbar">
      {hasMap && (
        <>
          <CommandButton command="compare.previous" icon={PreviousIcon} label="Previous problem" />
          <CommandButton command="compare.next" icon={NextIcon} label="Next problem" />
          <span className={compare.step} title="The problem at the cursor, and how many are listed">
            <kbd>F8</kbd> {stepText(session)}
          </span>
          <span className={shared.divider} aria-hidden />
          <OrderSwitch session={session} />
          <CommandButton command="map.zoomOut" icon={ZoomOutIcon} />
          <CommandButton command="map.zoomIn" icon={ZoomInIcon} />
          <CommandButton command="map.fit" icon={FitIcon} />
          <CommandButton command="map.table" icon={TableIcon} />
          <span className={shared.divider} aria-hidden />
          <CommandButton command="map.picture" icon={PictureIcon} />
          <CommandButton command="map.json" icon={ExportIcon} />
          <CommandButton command="map.bundle" icon={BundleIcon} />
        </>
      )}
      {problems > 0 && (
        <>
          <span className={shared.divider} aria-hidden />
          <CommandButton command="view.repair" icon={RepairIcon}>
            Repair
          </CommandButton>
        </>
      )}
      <span className={shared.space} />
      {shown?.isComplete === false && (
        <span className={hexStyles.fact} title="The rest is hatched: it is not scanned yet">
          {scannedPercent(session)} % scanned
        </span>
      )}
      {shown && (
        <>
          <span className={hexStyles.fact} title="Format">
            {image.format.toUpperCase()}
          </span>
          <span className={hexStyles.fact} title={`${decimal(shown.summary.fileSize)} bytes`}>
            file {bytes(shown.summary.fileSize)}
          </span>
          <span className={hexStyles.fact} title="Size of one cluster, the finest cell">
            {count(shown.summary.clusters, "cluster")} of {bytes(shown.summary.clusterSize)}
          </span>
        </>
      )}
      <ScanButton session={session} />
      <span className={hexStyles.fact} title="A map only reads: nothing here can change this file">
        <LockIcon size={13} aria-hidden /> read-only
      </span>
    </section>
  );
}

function OrderSwitch({ session }: { session: MapSession }) {
  const { shown, order } = useStore(session.store);
  const hasGuest = shown?.sources.guest !== undefined;
  const choice = (value: "file" | "guest", label: string, title: string) => (
    <button
      type="button"
      className="button quiet"
      aria-pressed={order === value}
      disabled={value === "guest" && !hasGuest}
      title={value === "guest" && !hasGuest ? noGuestText(shown) : `${title} (V)`}
      onClick={() => session.setOrder(value)}
    >
      {label}
    </button>
  );
  return (
    <fieldset className={hexStyles.switch}>
      <legend className="visually-hidden">Order of the clusters</legend>
      {choice("file", "File", "Clusters in the order of the container file")}
      {choice("guest", "Guest", "Clusters in the order of the guest's disk")}
    </fieldset>
  );
}

function ScanButton({ session }: { session: MapSession }) {
  const { running } = session;
  if (running?.state.kind === "running") {
    const { progress, cancelling } = running.state;
    const done = progress ? percent(progress.done, progress.total) : 0;
    return (
      <CommandButton command="compare.cancel" icon={StopIcon}>
        {cancelling ? "Stopping…" : `Cancel, ${done} %`}
      </CommandButton>
    );
  }
  return (
    <CommandButton command="compare.rescan" icon={RescanIcon}>
      Rescan
    </CommandButton>
  );
}
