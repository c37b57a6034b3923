// "Who wrote this?" for the byte that has the caret: each log that is loaded may be of the disk as it shows, or of the file
// below its format; with more than one possibility the person says which.
import type { ByteRange } from "../../../core/block/structure.ts";
import type { Location } from "../../../core/jobs/sessionContract.ts";
import type { OpenedImage } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import type { Surface } from "../../store/surface.ts";
import { useView } from "../../store/view.ts";
import { bytes, hex } from "../../widgets/format.ts";
import { type LoadedLog, useLogs } from "./session.ts";

export interface Possibility {
  readonly log: LoadedLog;
  /** Byte of the log's disk. */
  readonly offset: number;
  /** Bytes from there on, 1 at least. Default 1. */
  readonly length?: number;
  readonly label: string;
  /** What there is to know of these bytes besides. */
  readonly note?: string;
}

let asked: readonly Possibility[] = [];

/** What is to be chosen from while the dialog shows. */
export const possibilities = (): readonly Possibility[] => asked;

/** Shows the history of the sector at the caret, or asks which log's. */
export async function whoWrote({ image, source, view, shift, space, node }: Surface): Promise<void> {
  const offset = view.getState().caret + shift;
  const places: Place[] = [
    { offset, label: `${node ?? (space === "file" ? "file" : "guest")} ${hex(offset)}` },
  ];
  if (source.node === "" && ownLogs(image).length === 0) {
    const top = await topLayer(image, offset);
    if (top?.hostOffset !== undefined) {
      places.push({ offset: top.hostOffset, label: `file ${hex(top.hostOffset)}` });
    } else if (top?.stream !== undefined) places.push(compressedPlace(top.stream, offset));
  }
  whoWroteAt(image, places);
}

/** All of the compressed cluster that the guest's byte is in: which of its bytes that one is made of can't be said. */
function compressedPlace(stream: ByteRange, guest: number): Place {
  const note = `Guest ${hex(guest)} is compressed: its cluster's data are among these ${bytes(stream.length)}, beside which others' may lie.`;
  return { ...stream, label: `compressed data at file ${hex(stream.offset)}`, note };
}

/** Where the image's own file has the guest's byte; undefined where it has none, or the image is its file. */
export async function storedAt(image: OpenedImage, offset: number): Promise<number | undefined> {
  return (await topLayer(image, offset))?.hostOffset;
}

async function topLayer(image: OpenedImage, offset: number): Promise<Location | undefined> {
  if (image.format === "raw" || !image.nodes.some(({ path }) => path === "file")) return undefined;
  const layers = await call("image:locate", { image: image.image, offset }).catch(() => []);
  return layers.find(({ depth }) => depth === 0);
}

/** Bytes of a log's disk, and how they are called: "file 0x4000". */
type Place = Omit<Possibility, "log">;

/** The same of places of an image. */
export function whoWroteAt(image: OpenedImage, places: readonly Place[]): void {
  const own = ownLogs(image);
  const { logs } = useLogs.getState();
  const among = own.length > 0 ? own : logs.filter(({ session }) => session.image?.image !== image.image);
  asked = among.flatMap((log) =>
    places
      .filter(({ offset }) => offset < (log.session.summary?.diskEnd ?? 0))
      .map((place) => ({ ...place, log, label: `${log.name}, as ${place.label} of its disk` })),
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

export function showWriter({ log: { tabId, session }, offset, length = 1, note }: Possibility): void {
  const sectorSize = session.summary?.sectorSize ?? 512;
  const first = Math.floor(offset / sectorSize);
  const end = Math.ceil((offset + length) / sectorSize);
  useView.getState().activate(tabId);
  void session.history.show(first * sectorSize, (end - first) * sectorSize, true, note);
}
