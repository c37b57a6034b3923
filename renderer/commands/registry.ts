// What each command of the table does right now. Panels and the app register their runners while mounted;
// keys, palette and native menu all go through `runCommand`, so a command has one meaning everywhere.
import { useEffect, useState } from "react";
import { create } from "zustand";
import type { CommandId } from "../../electron/commandTable.ts";

export interface Runner {
  run(): void;
  /** undefined: can run. A string: cannot, and why (shown in the palette). */
  readonly disabled?: string | undefined;
  readonly checked?: boolean | undefined;
  /** Its name in the palette where the view has its own word for it: "Map: Next problem". */
  readonly title?: string | undefined;
}
export type Runners = Partial<Readonly<Record<CommandId, Runner>>>;

interface CommandsStore {
  /** Layers, outermost first; the last one that names a command wins. */
  readonly layers: readonly { readonly owner: symbol; readonly runners: Runners }[];
}
export const useCommandLayers = create<CommandsStore>()(() => ({ layers: [] }));

/**
 * Registers runners while the component is mounted; pass a memoised object. A layer keeps its place when its
 * runners change, so that a panel's stay above the app's.
 */
export function useCommands(runners: Runners): void {
  const [owner] = useState(() => Symbol("commands"));
  useEffect(() => putLayer(owner, runners), [owner, runners]);
  useEffect(() => () => removeLayer(owner), [owner]);
}

export function putLayer(owner: symbol, runners: Runners): void {
  const { layers } = useCommandLayers.getState();
  const known = layers.some((layer) => layer.owner === owner);
  useCommandLayers.setState({
    layers: known
      ? layers.map((layer) => (layer.owner === owner ? { owner, runners } : layer))
      : [...layers, { owner, runners }],
  });
}

export function removeLayer(owner: symbol): void {
  const { layers } = useCommandLayers.getState();
  useCommandLayers.setState({ layers: layers.filter((layer) => layer.owner !== owner) });
}

/** The runner in force for a command; undefined when no view offers it. */
export function runnerOf(id: CommandId): Runner | undefined {
  return useCommandLayers.getState().layers.findLast((layer) => layer.runners[id])?.runners[id];
}

/** Runs a command if it can run; says whether it did. */
export function runCommand(id: CommandId): boolean {
  const runner = runnerOf(id);
  if (!runner || runner.disabled !== undefined) return false;
  runner.run();
  return true;
}
