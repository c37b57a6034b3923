// A toolbar button that is a command: its name, key, state and what it does come from the command table and
// the runner in force.
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { type CommandId, commandTable } from "../../electron/commandTable.ts";
import { runOrSay } from "../commands/dispatcher.ts";
import { keyLabel } from "../commands/keymap.ts";
import { useCommandLayers } from "../commands/registry.ts";
import { useApp } from "../store/app.ts";

interface CommandButtonProps {
  readonly command: CommandId;
  readonly icon: LucideIcon;
  /** Words beside the icon. */
  readonly children?: ReactNode;
  /** Name instead of the command's label. */
  readonly label?: string;
  readonly className?: string;
}

export function CommandButton({ command, icon: Icon, children, label, className = "" }: CommandButtonProps) {
  const runner = useCommandLayers(
    ({ layers }) => layers.findLast((layer) => layer.runners[command])?.runners[command],
  );
  const platform = useApp(({ info }) => info?.platform ?? "linux");
  const name = label ?? commandTable.find(({ id }) => id === command)?.label.replace("…", "") ?? command;
  const key = keyLabel(command, platform);
  const tip = key === undefined ? name : `${name} (${key})`;
  const disabled = !runner || runner.disabled !== undefined;
  return (
    <button
      type="button"
      className={`button quiet ${children === undefined ? "icon" : ""} ${className}`}
      aria-label={children === undefined ? name : undefined}
      aria-pressed={runner?.checked}
      aria-disabled={disabled || undefined}
      aria-keyshortcuts={key?.replace("Ctrl", "Control")}
      title={runner?.disabled === undefined ? tip : `${tip}: ${runner.disabled}`}
      onClick={() => runOrSay(command)}
    >
      <Icon size={16} strokeWidth={1.75} aria-hidden />
      {children}
    </button>
  );
}
