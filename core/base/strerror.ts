// Codes of errors as the C library words them: what qemu-img and qemu-io print of a request that failed.
import type { BlockError, BlockErrorCode } from "./errors.ts";

const texts: Readonly<Record<BlockErrorCode, string>> = {
  EIO: "Input/output error",
  EINVAL: "Invalid argument",
  ENOENT: "No such file or directory",
  EACCES: "Permission denied",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
  EBUSY: "Device or resource busy",
  ENOSPC: "No space left on device",
  EFBIG: "File too large",
  ENOTSUP: "Operation not supported",
  ECANCELED: "Operation canceled",
  // The peer answers EINVAL where a table breaks its format's rules, EIO where copies disagree.
  ECORRUPT: "Invalid argument",
  EMISMATCH: "Input/output error",
};

/** Linux numbers of errors that blkdebug may inject beside those with a code of their own. */
const numbered: Readonly<Record<number, string>> = {
  1: "Operation not permitted",
  2: "No such file or directory",
  4: "Interrupted system call",
  5: "Input/output error",
  11: "Resource temporarily unavailable",
  12: "Cannot allocate memory",
  13: "Permission denied",
  16: "Device or resource busy",
  19: "No such device",
  22: "Invalid argument",
  27: "File too large",
  28: "No space left on device",
  30: "Read-only file system",
  95: "Operation not supported",
  110: "Connection timed out",
  125: "Operation canceled",
};

/** The C library's text for the error. */
export function strerror({ code, context }: Pick<BlockError, "code" | "context">): string {
  return (context.errno === undefined ? undefined : numbered[context.errno]) ?? texts[code];
}

const numbers: Readonly<Record<BlockErrorCode, number>> = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EMISMATCH: 5,
  EACCES: 13,
  EBUSY: 16,
  EINVAL: 22,
  ECORRUPT: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  ENOTSUP: 95,
  ECANCELED: 125,
};

/** Linux' number of the error, positive. */
export function errnoOf({ code, context }: Pick<BlockError, "code" | "context">): number {
  return context.errno ?? numbers[code];
}

/** The code that says of a number of Linux the most; EIO for those without one. */
export function codeOfErrno(errno: number): BlockErrorCode {
  const found = Object.entries(numbers).find(([, number]) => number === errno);
  return (found?.[0] as BlockErrorCode | undefined) ?? "EIO";
}
