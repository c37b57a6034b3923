// "Who wrote this?" for the byte that has the caret: each log that is loaded may be of the disk as it shows, or of the file
// below its format; with more than one possibility the person says which.
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import type { Surface } from "../../store/surface.ts";
import { useView } from "../../store/view.ts";
import { hex } from "../../widgets/format.ts";
import { type LoadedLog, useLogs } from "./session.ts";

export interface Possibility {
  readonly log: LoadedLog;
  /** Byte of the log's disk. */
  readonly offset: number;
  readonly label: string;
}

let asked: readonly Possibility[] = [];

/** What is to be chosen from while the dialog shows. */
export const possibilities = (): readonly Possibility[] => asked;

/** Shows the history of the sector at the caret, or asks which log's. */
export async function whoWrote({ image, source, view, shift, space, node }: Surface): Promise<void> {
  const offset = view.getState().caret + shift;
  const places = [{ offset, label: `${node ?? (space === "file" ? "file" : "guest")} ${hex(offset)}` }];
  if (source.node === "" && ownLogs(image).length === 0) {
    const stored = await storedAt(image, offset);
    if (stored !== undefined) places.push({ offset: stored, label: `file ${hex(stored)}` });
  }
  whoWroteAt(image, places);
}

/** Where the image's own file has the guest's byte; undefined where it has none, or the image is its file. */
export async function storedAt(image: OpenedImage, offset: number): Promise<number | undefined> {
  if (image.format === "raw" || !image.nodes.some(({ path }) => path === "file")) return undefined;
  const layers = await call("image:locate", { image: image.image, offset }).catch(() => []);
  return layers.find(({ depth, hostOffset }) => depth === 0 && hostOffset !== undefined)?.hostOffset;
}

/** A byte of a log's disk, and how it is called: "file 0x4000". */
interface Place {
  readonly offset: number;
  readonly label: string;
}

/** The same of places of an image. */
export function whoWroteAt(image: OpenedImage, places: readonly Place[]): void {
  const own = ownLogs(image);
  const { logs } = useLogs.getState();
  const among = own.length > 0 ? own : logs.filter(({ session }) => session.image?.image !== image.image);
  asked = among.flatMap((log) =>
    places
      .filter(({ offset }) => offset < (log.session.summary?.diskEnd ?? 0))
      .map(({ offset, label }) => ({ log, offset, label: `${log.name}, as ${label} of its disk` })),
  );
  const [only] = asked;
  if (only === undefined) useView.getState().say("No open log reaches this byte");
  else if (asked.length === 1) showWriter(only);
  else useView.getState().show({ kind: "whoWrote" });
}

/** A state of a log is asked of that log alone. */
function ownLogs({ file }: OpenedImage): readonly LoadedLog[] {
  const { logs } = useLogs.getState();
  return logs.filter(({ name }) => file.isGraph && ` ${file.name} `.includes(` of ${name} `));
}

export function showWriter({ log: { tabId, session }, offset }: Possibility): void {
  const sectorSize = session.summary?.sectorSize ?? 512;
  useView.getState().activate(tabId);
  void session.history.show(Math.floor(offset / sectorSize) * sectorSize, sectorSize, true);
}
