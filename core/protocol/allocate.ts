// Space of an open file: holes punched, ranges zeroed or set aside without writing them, through fallocate. Where the
// system, the file system or the device cannot, `false` says so and the caller writes zero bytes or does nothing.
import { libc, libcError } from "./libc.ts";

const keepSize = 0x01;
const punchHole = 0x02;
const zeroRange = 0x10;

/** EINVAL: a device wants whole blocks. EPERM, ETXTBSY and others are failures. */
const unsupported = ["EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EINVAL", "ENODEV", "ENOTTY"];

/** Frees the range, which reads as zeroes then; the size stays. Throws with the system's code (EIO, EPERM). */
export function punch(fd: number, offset: number, length: number): boolean {
  return allocate(fd, punchHole + keepSize, offset, length);
}

/**
 * Makes the range zeroes that keep their space; a file grows when it reaches past the end. On a device only within it.
 * Throws with the system's code (ENOSPC, EIO).
 */
export function zeroInPlace(fd: number, offset: number, length: number, device: boolean): boolean {
  if (allocate(fd, device ? zeroRange + keepSize : zeroRange, offset, length)) return true;
  if (device) return false;
  // Some file systems (tmpfs) punch and set aside, but do not zero.
  return punch(fd, offset, length) && setAside(fd, offset, length);
}

/** Gives the range space, growing the file; what is there stays, what is new is zero. Throws ENOSPC, EFBIG. */
export function setAside(fd: number, offset: number, length: number): boolean {
  return allocate(fd, 0, offset, length);
}

function allocate(fd: number, mode: number, offset: number, length: number): boolean {
  const system = libc();
  if (system?.fallocate === undefined) return false;
  for (;;) {
    if (system.fallocate(fd, mode, offset, length) === 0) return true;
    const error = libcError("fallocate", system.errno());
    // A signal came; large ranges take long enough for that.
    if (error.code === "EINTR") continue;
    if (unsupported.includes(error.code ?? "")) return false;
    throw error;
  }
}
