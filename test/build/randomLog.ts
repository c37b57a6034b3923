// Write logs for tests, random or given entry by entry: what they hold as plain records, and their bytes, laid out here
// from the description of the format alone (write-log reference, 1).
import type { LogEntry } from "./logReader.ts";
import type { Random } from "./random.ts";

export type GivenEntry = Partial<LogEntry> & { readonly flags?: number };

export interface MadeLog {
  readonly sectorSize: number;
  readonly entries: readonly LogEntry[];
  readonly bytes: Uint8Array;
}

/** Entries with what is left out made up: no flags, sector 0, as many sectors as the payload has, no text. */
export function makeLog(sectorSize: number, given: readonly GivenEntry[]): MadeLog {
  const entries = given.map((entry) => {
    const payload = entry.payload ?? new Uint8Array(0);
    const filled = new Uint8Array(Math.ceil(payload.length / sectorSize) * sectorSize);
    filled.set(payload);
    return {
      sector: entry.sector ?? 0,
      sectorCount: entry.sectorCount ?? filled.length / sectorSize,
      flags: entry.flags ?? 0,
      text: entry.text ?? "",
      payload: filled,
    };
  });
  const parts = [
    superblock(sectorSize, entries.length),
    ...entries.flatMap((one) => laidOut(sectorSize, one)),
  ];
  return { sectorSize, entries, bytes: Uint8Array.from(Buffer.concat(parts)) };
}

function superblock(sectorSize: number, count: number): Uint8Array {
  const sector = new Uint8Array(sectorSize);
  sector.set(Buffer.from("rhswfsj\0", "latin1"));
  const view = new DataView(sector.buffer);
  view.setBigUint64(8, 1n, true);
  view.setBigUint64(16, BigInt(count), true);
  view.setUint32(24, sectorSize, true);
  return sector;
}

function laidOut(sectorSize: number, { sector, sectorCount, flags, text, payload }: LogEntry): Uint8Array[] {
  const header = new Uint8Array(sectorSize);
  const view = new DataView(header.buffer);
  const bytes = Buffer.from(text, "utf8");
  const fields = [sector, sectorCount, flags, bytes.length];
  for (const [i, value] of fields.entries()) view.setBigUint64(8 * i, BigInt(value), true);
  header.set(bytes, 32);
  return [header, payload];
}

/**
 * `count` entries of every kind over a disk of `sectors` sectors: overlapping writes, some of zeroes, some with flags,
 * discards, flushes (some with data), marks of repeating texts, writes of nothing.
 */
export function randomLog(random: Random, sectorSize: number, sectors: number, count: number): MadeLog {
  const range = () => {
    const sector = random.below(sectors);
    return { sector, sectorCount: 1 + random.below(Math.min(8, sectors - sector)) };
  };
  const write = (flags: number): GivenEntry => {
    const { sector, sectorCount } = range();
    const length = sectorCount * sectorSize;
    const payload = random.below(4) === 0 ? new Uint8Array(length) : random.bytes(length);
    // One byte at the very end tells it from zeroes, and only that.
    if (random.below(8) === 0) payload.fill(0, 0, length - 1)[length - 1] = 1;
    return { sector, flags, payload };
  };
  const kinds: readonly (() => GivenEntry)[] = [
    () => write(0),
    () => write(0),
    () => write(random.pick([1, 2, 3, 16, 18])),
    () => ({ ...range(), flags: random.pick([4, 20]) }),
    () => ({ flags: 1 }),
    () => ({ flags: 8, text: random.pick(["mkfs", "fsync 1", "FSYNC 10", "é"]) }),
    () => ({ sector: random.below(sectors) }),
  ];
  return makeLog(
    sectorSize,
    Array.from({ length: count }, () => random.pick(kinds)()),
  );
}
