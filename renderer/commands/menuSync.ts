// Tells main which commands can run and which are on, so that the native menu shows the same as the palette.
import { commandTable } from "../../electron/commandTable.ts";
import { call } from "../api.ts";
import { runnerOf, useCommandLayers } from "./registry.ts";

const delayMs = 100;

/** The ids that can run now, and those that are on. */
export function menuState(): { enabled: string[]; checked: string[] } {
  const ids = commandTable.map((command) => command.id);
  const runners = ids.map((id) => ({ id, runner: runnerOf(id) }));
  return {
    enabled: runners.filter(({ runner }) => runner && runner.disabled === undefined).map(({ id }) => id),
    checked: runners.filter(({ runner }) => runner?.checked).map(({ id }) => id),
  };
}

/** Sends the state now and after each change; returns the way to stop. */
export function syncMenu(): () => void {
  let sent = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = () => {
    timer = undefined;
    const state = menuState();
    const text = JSON.stringify(state);
    if (text === sent) return;
    sent = text;
    // The menu is a convenience: a lost update is mended by the next one.
    void call("app:commands", state).catch(() => undefined);
  };
  send();
  const stop = useCommandLayers.subscribe(() => {
    timer ??= setTimeout(send, delayMs);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
