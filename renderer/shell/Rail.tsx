// The activity rail at the left edge: files, the views that work, settings. Each button is a command.
import type { LucideIcon } from "lucide-react";
import type { CommandId } from "../../electron/commandTable.ts";
import { runOrSay } from "../commands/dispatcher.ts";
import { keyLabel } from "../commands/keymap.ts";
import { useApp } from "../store/app.ts";
import { useView } from "../store/view.ts";
import {
  ComparePairIcon,
  FilesIcon,
  HexIcon,
  MapIcon,
  RepairIcon,
  SettingsIcon,
  TimelineIcon,
} from "../widgets/icons.ts";
import styles from "./Rail.module.css";

export function Rail() {
  const sidebar = useView((state) => state.shown.sidebar);
  const kind = useView((state) => state.tabs.find((tab) => tab.id === state.active)?.kind);
  return (
    <nav className={styles.rail} aria-label="Views" data-pane="rail">
      <RailButton command="view.sidebar" label="Files" icon={FilesIcon} pressed={sidebar} />
      <RailButton command="view.hex" label="Hex" icon={HexIcon} current={kind === "hex"} />
      <RailButton
        command="view.compare"
        label="Compare"
        icon={ComparePairIcon}
        current={kind === "compare" || kind === "votes"}
      />
      <RailButton command="view.map" label="Map" icon={MapIcon} current={kind === "map"} />
      <RailButton
        command="view.timeline"
        label="Timeline"
        icon={TimelineIcon}
        current={kind === "timeline"}
      />
      <RailButton
        command="view.repair"
        label="Repair"
        icon={RepairIcon}
        current={kind === "repair" || kind === "journal"}
      />
      <span className={styles.space} />
      <RailButton command="view.settings" label="Settings" icon={SettingsIcon} />
    </nav>
  );
}

interface RailButtonProps {
  readonly command: CommandId;
  readonly label: string;
  readonly icon: LucideIcon;
  readonly current?: boolean;
  readonly pressed?: boolean;
}

function RailButton({ command, label, icon: Icon, current, pressed }: RailButtonProps) {
  const platform = useApp((state) => state.info?.platform ?? "linux");
  const key = keyLabel(command, platform);
  return (
    <button
      type="button"
      className={styles.button}
      aria-label={label}
      aria-current={current ? "page" : undefined}
      aria-pressed={pressed}
      title={key === undefined ? label : `${label} (${key})`}
      onClick={() => runOrSay(command)}
    >
      <Icon size={20} strokeWidth={1.6} aria-hidden />
    </button>
  );
}
