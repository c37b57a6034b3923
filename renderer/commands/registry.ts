// What each command of the table does right now. Panels and the app register their runners while mounted;
// keys, palette and native menu all go through `runCommand`, so a command has one meaning everywhere.
import { useEffect } from "react";
import { create } from "zustand";
import type { CommandId } from "../../electron/commandTable.ts";

export interface Runner {
  run(): void;
  /** undefined: can run. A string: cannot, and why (shown in the palette). */
  readonly disabled?: string | undefined;
  readonly checked?: boolean | undefined;
}
export type Runners = Partial<Readonly<Record<CommandId, Runner>>>;

interface CommandsStore {
  /** Layers, outermost first; the last one that names a command wins. */
  readonly layers: readonly { readonly owner: symbol; readonly runners: Runners }[];
}
export const useCommandLayers = create<CommandsStore>()(() => ({ layers: [] }));

/** Registers runners while the component is mounted; pass a memoised object. */
export function useCommands(runners: Runners): void {
  useEffect(() => {
    const owner = Symbol("commands");
    useCommandLayers.setState(({ layers }) => ({ layers: [...layers, { owner, runners }] }));
    return () =>
      useCommandLayers.setState(({ layers }) => ({
        layers: layers.filter((layer) => layer.owner !== owner),
      }));
  }, [runners]);
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
