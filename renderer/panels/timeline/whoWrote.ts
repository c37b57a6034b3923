// "Who wrote this?" for the byte that has the caret: each log that is loaded may be of the disk as it shows, or of the file
// below its format; with more than one possibility the person says which.
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
export async function whoWrote(surface: Surface): Promise<void> {
  asked = await possibilitiesOf(surface, useLogs.getState().logs);
  const [only] = asked;
  if (only === undefined) useView.getState().say("No open log reaches this byte");
  else if (asked.length === 1) showWriter(only);
  else useView.getState().show({ kind: "whoWrote" });
}

export function showWriter({ log: { tabId, session }, offset }: Possibility): void {
  const sectorSize = session.summary?.sectorSize ?? 512;
  useView.getState().activate(tabId);
  void session.history.show(Math.floor(offset / sectorSize) * sectorSize, sectorSize, true);
}

async function possibilitiesOf(
  { image, source, view, shift, space, node }: Surface,
  logs: readonly LoadedLog[],
): Promise<readonly Possibility[]> {
  const offset = view.getState().caret + shift;
  // A state of a log is asked of that log alone.
  const own = logs.filter(({ name }) => image.file.isGraph && image.file.name.endsWith(` of ${name}`));
  const among = own.length > 0 ? own : logs.filter(({ session }) => session.image?.image !== image.image);
  const where = node ?? (space === "file" ? "file" : "guest");
  const places = [{ offset, label: `${where} ${hex(offset)}` }];
  if (own.length === 0 && source.node === "") {
    const layers = await call("image:locate", { image: image.image, offset }).catch(() => []);
    const stored = layers.find(({ depth, hostOffset }) => depth === 0 && hostOffset !== undefined);
    if (
      stored?.hostOffset !== undefined &&
      image.nodes.some(({ path }) => path === "file") &&
      image.format !== "raw"
    ) {
      places.push({ offset: stored.hostOffset, label: `file ${hex(stored.hostOffset)}` });
    }
  }
  return among.flatMap((log) =>
    places
      .filter((place) => place.offset < (log.session.summary?.diskEnd ?? 0))
      .map((place) => ({ log, offset: place.offset, label: `${log.name}, as ${place.label} of its disk` })),
  );
}
