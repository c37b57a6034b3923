// An independent reader of dm-log-writes logs, written from the description of the format alone, that tests hold
// against what the product writes.
export interface LogEntry {
  readonly sector: number;
  readonly sectorCount: number;
  readonly flags: number;
  readonly text: string;
  /** The bytes behind the entry. */
  readonly payload: Uint8Array;
}

export interface Log {
  readonly sectorSize: number;
  readonly entries: readonly LogEntry[];
}

/** Reads as many entries as the superblock counts. Throws an Error where the log does not hold them. */
export function readLog(bytes: Uint8Array): Log {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = Buffer.from(bytes.subarray(0, 8)).toString("latin1");
  if (magic !== "rhswfsj\0") throw new Error(`no magic: ${JSON.stringify(magic)}`);
  if (view.getBigUint64(8, true) !== 1n) throw new Error("not version 1");
  const count = Number(view.getBigUint64(16, true));
  const sectorSize = view.getUint32(24, true);
  const entries: LogEntry[] = [];
  let at = sectorSize;
  for (let index = 0; index < count; index++) {
    const field = (offset: number) => Number(view.getBigUint64(at + offset, true));
    const [sector, sectorCount, flags, dataLength] = [field(0), field(8), field(16), field(24)];
    const text = Buffer.from(bytes.subarray(at + 32, at + 32 + dataLength)).toString("utf8");
    at += sectorSize;
    const hasPayload = Math.floor(flags / 4) % 2 === 0;
    const length = hasPayload ? sectorCount * sectorSize : 0;
    if (at + length > bytes.length) throw new Error(`entry ${index} reaches past the end`);
    entries.push({
      sector,
      sectorCount,
      flags,
      text,
      payload: Uint8Array.from(bytes.subarray(at, at + length)),
    });
    at += length;
  }
  return { sectorSize, entries };
}

/** What a disk of that size holds after the first `count` entries; discards leave zeroes. */
export function replay({ sectorSize, entries }: Log, size: number, count = entries.length): Uint8Array {
  const disk = new Uint8Array(size);
  for (const { sector, sectorCount, flags, payload } of entries.slice(0, count)) {
    const at = sector * sectorSize;
    const isDiscard = Math.floor(flags / 4) % 2 === 1;
    if (isDiscard) disk.fill(0, at, at + sectorCount * sectorSize);
    else disk.set(payload.subarray(0, Math.max(0, size - at)), at);
  }
  return disk;
}
