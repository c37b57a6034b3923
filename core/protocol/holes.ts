// Which ranges of a file are holes: lseek with SEEK_DATA and SEEK_HOLE. Where the call or the file system does not
// tell, everything is data, which is always right and only slower.
import type { ExtentState } from "../block/node.ts";
import { type Libc, libc, seekEnd } from "./libc.ts";

const enxio = 6;

/** Size in bytes of what `fd` is open on, by seeking to its end: for block devices. undefined: not known. */
export function sizeBySeeking(fd: number): number | undefined {
  const end = libc()?.lseek(fd, 0, seekEnd);
  return end === undefined || end < 0 ? undefined : end;
}

/**
 * Finds data and holes of one open file; remembers the last segment, so that going forward costs two calls a segment. Who
 * comes back to a place asks the system again: another program may have written there meanwhile.
 */
export class HoleFinder {
  readonly #fd: number;
  #segment: { start: number; end: number; state: ExtentState } | undefined;
  #asked = -1;
  #unsupported = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** State and length, at most `length`, of the segment at `offset` < `size`. */
  at(offset: number, length: number, size: number): { state: ExtentState; length: number } {
    const known = this.#segment;
    const isAhead = known !== undefined && offset > this.#asked && offset < known.end;
    const segment = isAhead ? known : this.#find(offset, size);
    this.#asked = offset;
    return { state: segment.state, length: Math.min(length, segment.end - offset) };
  }

  /** Forgets what is known: the file was written. */
  forget(): void {
    this.#segment = undefined;
  }

  #find(offset: number, size: number): { start: number; end: number; state: ExtentState } {
    const everything = { start: offset, end: size, state: "data" as const };
    const seek = this.#unsupported ? undefined : libc();
    if (!seek) return everything;
    // Where the hole before ended, data begins: that was asked a moment ago.
    const isAhead = this.#segment?.state === "zero" && offset > this.#asked;
    const afterHole = isAhead && this.#segment?.end === offset;
    const data = afterHole ? offset : seek.lseek(this.#fd, offset, seek.seekData);
    if (data < 0) {
      // ENXIO: no data from here to the end. Anything else: the file system can't tell.
      if (seek.errno() === enxio) return this.#lastHole(seek, offset, size) ?? everything;
      this.#unsupported = true;
      return everything;
    }
    if (data > offset) return this.#keep(offset, Math.min(data, size), "zero");
    const hole = seek.lseek(this.#fd, offset, seek.seekHole);
    return hole > offset ? this.#keep(offset, Math.min(hole, size), "data") : everything;
  }

  /** What a file has lost by shrinking since it was opened is not a hole: reading it must fail, not give zeroes. */
  #lastHole(seek: Libc, offset: number, size: number) {
    const end = Math.min(size, seek.lseek(this.#fd, 0, seekEnd));
    return end > offset ? this.#keep(offset, end, "zero") : undefined;
  }

  #keep(start: number, end: number, state: ExtentState) {
    this.#segment = { start, end, state };
    return this.#segment;
  }
}
