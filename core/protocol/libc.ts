// The few calls of the C library that Node's fs lacks: lseek, fallocate, fcntl locks. Called through koffi, which is
// loaded when the first of them is needed. A call that this system lacks is undefined, and the callers have a way
// without it.
import { createRequire } from "node:module";
import * as os from "node:os";

export interface Libc {
  /** The offset found, -1 with `errno` otherwise. */
  readonly lseek: (fd: number, offset: number, whence: number) => number;
  /** 0, or -1 with `errno`. */
  readonly fallocate: ((fd: number, mode: number, offset: number, length: number) => number) | undefined;
  /** fcntl with a `struct flock`: 0, or -1 with `errno`. Only where open file description locks may exist. */
  readonly fcntlLock: ((fd: number, command: number, lock: Uint8Array) => number) | undefined;
  errno(): number;
  /** Numbers for `whence` of lseek. */
  readonly seekData: number;
  readonly seekHole: number;
}

export const seekEnd = 2;

/** Where `struct flock` has the layout that locks.ts lays down. */
const wide = ["arm64", "loong64", "ppc64", "riscv64", "s390x", "x64"];

let loaded: Libc | undefined | null = null;

/** undefined where koffi cannot be loaded or the system is not one of those known here. */
export function libc(): Libc | undefined {
  if (loaded !== null) return loaded;
  try {
    loaded = load();
  } catch {
    loaded = undefined;
  }
  return loaded;
}

function load(): Libc | undefined {
  const { platform } = process;
  if (platform !== "linux" && platform !== "darwin") return undefined;
  const koffi = loadKoffi();
  const linux = platform === "linux";
  const library = linux ? koffi.load(null) : koffi.load("libSystem.B.dylib");
  /** The first of several prototypes that the library has: glibc's 64-bit names, then the plain ones of others. */
  const find = (...prototypes: string[]) => {
    for (const prototype of prototypes) {
      try {
        return library.func(prototype);
      } catch {
        // Not in this library: the next one.
      }
    }
    return undefined;
  };
  const lseek = linux
    ? find("int64_t lseek64(int fd, int64_t offset, int whence)", lseekPlain)
    : find(lseekPlain);
  if (lseek === undefined) return undefined;
  const fallocate = linux
    ? find(
        "int fallocate64(int fd, int mode, int64_t offset, int64_t length)",
        "int fallocate(int fd, int mode, int64_t offset, int64_t length)",
      )
    : undefined;
  const fcntl =
    linux && wide.includes(process.arch) ? find("int fcntl(int fd, int command, void *lock)") : undefined;
  return {
    lseek: (fd, offset, whence) => Number(lseek(fd, offset, whence)),
    fallocate: fallocate && ((fd, mode, offset, length) => Number(fallocate(fd, mode, offset, length))),
    fcntlLock: fcntl && ((fd, command, lock) => Number(fcntl(fd, command, lock))),
    errno: () => koffi.errno(),
    // SEEK_DATA and SEEK_HOLE have swapped numbers on macOS.
    seekData: linux ? 3 : 4,
    seekHole: linux ? 4 : 3,
  };
}

type Koffi = Pick<typeof import("koffi"), "load" | "errno">;

/** What koffi's own loader ends at, without the way there, which takes twice as long as the library itself. */
function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  try {
    return require(`@koromix/koffi-${process.platform}-${process.arch}`) as Koffi;
  } catch {
    // Installed in another place, or built here.
    return require("koffi") as Koffi;
  }
}

const lseekPlain = "int64_t lseek(int fd, int64_t offset, int whence)";

/** A failed call as Node's fs words such failures: `code` is the error's name, "ENOSPC". */
export function libcError(call: string, errno: number): NodeJS.ErrnoException {
  const name = Object.entries(os.constants.errno).find(([, number]) => number === errno)?.[0];
  const error: NodeJS.ErrnoException = new Error(`${name ?? `error ${errno}`}: ${call}`);
  if (name !== undefined) error.code = name;
  error.errno = -errno;
  error.syscall = call;
  return error;
}
