// aio_read and aio_write: requests that go on while further commands run. Their reports and their errors are printed
// when they complete; a command that submitted its request has succeeded.
import { asBlockError } from "../../base/errors.ts";
import { strerror } from "../../base/strerror.ts";
import { stoppedByMismatch } from "../events.ts";
import { stdout } from "../output.ts";
import { inPlaceOfPeer } from "../persona.ts";
import type { IoCommand } from "./command.ts";
import { CommandFailure, CommandMisuse } from "./failure.ts";
import { getopt } from "./getopt.ts";
import { patternByte, sizeNumber } from "./number.ts";
import { buffers, printMismatch } from "./read.ts";
import { dump, report, stopwatch } from "./report.ts";
import { checkPattern, isAll, readFill, sum, vectorLengths, writeFill, writePieces } from "./request.ts";

/** Starts the request; what goes wrong is a line like any other. */
async function request(what: string, work: () => Promise<void>, done: () => void): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (stoppedByMismatch()) return;
    stdout.line(`${what} failed: ${strerror(asBlockError(error))}`);
    return;
  }
  done();
}

export const aioRead: IoCommand = {
  name: "aio_read",
  args: "[-Ciqv] [-P pattern] off len [len..]",
  oneline: "asynchronously reads a number of bytes",
  more: `Starts reading a range of the open image; aio_flush waits for its end. The command has succeeded when the
request has been submitted, whatever becomes of it.

Example:
'aio_read -v 512 1k 1k' - shows the two kilobytes that begin at byte 512, read into two buffers

-C, -- report for programs: bytes,requests,time,bytes a second,requests a second
-P, -- verify that every byte is this one
-i, -- counts an invalid request, and does nothing
-v, -- show the bytes
-q, -- no report`,
  min: 2,
  max: Number.POSITIVE_INFINITY,
  async run(session, args) {
    const options = getopt("aio_read", args, "CiP:qv", checkPattern);
    if (options.has("i")) {
      stdout.line("injecting invalid read request");
      return;
    }
    const [from, ...lengths] = options.operands;
    if (from === undefined || lengths.length === 0) throw new CommandMisuse();
    const offset = sizeNumber(from);
    const { whole, parts } = buffers(vectorLengths(lengths), readFill);
    const given = options.value("P");
    const { image } = session;
    const seconds = stopwatch();
    const done = () => {
      const taken = seconds();
      if (given !== undefined && !isAll(whole, patternByte(given))) printMismatch(offset, whole.length);
      if (options.has("q")) return;
      if (options.has("v")) dump(whole, offset);
      report({
        verb: "read",
        offset,
        count: whole.length,
        seconds: taken,
        machine: options.has("C"),
      });
    };
    session.inBackground(request("readv", () => image.readVector(offset, parts), done));
  },
};

export const aioWrite: IoCommand = {
  name: "aio_write",
  args: "[-Cfiquz] [-P pattern] off len [len..]",
  oneline: "asynchronously writes a number of bytes",
  more: `Starts writing a range of the open image; aio_flush waits for its end. The command has succeeded when the
request has been submitted, whatever becomes of it.

Example:
'aio_write 512 1k 1k' - writes the two kilobytes that begin at byte 512, from two buffers

-P, -- this byte instead of 0xcd
-C, -- report for programs: bytes,requests,time,bytes a second,requests a second
-f, -- on the disk when it completes (force unit access)
-i, -- counts an invalid request, and does nothing
-q, -- no report
-u, -- with -z: the range may be deallocated
-z, -- zeroes, as the format stores them best`,
  min: 2,
  max: Number.POSITIVE_INFINITY,
  writes: true,
  async run(session, args) {
    const options = getopt("aio_write", args, "CfiP:quz", checkPattern);
    if (options.has("i")) {
      stdout.line("injecting invalid write request");
      return;
    }
    const [from, ...lengths] = options.operands;
    if (from === undefined || lengths.length === 0) throw new CommandMisuse();
    const zeroes = options.has("z");
    if (zeroes && lengths.length > 1) {
      throw new CommandFailure("out", "-z supports only a single length parameter");
    }
    if (options.has("u") && !zeroes) throw new CommandFailure("out", "-u requires -z to be specified");
    const offset = sizeNumber(from);
    const count = zeroes ? sizeNumber(lengths[0] ?? "") : sum(vectorLengths(lengths));
    const { image, signal } = session;
    const fua = options.has("f");
    const given = options.value("P");
    const pattern = Uint8Array.of(given === undefined ? writeFill : patternByte(given));
    const seconds = stopwatch();
    const work = () =>
      zeroes
        ? image.writeZeroes(offset, count, { fua, mayUnmap: options.has("u") })
        : writePieces(image, offset, count, signal, { pattern, fua });
    const done = () => {
      if (options.has("q")) return;
      report({ verb: "wrote", offset, count, seconds: seconds(), machine: options.has("C") });
    };
    session.inBackground(request("aio_write", work, done));
  },
};

export const aioFlush: IoCommand = {
  name: "aio_flush",
  oneline: "completes all outstanding aio requests",
  run: (session) => session.unlessInterrupted(session.drain()),
};

export const flush: IoCommand = {
  name: "flush",
  alias: "f",
  oneline: "flush all in-core file state to disk",
  async run(session) {
    try {
      await session.image.flush();
    } catch (error) {
      // The peer fails here without a word.
      throw inPlaceOfPeer ? new CommandFailure("none", "", { cause: error }) : error;
    }
  },
};
