// Calls about the app itself: what it is, its theme, title and menu.
import { checkedFormats } from "../../../core/registry.ts";
import type { Handler } from "../handle.ts";

export const info: Handler<"app:info"> = async (_request, { desktop, files, recent, startup }) => {
  const sample = desktop.samplePaths;
  return {
    ...desktop.facts,
    checkedFormats,
    startup,
    recent: await recent.items(),
    sample: sample && { a: files.refOf(sample[0]), b: files.refOf(sample[1]) },
    theme: desktop.theme(),
  };
};

export const ready: Handler<"app:ready"> = (_request, { desktop }) => {
  desktop.pageReady();
  return undefined;
};

export const theme: Handler<"app:theme"> = (chosen, { desktop }) => {
  desktop.setTheme(chosen);
  return undefined;
};

export const commands: Handler<"app:commands"> = ({ enabled, checked }, { desktop }) => {
  desktop.showCommands(new Set(enabled), new Set(checked));
  return undefined;
};

export const title: Handler<"app:title"> = (text, { desktop }) => {
  desktop.setTitle(text);
  return undefined;
};
