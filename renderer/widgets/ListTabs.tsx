// Tabs over a list in a bottom panel, one Tab stop with arrows, and the button that closes the panel.
import type { KeyboardEvent } from "react";
import { keyLabel } from "../commands/keymap.ts";
import { runCommand } from "../commands/registry.ts";
import lists from "../panels/compare/lists.module.css";
import { useApp } from "../store/app.ts";
import { decimal } from "./format.ts";
import { CloseIcon } from "./icons.ts";

interface ListTabsProps<T extends string> {
  /** The panel is `${id}-panel`, a tab `${id}-${name}`. */
  readonly id: string;
  readonly tab: T;
  readonly tabs: readonly { readonly name: NoInfer<T>; readonly label: string; readonly count: number }[];
  onTab: (tab: NoInfer<T>) => void;
}

export function ListTabs<T extends string>({ id, tab, tabs, onTab }: ListTabsProps<T>) {
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (by === 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const at = tabs.findIndex(({ name }) => name === tab);
    const next = tabs[(at + by + tabs.length) % tabs.length];
    if (!next) return;
    onTab(next.name);
    document.getElementById(`${id}-${next.name}`)?.focus();
  };
  return (
    <div className={lists.tabs} role="tablist" aria-label="Lists">
      {tabs.map(({ name, label, count }) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`${id}-${name}`}
          className={lists.tab}
          aria-selected={name === tab}
          aria-controls={name === tab ? `${id}-panel` : undefined}
          tabIndex={name === tab ? 0 : -1}
          onClick={() => onTab(name)}
          onKeyDown={onKeyDown}
        >
          {label}
          {count > 0 && <span className={lists.count}>{decimal(count)}</span>}
        </button>
      ))}
    </div>
  );
}

export function CloseListButton() {
  const platform = useApp(({ info }) => info?.platform ?? "linux");
  const name = "Close the panel";
  return (
    <button
      type="button"
      className="button quiet icon"
      aria-label={name}
      title={`${name} (${keyLabel("view.bottomPanel", platform)})`}
      onClick={() => runCommand("view.bottomPanel")}
    >
      <CloseIcon size={16} aria-hidden />
    </button>
  );
}
