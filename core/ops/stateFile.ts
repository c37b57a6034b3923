// A state of a log as a file, sparse, that a command can look at. The next state is made from the one before: only what
// differs is written. A command that changed the file, as a repair does, gets it made anew.
import * as fs from "node:fs";
import { asBlockError, BlockError } from "../base/errors.ts";
import { Pace } from "../base/pace.ts";
import { isZero } from "../base/zero.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { imageSpecForPath, openGraph } from "../graph.ts";
import { coversDisk } from "../writelog/logIndex.ts";
import type { LogStates } from "../writelog/state.ts";
import type { CrashState } from "../writelog/states.ts";

const pieceLength = 256 * 1024;
/** The file's time of change while nobody has written to it. */
const untouched = new Date(0);

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Makes the file as long as the disk. Throws EFBIG, with what to do about it, and what resizing throws. */
export async function lengthenTo(target: BlockNode, size: number): Promise<void> {
  try {
    await target.resize(size);
  } catch (thrown) {
    const error = asBlockError(thrown);
    if (error.code !== "EFBIG") throw error;
    throw new BlockError(
      "EFBIG",
      `A disk of ${size} bytes is more than a file can have here`,
      {
        hint: "The log writes that far: an entry of it may be damaged (blkscope log find LOG 'offset > 1TiB').",
      },
      { cause: thrown },
    );
  }
}

export class StateFile {
  readonly path: string;
  readonly #states: LogStates;
  readonly #size: number;
  #shown: CrashState | undefined;

  /** `path` is a name that nobody has. `size`: bytes of the disk. */
  constructor(states: LogStates, size: number, path: string) {
    this.#states = states;
    this.#size = size;
    this.path = path;
  }

  /** Throws ECANCELED, and what reading the log and writing throw. */
  async show(state: CrashState, signal: AbortSignal): Promise<void> {
    const before = this.#isUntouched() ? this.#shown : undefined;
    this.#shown = undefined;
    if (before === undefined) fs.rmSync(this.path, { force: true });
    if (before === undefined) fs.writeFileSync(this.path, "", { mode: 0o600, flag: "wx" });
    // The command reads through the page cache, and nobody else needs the file: it is never made durable.
    const options = { format: "raw", readOnly: false, cache: { noFlush: true } };
    const graph = await openGraph(imageSpecForPath(this.path), options);
    try {
      if (before === undefined) await lengthenTo(graph.root, this.#size);
      const pace = new Pace(signal);
      const ranges = before === undefined ? [{ start: 0, end: this.#size }] : this.#changed(before, state);
      for (const range of ranges) await this.#write(graph.root, state, range, before === undefined, pace);
    } finally {
      await graph.close();
    }
    // Time is coarse: a change right behind ours would not show, one behind a time long past always does.
    fs.utimesSync(this.path, untouched, untouched);
    this.#shown = state;
  }

  #isUntouched(): boolean {
    const stat = fs.statSync(this.path, { throwIfNoEntry: false });
    return stat?.isFile() === true && stat.mtimeMs === untouched.getTime() && stat.size === this.#size;
  }

  /** Ranges of the disk in which the two can differ, ascending, apart from each other. */
  #changed(a: CrashState, b: CrashState): Range[] {
    const { index } = this.#states;
    const ranges: Range[] = [];
    const add = (entry: number) => {
      if (!coversDisk(index, entry)) return;
      const start = index.offsetOf(entry);
      ranges.push({ start, end: Math.min(this.#size, start + index.lengthOf(entry)) });
    };
    for (let entry = Math.min(a.entries, b.entries); entry < Math.max(a.entries, b.entries); entry++)
      add(entry);
    for (const { lost } of [a, b]) for (const entry of lost.keys()) add(entry);
    ranges.sort((one, other) => one.start - other.start);
    const merged: Range[] = [];
    for (const { start, end } of ranges) {
      const last = merged.at(-1);
      if (last !== undefined && start <= last.end) {
        merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, end) };
      } else if (start < end) merged.push({ start, end });
    }
    return merged;
  }

  async #write(
    target: BlockNode,
    { entries, lost }: CrashState,
    { start, end }: Range,
    isZeroNow: boolean,
    pace: Pace,
  ): Promise<void> {
    const buffer = new Uint8Array(Math.min(pieceLength, end - start));
    for (let at = start; at < end; ) {
      let extent = await this.#extentAt(entries, at, Math.min(pieceLength, end - at), lost);
      // How far it goes takes longer to find: that is asked of zeroes alone, as data are taken piece by piece.
      if (extent.isZero && extent.length === pieceLength) {
        extent = await this.#extentAt(entries, at, end - at, lost);
      }
      const piece = extent.isZero ? undefined : buffer.subarray(0, Math.min(pieceLength, extent.length));
      if (piece !== undefined) await this.#states.read(entries, at, piece, lost);
      const length = piece?.length ?? extent.length;
      if (piece !== undefined && !isZero(piece)) await target.write(at, piece);
      else if (!isZeroNow) await target.writeZeroes(at, length, { mayUnmap: true });
      at += length;
      if (pace.due) await pace.turn();
      if (pace.stopped) throw new BlockError("ECANCELED", "The search was stopped");
    }
  }

  /** What the base has where the log wrote nothing counts, too. */
  async #extentAt(
    entries: number,
    offset: number,
    length: number,
    lost: CrashState["lost"],
  ): Promise<{ length: number; isZero: boolean }> {
    const extent = await this.#states.extentAt(entries, offset, length, lost);
    if (extent.state !== "unallocated") return { length: extent.length, isZero: extent.state === "zero" };
    const { base } = this.#states;
    if (base === undefined || offset >= base.size) return { length: extent.length, isZero: true };
    const below = await chainExtentAt(base, offset, Math.min(extent.length, base.size - offset));
    return { length: below.length, isZero: below.state !== "data" };
  }
}
