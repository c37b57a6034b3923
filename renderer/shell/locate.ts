// A file that is gone is shown from where it is now.
import type { FileRef } from "../../electron/ipc/contract.ts";
import { call } from "../api.ts";
import { moveComparison } from "../panels/compare/sessions.ts";
import { moveViews } from "../panels/hex/views.ts";
import { useApp } from "../store/app.ts";
import { chosenFormat, useImages } from "../store/images.ts";
import { type Tab, tokensOf, useView, withToken } from "../store/view.ts";
import { openImage } from "./openFlows.ts";

/** Asks where the file is now and puts that file in its place in every tab, opened in the same way. */
export async function locate(file: FileRef): Promise<void> {
  const title = `Where is ${file.name} now?`;
  const [found] = await call("files:choose", { title, multiple: false }).catch(() => []);
  if (!found) return;
  if (found.token === file.token) return useImages.getState().reload(file.token);
  const { tabs, replaceTab } = useView.getState();
  const isOfPair = tabs.map(tokensOf).some((pair) => pair.includes(file.token) && pair.includes(found.token));
  if (isOfPair) {
    const text = `${found.name} is what ${file.name} is compared with. Choose where ${file.name} is now.`;
    return useApp.getState().refuse(text);
  }
  const format = chosenFormat(file.token);
  const opened = openImage(found, format === undefined ? {} : { format });
  for (const tab of tabs) {
    const moved = withToken(tab, file.token, found.token);
    if (moved.id === tab.id) continue;
    if (!tabs.some(({ id }) => id === moved.id)) keepPlaces(tab, moved);
    replaceTab(tab.id, moved);
  }
  await opened;
  await useImages.getState().close(file.token);
}

/** Carets, shift and folds: the file is taken for the same. What was found out about the other one does not stay. */
function keepPlaces(tab: Tab, moved: Tab): void {
  if (tab.kind === "hex") moveViews(tab.id, moved.id);
  if (tab.kind === "compare") moveComparison(tab.id, moved.id);
}
