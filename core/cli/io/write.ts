// write, writev and discard.
import type { IoCommand } from "./command.ts";
import { CommandFailure, CommandMisuse } from "./failure.ts";
import { getopt, type Letters } from "./getopt.ts";
import { patternByte, sizeNumber } from "./number.ts";
import { report, stopwatch } from "./report.ts";
import {
  attempt,
  checkPattern,
  checkSectors,
  lengthNumber,
  patternFile,
  sum,
  vectorLengths,
  writeFill,
  writePieces,
} from "./request.ts";

export const write: IoCommand = {
  name: "write",
  alias: "w",
  args: "[-bcCfnquz] [-P pattern | -s source_file] off len",
  oneline: "writes a number of bytes at a specified offset",
  more: `Writes a range of the open image: bytes of 0xcd unless told otherwise.

Example:
'write 512 1k' - writes the kilobyte that begins at byte 512

-b, -- the VM state instead of the disk
-c, -- compressed, as one cluster
-f, -- on the disk when it returns (force unit access)
-n, -- with -z: fails rather than writing zero bytes
-p, -- nothing; accepted for old scripts
-P, -- this byte instead of 0xcd
-s, -- the bytes of this file, repeated
-C, -- report for programs: bytes,requests,time,bytes a second,requests a second
-q, -- no report
-u, -- with -z: the range may be deallocated
-z, -- zeroes, as the format stores them best`,
  min: 2,
  max: Number.POSITIVE_INFINITY,
  writes: true,
  async run(session, args) {
    const options = getopt("write", args, "bcCfnpP:qs:uz", checkPattern);
    const [from, much] = options.operands;
    if (from === undefined || much === undefined || options.operands.length > 2) throw new CommandMisuse();
    refuseConflicts(options);
    const offset = sizeNumber(from);
    const zeroes = options.has("z");
    const unlimited = zeroes && options.has("n");
    const count = unlimited ? sizeNumber(much) : lengthNumber(much, " without -n");
    if (options.has("b") || options.has("c")) checkSectors(offset, count);
    const pattern = zeroes ? new Uint8Array(1) : patternOf(options, count);
    const fua = options.has("f");
    const seconds = stopwatch();
    await attempt("write", async () => {
      const [compressed, vmState] = [options.has("c"), options.has("b")];
      if (!zeroes) {
        const how = { pattern, fua, compressed, vmState };
        return writePieces(session.image, offset, count, session.signal, how);
      }
      const flags = { fua, mayUnmap: options.has("u"), noFallback: options.has("n") };
      return session.image.writeZeroes(offset, count, flags);
    });
    if (options.has("q")) return;
    report({ verb: "wrote", offset, count, seconds: seconds(), machine: options.has("C") });
  },
};

function refuseConflicts(options: Letters): void {
  const refuse = (when: boolean, message: string) => {
    if (when) throw new CommandFailure("out", message);
  };
  const has = options.has;
  refuse(has("b") && has("z"), "-b and -z cannot be specified at the same time");
  refuse(has("f") && (has("b") || has("c")), "-f and -b or -c cannot be specified at the same time");
  refuse(has("n") && !has("z"), "-n requires -z to be specified");
  refuse(has("u") && !has("z"), "-u requires -z to be specified");
  const contents = ["z", "P", "s"].filter(has).length;
  refuse(contents > 1, "Only one of -z, -P, and -s can be specified at the same time");
}

function patternOf(options: Letters, count: number): Uint8Array {
  const file = options.value("s");
  if (file !== undefined) return patternFile(file, count);
  const byte = options.value("P");
  return Uint8Array.of(byte === undefined ? writeFill : patternByte(byte));
}

export const writev: IoCommand = {
  name: "writev",
  args: "[-Cfq] [-P pattern] off len [len..]",
  oneline: "writes a number of bytes at a specified offset",
  more: `Writes a range of the open image from several buffers, one for each length.

Example:
'writev 512 1k 1k' - writes the two kilobytes that begin at byte 512, from two buffers

-P, -- this byte instead of 0xcd
-C, -- report for programs: bytes,requests,time,bytes a second,requests a second
-f, -- on the disk when it returns (force unit access)
-q, -- no report`,
  min: 2,
  max: Number.POSITIVE_INFINITY,
  writes: true,
  async run(session, args) {
    const options = getopt("writev", args, "CfP:q", checkPattern);
    const [from, ...lengths] = options.operands;
    if (from === undefined || lengths.length === 0) throw new CommandMisuse();
    const offset = sizeNumber(from);
    const count = sum(vectorLengths(lengths));
    const pattern = patternOf(options, count);
    const seconds = stopwatch();
    await attempt("writev", () =>
      writePieces(session.image, offset, count, session.signal, { pattern, fua: options.has("f") }),
    );
    if (options.has("q")) return;
    report({ verb: "wrote", offset, count, seconds: seconds(), machine: options.has("C") });
  },
};

export const discard: IoCommand = {
  name: "discard",
  alias: "d",
  args: "[-Cq] off len",
  oneline: "discards a number of bytes at a specified offset",
  more: `Tells the open image that a range is not needed any more.

Example:
'discard 512 1k' - gives up the kilobyte that begins at byte 512

-C, -- report for programs: bytes,requests,time,bytes a second,requests a second
-q, -- no report`,
  min: 2,
  max: Number.POSITIVE_INFINITY,
  writes: true,
  async run(session, args) {
    const options = getopt("discard", args, "Cq");
    const [from, much] = options.operands;
    if (from === undefined || much === undefined || options.operands.length > 2) throw new CommandMisuse();
    const offset = sizeNumber(from);
    const count = lengthNumber(much);
    const seconds = stopwatch();
    await attempt("discard", () => session.image.discard(offset, count));
    if (options.has("q")) return;
    report({ verb: "discard", offset, count, seconds: seconds(), machine: options.has("C") });
  },
};
