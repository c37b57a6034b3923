// The write behind a mismatch. Nothing says whether a log is that of the disk as it shows or of a file below one side's
// format: the bytes do, so that each address a log may know the sector by is tried.
import type { LogIndexAsks } from "../../../core/ops/logIndexRun.ts";

export type Versions = LogIndexAsks["versions"]["answer"];

/** An address of the sector on the log's disk. */
export interface SectorPlace {
  /** Bytes, at a sector's start. */
  readonly offset: number;
  /** "A's file 0x54000"; undefined for the address that the panes show. */
  readonly label: string | undefined;
}

export interface MismatchWriter {
  readonly place: SectorPlace;
  /** The newest entry that wrote there; undefined where none did. */
  readonly last: Versions["last"];
  /** Which version of the sector each side has. */
  readonly a: Versions;
  readonly b: Versions;
}

/**
 * The place at which the log knows most of the sides' bytes, the first of several; without any it is the first place.
 * Throws what `ask` throws.
 */
export async function writerBehind(
  ask: (offset: number, bytes: Uint8Array<ArrayBuffer>) => Promise<Versions>,
  places: readonly [SectorPlace, ...SectorPlace[]],
  inA: Uint8Array<ArrayBuffer>,
  inB: Uint8Array<ArrayBuffer>,
): Promise<MismatchWriter> {
  const answers = await Promise.all(
    places.map(async (place): Promise<MismatchWriter> => {
      const [a, b] = await Promise.all([ask(place.offset, inA), ask(place.offset, inB)]);
      return { place, last: a.last, a, b };
    }),
  );
  return answers.reduce((best, answer) => (known(answer) > known(best) ? answer : best));
}

/** Sides whose bytes an entry of the log wrote there. What was there before the log, zeroes above all, proves nothing. */
function known({ a, b }: MismatchWriter): number {
  return [a, b].filter(({ isCurrent, older }) => isCurrent || (older ?? -1) >= 0).length;
}
