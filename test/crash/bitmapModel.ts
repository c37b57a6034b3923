// What bitmaps may say after a crash. One that is not marked as in use has to be right: a bit is set wherever the disk
// differs from what it was when the bitmap began to record. What is known of it changes with each thing done to it; while
// one of them is under way, it may have been done or not.
import { type GuestContent, lengthIn, type Zone } from "./guestModel.ts";
import { pending } from "./recorder.ts";

/** What a bitmap is to say. */
export interface BitmapState {
  readonly isThere: boolean;
  readonly isEnabled: boolean;
  /** Bytes of each zone for which a bit has to be set whatever the disk holds: 1. */
  readonly required: readonly Uint8Array[];
  /** The disk as it was when it began to record; undefined for one that does not. */
  readonly base: GuestContent | undefined;
}

/** A bitmap as it was found in an image. */
export interface KnownBitmap {
  readonly name: string;
  readonly isEnabled: boolean;
  /** Marked as in use: it can only be removed. */
  readonly isInconsistent: boolean;
  /** By zone, bytes whose bits are set: 1. */
  readonly set: readonly Uint8Array[];
}

interface Version {
  readonly state: BitmapState;
  readonly start: number;
  end: number;
}

export interface BitmapRecord {
  readonly name: string;
  readonly wasInconsistent: boolean;
  readonly versions: Version[];
}

const gone: BitmapState = { isThere: false, isEnabled: false, required: [], base: undefined };

export class BitmapModel {
  readonly records: BitmapRecord[];
  #made: number;

  /** `content`: of the disk where they are found. */
  constructor(known: readonly KnownBitmap[], content: GuestContent) {
    this.records = known.map(({ name, isEnabled, isInconsistent, set }) => {
      const state = { isThere: true, isEnabled, required: set, base: isEnabled ? content : undefined };
      return { name, wasInconsistent: isInconsistent, versions: [{ state, start: -1, end: -1 }] };
    });
    this.#made = Math.max(0, ...known.map(({ name }) => Number(name.slice(1))));
  }

  /** Those that are there while nothing is under way. */
  get live(): readonly BitmapRecord[] {
    return this.records.filter((record) => stateOf(record).isThere);
  }

  /** One of a name that none of this life ever had, and that is not there yet. */
  newRecord(): BitmapRecord {
    this.#made++;
    const versions = [{ state: gone, start: -1, end: -1 }];
    const record = { name: `b${this.#made}`, wasInconsistent: false, versions };
    this.records.push(record);
    return record;
  }

  begin({ versions }: BitmapRecord, state: BitmapState, start: number): Version {
    const version = { state, start, end: pending };
    versions.push(version);
    return version;
  }

  /** The name of one that nobody stored, of those that can be believed. */
  unstored(found: readonly KnownBitmap[]): string | undefined {
    const unstored = found.find(({ name, isInconsistent }) => {
      return isInconsistent && this.live.some((one) => one.name === name && !one.wasInconsistent);
    });
    return unstored?.name;
  }

  /** What is wrong with the bitmaps found after a crash beside what the disk holds; undefined when nothing is. */
  faultAfterCrash(
    found: readonly KnownBitmap[],
    content: GuestContent,
    { zones, sizes }: { readonly zones: readonly Zone[]; readonly sizes: readonly number[] },
    moment: number,
  ): string | undefined {
    // What lies behind was cut off once, and nobody asks for its bits.
    const end = Math.min(content.size, ...sizes);
    const ends = zones.map((zone) => lengthIn(zone, end));
    const known = new Map(found.map((bitmap) => [bitmap.name, bitmap]));
    if (known.size < found.length) return "there are two bitmaps of one name";
    for (const record of this.records) {
      const bitmap = known.get(record.name);
      known.delete(record.name);
      const faults = statesAt(record, moment).map((state) =>
        record.wasInconsistent && bitmap?.isInconsistent === false
          ? "was marked as in use, and is not any more"
          : faultOf(bitmap, state, content, ends),
      );
      if (!faults.includes(undefined)) return `the bitmap ${record.name} ${faults.join(", or ")}`;
    }
    const [unknown] = known.keys();
    return unknown === undefined ? undefined : `nobody made the bitmap ${unknown}`;
  }
}

/** As it is while nothing is under way. */
export function stateOf({ versions }: BitmapRecord): BitmapState {
  return versions.at(-1)?.state ?? gone;
}

function statesAt({ versions }: BitmapRecord, moment: number): BitmapState[] {
  return versions
    .filter(({ start }, index) => start <= moment && (versions[index + 1]?.end ?? pending) > moment)
    .map(({ state }) => state);
}

/** `ends`: bytes of each zone that count. */
function faultOf(
  found: KnownBitmap | undefined,
  state: BitmapState,
  content: GuestContent,
  ends: readonly number[],
): string | undefined {
  if (!state.isThere) return found === undefined ? undefined : "is there";
  if (found === undefined) return "is lost";
  if (found.isInconsistent) return undefined;
  if (found.isEnabled !== state.isEnabled) return state.isEnabled ? "does not record" : "records";
  for (const [zone, set] of found.set.entries()) {
    const required = requiredOf(state, content, zone).subarray(0, ends[zone]);
    const stale = required.findIndex((byte, at) => byte === 1 && set[at] !== 1);
    if (stale >= 0) return `does not say that byte ${stale} of zone ${zone} was changed`;
  }
  return undefined;
}

/** Bytes of a zone for which a bit has to be set. */
export function requiredOf({ required, base }: BitmapState, content: GuestContent, zone: number): Uint8Array {
  const marks = required[zone]?.slice() ?? new Uint8Array(content.zones[zone]?.length ?? 0);
  const [now, before] = [content.zones[zone], base?.zones[zone]];
  if (now === undefined || before === undefined) return marks;
  for (let at = 0; at < marks.length; at++) if (now[at] !== before[at]) marks[at] = 1;
  return marks;
}

/** By zone, bytes of ranges of the disk: 1. */
export function marksOf(
  zones: readonly Zone[],
  ranges: readonly { readonly offset: number; readonly length: number }[],
): Uint8Array[] {
  return zones.map((zone) => {
    const marks = new Uint8Array(zone.length);
    for (const { offset, length } of ranges) {
      const from = Math.max(0, offset - zone.offset);
      const to = Math.min(zone.length, offset + length - zone.offset);
      if (from < to) marks.fill(1, from, to);
    }
    return marks;
  });
}
