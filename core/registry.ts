// The one list of drivers, and the guess of a format from an image's first bytes.
import type { Driver } from "./block/driver.ts";
import { blkdebug } from "./filter/blkdebug/blkdebug.ts";
import { blklogwrites } from "./filter/blklogwrites.ts";
import { blkverify } from "./filter/blkverify.ts";
import { bundle } from "./filter/bundle.ts";
import { compress } from "./filter/compress.ts";
import { copyOnRead } from "./filter/copyOnRead.ts";
import { logstate } from "./filter/logstate.ts";
import { quorum } from "./filter/quorum/quorum.ts";
import { qcow2 } from "./format/qcow2/qcow2.ts";
import { qed } from "./format/qed/qed.ts";
import { raw } from "./format/raw.ts";
import { file, hostCdrom, hostDevice } from "./protocol/file.ts";
import { memory } from "./protocol/memory.ts";
import { nullAio, nullCo } from "./protocol/null.ts";

export const drivers = {
  file,
  host_device: hostDevice,
  host_cdrom: hostCdrom,
  memory,
  "null-co": nullCo,
  "null-aio": nullAio,
  raw,
  qed,
  qcow2,
  blkverify,
  quorum,
  blklogwrites,
  logstate,
  blkdebug,
  "copy-on-read": copyOnRead,
  compress,
  bundle,
} as const;
export type DriverName = keyof typeof drivers;

export function driverNamed(name: string): Driver | undefined {
  // The table is one of exact types; a caller with a name from outside needs the common one.
  return Object.hasOwn(drivers, name) ? (drivers[name as DriverName] as unknown as Driver) : undefined;
}

/** Formats whose images can be checked. */
export const checkedFormats: readonly string[] = Object.keys(drivers).filter(
  (name) => driverNamed(name)?.checks === true,
);

/** Bytes that probing looks at. */
export const probeLength = 512;

/** The format with the highest score for the first bytes; an empty file is raw. */
export function probe(head: Uint8Array): DriverName {
  let best: DriverName = "raw";
  let most = 0;
  for (const name of Object.keys(drivers) as DriverName[]) {
    const score = driverNamed(name)?.probe?.(head) ?? 0;
    if (score > most) [best, most] = [name, score];
  }
  return best;
}
