// What of a map can be taken away: the picture with its legend, and numbers and problems as JSON.
import { toPlain } from "../../../core/base/errors.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { exportPng } from "../../map/exportPng.ts";
import { useApp } from "../../store/app.ts";
import { useView } from "../../store/view.ts";
import { type MapSession, scannedPercent } from "./session.ts";

/** Saves the map as it shows. */
export async function savePicture(session: MapSession, image: OpenedImage): Promise<void> {
  const { shown, order } = session.store.getState();
  if (shown === undefined) return;
  await save(`${image.file.name} map.png`, "picture", async () => {
    const picture = await exportPng({
      source: (order === "guest" ? shown.sources.guest : undefined) ?? shown.sources.file,
      view: session.view,
      title:
        `${image.file.name}, clusters in the order of the ${order === "guest" ? "guest's disk" : "file"}` +
        (shown.isComplete ? "" : `, ${scannedPercent(session)} % scanned`),
      summary: shown.summary,
      isPartial: !shown.isComplete,
    });
    return new Uint8Array(await picture.arrayBuffer());
  });
}

/** Saves the summary and every listed problem, once the scan is over. */
export async function saveNumbers(session: MapSession, image: OpenedImage): Promise<void> {
  const { shown } = session.store.getState();
  if (!shown?.isComplete) return;
  const state = session.check?.state;
  const check = state?.kind === "done" ? state.summary.result : undefined;
  await save(`${image.file.name} map.json`, "numbers", async () => {
    const { elapsedMs: _time, ...map } = shown.summary;
    const facts = { image: image.file.name, map, check, problems: session.problems.all };
    return `${JSON.stringify(facts, undefined, 2)}\n`;
  });
}

async function save(
  name: string,
  what: string,
  make: () => Promise<string | Uint8Array<ArrayBuffer>>,
): Promise<void> {
  try {
    const saved = await call("export:save", { suggestedName: name, content: await make() });
    if (saved) useView.getState().say(`Saved ${saved.name}`);
  } catch (error) {
    const { message, context } = toPlain(error);
    const hint = context.hint === undefined ? "" : `. ${context.hint}`;
    useApp.getState().refuse(`The ${what} was not saved: ${message}${hint}`);
  }
}
