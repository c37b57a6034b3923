// Which ranges of a file are holes: lseek with SEEK_DATA and SEEK_HOLE, called through koffi because Node's fs
// has no lseek. koffi is loaded when the first extent is asked for. Where the call, the file system or koffi
// itself is not there, everything is data, which is always right and only slower.
import { createRequire } from "node:module";
import type { ExtentState } from "../block/node.ts";

interface Lseek {
  /** The offset found, -1 with `errno` otherwise. */
  call(fd: number, offset: number, whence: number): number;
  errno(): number;
  readonly data: number;
  readonly hole: number;
}

const seekEnd = 2;
const enxio = 6;
let loaded: Lseek | undefined | null = null;

function lseek(): Lseek | undefined {
  if (loaded !== null) return loaded;
  try {
    loaded = load();
  } catch {
    loaded = undefined;
  }
  return loaded;
}

function load(): Lseek | undefined {
  const { platform } = process;
  if (platform !== "linux" && platform !== "darwin") return undefined;
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const linux = platform === "linux";
  const library = linux ? koffi.load(null) : koffi.load("libSystem.B.dylib");
  const call = library.func(`int64_t ${linux ? "lseek64" : "lseek"}(int fd, int64_t offset, int whence)`);
  return {
    call: (fd, offset, whence) => Number(call(fd, offset, whence)),
    errno: () => koffi.errno(),
    // SEEK_DATA and SEEK_HOLE have swapped numbers on macOS.
    data: linux ? 3 : 4,
    hole: linux ? 4 : 3,
  };
}

/** Size in bytes of what `fd` is open on, by seeking to its end: for block devices. undefined: not known. */
export function sizeBySeeking(fd: number): number | undefined {
  const end = lseek()?.call(fd, 0, seekEnd);
  return end === undefined || end < 0 ? undefined : end;
}

/** Finds data and holes of one open file; remembers the last segment, so that going forward costs two calls a segment. */
export class HoleFinder {
  readonly #fd: number;
  #segment: { start: number; end: number; state: ExtentState } | undefined;
  #unsupported = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** State and length, at most `length`, of the segment at `offset` < `size`. */
  at(offset: number, length: number, size: number): { state: ExtentState; length: number } {
    const known = this.#segment;
    const segment = known && offset >= known.start && offset < known.end ? known : this.#find(offset, size);
    return { state: segment.state, length: Math.min(length, segment.end - offset) };
  }

  /** Forgets what is known: the file was written. */
  forget(): void {
    this.#segment = undefined;
  }

  #find(offset: number, size: number): { start: number; end: number; state: ExtentState } {
    const everything = { start: offset, end: size, state: "data" as const };
    const seek = this.#unsupported ? undefined : lseek();
    if (!seek) return everything;
    // Where the hole before ended, data begins: that was asked a moment ago.
    const afterHole = this.#segment?.state === "zero" && this.#segment.end === offset;
    const data = afterHole ? offset : seek.call(this.#fd, offset, seek.data);
    if (data < 0) {
      // ENXIO: no data from here to the end. Anything else: the file system can't tell.
      if (seek.errno() === enxio) return this.#lastHole(seek, offset, size) ?? everything;
      this.#unsupported = true;
      return everything;
    }
    if (data > offset) return this.#keep(offset, Math.min(data, size), "zero");
    const hole = seek.call(this.#fd, offset, seek.hole);
    return hole > offset ? this.#keep(offset, Math.min(hole, size), "data") : everything;
  }

  /** What a file has lost by shrinking since it was opened is not a hole: reading it must fail, not give zeroes. */
  #lastHole(seek: Lseek, offset: number, size: number) {
    const end = Math.min(size, seek.call(this.#fd, 0, seekEnd));
    return end > offset ? this.#keep(offset, end, "zero") : undefined;
  }

  #keep(start: number, end: number, state: ExtentState) {
    this.#segment = { start, end, state };
    return this.#segment;
  }
}
