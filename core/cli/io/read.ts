// read and readv: bytes of the image, verified against a pattern, dumped, or only timed.
import { stdout } from "../output.ts";
import type { IoCommand } from "./command.ts";
import { CommandFailure, CommandMisuse } from "./failure.ts";
import { getopt } from "./getopt.ts";
import { patternByte, sizeNumber } from "./number.ts";
import { dump, report, stopwatch } from "./report.ts";
import {
  attempt,
  checkPattern,
  checkSectors,
  isAll,
  lengthNumber,
  readFill,
  readPieces,
  sum,
  vectorLengths,
} from "./request.ts";

export const read: IoCommand = {
  name: "read",
  alias: "r",
  args: "[-abCqv] [-P pattern [-s off] [-l len]] off len",
  oneline: "reads a number of bytes at a specified offset",
  more: `Reads a range of the open image; with -v its bytes are shown.

Example:
'read -v 512 1k' - shows the kilobyte that begins at byte 512

-b, -- the VM state instead of the disk
-C, -- report for programs: bytes,requests,time,bytes a second,requests a second
-l, -- verify this many bytes only (with -P)
-p, -- nothing; accepted for old scripts
-P, -- verify that every byte is this one
-q, -- no report
-s, -- verify from this byte of the range on (with -P)
-v, -- show the bytes`,
  min: 2,
  max: Number.POSITIVE_INFINITY,
  async run(session, args) {
    const options = getopt("read", args, "bCl:pP:qs:v", (letter, value) => {
      if (letter === "l" || letter === "s") sizeNumber(value);
      else checkPattern(letter, value);
    });
    const [from, much] = options.operands;
    if (from === undefined || much === undefined || options.operands.length > 2) throw new CommandMisuse();
    const offset = sizeNumber(from);
    const count = lengthNumber(much);
    const given = options.value("P");
    const pattern = given === undefined ? undefined : patternByte(given);
    const part = partOf(options.value("s"), options.value("l"), count, pattern !== undefined);
    if (options.has("b")) checkSectors(offset, count);

    const seconds = stopwatch();
    const shown: { bytes: Uint8Array; offset: number }[] = [];
    let matches = true;
    const isShown = options.has("v") && !options.has("q");
    await attempt("read", async () => {
      const use = (bytes: Uint8Array, at: number) => {
        if (pattern !== undefined) matches &&= isAll(within(bytes, at - offset, part), pattern);
        if (isShown) shown.push({ bytes: bytes.slice(), offset: at });
      };
      await readPieces(session.image, offset, count, session.signal, use, options.has("b"));
    });
    const taken = seconds();
    if (!matches) printMismatch(offset + part.start, part.length);
    for (const { bytes, offset: at } of shown) dump(bytes, at);
    if (!options.has("q")) {
      report({ verb: "read", offset, count, seconds: taken, machine: options.has("C") });
    }
    if (!matches) session.failed = true;
  },
};

/** The part of a request that is verified, relative to its beginning. */
interface Part {
  readonly start: number;
  readonly length: number;
}

function partOf(
  start: string | undefined,
  length: string | undefined,
  count: number,
  verifies: boolean,
): Part {
  if (!verifies && (start !== undefined || length !== undefined)) throw new CommandMisuse();
  const first = start === undefined ? 0 : sizeNumber(start);
  const much = length === undefined ? count - first : sizeNumber(length);
  if (much < 0 || first + much > count) {
    throw new CommandFailure("out", "pattern verification range exceeds end of read data");
  }
  return { start: first, length: much };
}

/** What of a piece that begins at `at` of the request is in the part. */
function within(bytes: Uint8Array, at: number, { start, length }: Part): Uint8Array {
  const from = Math.min(bytes.length, Math.max(0, start - at));
  return bytes.subarray(from, Math.max(from, start + length - at));
}

/** The offset is where the verified range begins, not the first byte that differs; scripts know it so. */
export function printMismatch(offset: number, length: number): void {
  stdout.line(`Pattern verification failed at offset ${offset}, ${length} bytes`);
}

export const readv: IoCommand = {
  name: "readv",
  args: "[-Cqv] [-P pattern] off len [len..]",
  oneline: "reads a number of bytes at a specified offset",
  more: `Reads a range of the open image into several buffers, one for each length; with -v its bytes are shown.

Example:
'readv -v 512 1k 1k' - shows the two kilobytes that begin at byte 512, read into two buffers

-C, -- report for programs: bytes,requests,time,bytes a second,requests a second
-P, -- verify that every byte is this one
-v, -- show the bytes
-q, -- no report`,
  min: 2,
  max: Number.POSITIVE_INFINITY,
  async run(session, args) {
    const options = getopt("readv", args, "CP:qv", checkPattern);
    const [from, ...lengths] = options.operands;
    if (from === undefined || lengths.length === 0) throw new CommandMisuse();
    const offset = sizeNumber(from);
    const { whole, parts } = buffers(vectorLengths(lengths), readFill);
    const seconds = stopwatch();
    await attempt("readv", () => session.image.readVector(offset, parts));
    const taken = seconds();
    const given = options.value("P");
    const matches = given === undefined || isAll(whole, patternByte(given));
    if (!matches) printMismatch(offset, whole.length);
    if (!options.has("q")) {
      if (options.has("v")) dump(whole, offset);
      report({
        verb: "read",
        offset,
        count: whole.length,
        seconds: taken,
        machine: options.has("C"),
      });
    }
    if (!matches) session.failed = true;
  },
};

/** Buffers one behind the other. */
export function buffers(
  lengths: readonly number[],
  fill: number,
): { whole: Uint8Array; parts: Uint8Array[] } {
  const whole = new Uint8Array(sum(lengths)).fill(fill);
  let at = 0;
  const parts = lengths.map((length) => {
    const part = whole.subarray(at, at + length);
    at += length;
    return part;
  });
  return { whole, parts };
}
