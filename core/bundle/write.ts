// Writes a metadata-only bundle (layout.ts): pieces as they come, then the index, and the header last, so that what was
// cut off is no bundle. The file has another name until it is complete.
import * as fs from "node:fs";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { BlockError } from "../base/errors.ts";
import type { BlockNode } from "../block/node.ts";
import type { ByteRange } from "../block/structure.ts";
import { systemError } from "../protocol/systemError.ts";
import { giveName, partialName, replaceName } from "../repair/newName.ts";
import { encodeHeader, encodeIndex, headerBytes, type Piece, pieceBytes, sha256 } from "./layout.ts";
import type { BundlePlan, NamedPart, PlanJob } from "./plan.ts";

export interface BundleRequest {
  readonly plan: BundlePlan;
  /** The driver that reads the tables. */
  readonly format: string;
  /** The image's file. */
  readonly file: BlockNode;
  readonly to: string;
  /** Names of other files are overwritten with asterisks. */
  readonly redactNames: boolean;
  /** There may be a file of that name, which the person agreed to lose. */
  readonly replace: boolean;
}

const compress = promisify(gzip);
/** Tables become as small with it as with any, and up to fifteen times as fast. */
const level = 2;
/** What stands in place of a name: an asterisk. */
const blank = 0x2a;

/**
 * Answers the bundle's length, bytes. Throws EINVAL (there is such a file), ENOSPC, EACCES, EIO, ECANCELED; then nothing
 * is left behind.
 */
export async function writeBundle(request: BundleRequest, job: PlanJob): Promise<number> {
  const { to, replace } = request;
  if (!replace && fs.existsSync(to)) throw taken(to);
  const partial = partialName(to);
  try {
    const length = await write(request, partial, job);
    if (replace) replaceName(partial, to);
    else giveName(partial, to);
    return length;
  } catch (thrown) {
    fs.rmSync(partial, { force: true });
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") throw taken(to);
    throw thrown instanceof BlockError
      ? thrown
      : systemError(`Could not write '${to}'`, thrown, { path: to });
  }
}

function taken(name: string): BlockError {
  const hint = "Name a file that does not exist yet.";
  return new BlockError("EINVAL", `There is a file already: '${name}'`, { path: name, hint });
}

async function write(request: BundleRequest, partial: string, job: PlanJob): Promise<number> {
  const { plan, format, file, redactNames } = request;
  const fd = fs.openSync(partial, "wx");
  try {
    const pieces: Piece[] = [];
    let end = headerBytes;
    let done = 0;
    for await (const bytes of piecesOf(plan.ranges, file, redactNames ? plan.names : [])) {
      if (job.signal.aborted) throw new BlockError("ECANCELED", "The bundle was cancelled");
      const member = await compress(bytes, { level });
      writeAll(fd, member, end);
      pieces.push({ length: member.length, sha256: sha256(member) });
      end += member.length;
      done += bytes.length;
      job.progress(done, plan.total);
    }
    const { omitted, omittedTables } = plan;
    const facts = { format, fileSize: file.size, namesRedacted: redactNames, omitted, omittedTables };
    const index = encodeIndex({ ...facts, omitted: [...omitted] }, plan.ranges, pieces);
    writeAll(fd, index, end);
    fs.fsyncSync(fd);
    const indexHash = sha256(index);
    writeAll(fd, encodeHeader({ indexOffset: end, indexLength: index.length, indexHash }), 0);
    fs.fsyncSync(fd);
    return end + index.length;
  } finally {
    fs.closeSync(fd);
  }
}

/** The bytes of all ranges one behind the other, in pieces of `pieceBytes`; each is the caller's until the next. */
async function* piecesOf(
  ranges: readonly ByteRange[],
  file: BlockNode,
  blanked: readonly NamedPart[],
): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(pieceBytes);
  let filled = 0;
  for (const { offset, length } of ranges) {
    for (let done = 0; done < length; ) {
      const part = piece.subarray(filled, filled + Math.min(pieceBytes - filled, length - done));
      await file.read(offset + done, part);
      for (const name of blanked) blankIn(part, offset + done, name);
      filled += part.length;
      done += part.length;
      if (filled < pieceBytes) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** `part` is what the file has at `at`. */
function blankIn(part: Uint8Array, at: number, { offset, length }: ByteRange): void {
  const from = Math.max(0, offset - at);
  const to = Math.min(part.length, offset + length - at);
  if (to > from) part.fill(blank, from, to);
}

function writeAll(fd: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, at + done);
  }
}
