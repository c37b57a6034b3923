// Carries out what an undo journal says, forwards and backwards, from whatever a crash left: every place is found old,
// new, or torn between both; anything else means that another program changed the image, and nothing is touched.
import { hex } from "../base/bytes.ts";
import { asBlockError, BlockError } from "../base/errors.ts";
import { isZero } from "../base/zero.ts";
import type { RepairScript } from "../block/finding.ts";
import { indexBehind } from "../block/mendedFile.ts";
import type { BlockNode } from "../block/node.ts";
import type { RepairJob } from "../block/repair.ts";
import {
  headLength,
  type Journal,
  type JournalFile,
  type JournalWrite,
  JournalWriter,
  mostData,
  setState,
  sha256,
} from "./journal.ts";

type ImageFile = Pick<BlockNode, "size" | "read" | "write" | "flush" | "resize" | "extentAt">;

const changedHint =
  "Nothing was changed. Check the image again; a repair of what it is now can be planned anew.";

/** `offset` is the place at which it shows. */
function changed(what: string, offset: number): BlockError {
  return new BlockError("EINVAL", `The image has changed since the repair was planned: ${what}`, {
    offset,
    hint: changedHint,
  });
}

/** Writes and syncs the journal of a script. Throws EINVAL when the image is not as it was planned for, ENOSPC, EIO. */
export async function createJournal(
  image: ImageFile,
  script: RepairScript,
  journal: JournalFile,
  imagePath: string,
  job: RepairJob = {},
): Promise<void> {
  const { oldSize, cutSize, newSize, writes, last, patches, copies } = script;
  if (image.size !== oldSize) throw changed(`it has ${image.size} bytes, not ${oldSize}`, oldSize);
  const writer = new JournalWriter(journal);
  await writer.image(imagePath);
  for (const write of last ? [...writes, last] : writes) {
    const found = await readRange(image, write.offset, write.oldBytes.length);
    if (Buffer.compare(found, write.oldBytes) !== 0) throw changed(`at ${hex(write.offset)}`, write.offset);
    await writer.write(write, write === last);
  }
  for (const { offset, newBytes } of patches) await writer.patch(offset, newBytes);
  const sorted = [...patches].sort((a, b) => a.offset - b.offset);
  for (const copy of copies) {
    for (const { at, length } of pieces(0, copy.length)) {
      await turn(job);
      const piece = { from: copy.from + at, to: copy.to + at, length };
      const bytes = await readRange(image, piece.from, length);
      overlayAll(bytes, piece.to, sorted);
      await writer.copy({ ...piece, hash: sha256(bytes) });
    }
  }
  await saveTail(image, cutSize, oldSize, writer, job);
  const headHash = sha256(await readRange(image, 0, headLength({ cutSize })));
  await writer.finish({ oldSize, cutSize, newSize, headHash });
}

/** Lays over `target` (which begins at `start`) what falls into it of patches by offset, of which no two overlap. */
function overlayAll(target: Uint8Array, start: number, patches: RepairScript["patches"]): void {
  const end = start + target.length;
  for (let i = indexBehind(patches, start, (patch) => patch.offset + patch.newBytes.length); ; i++) {
    const patch = patches[i];
    if (patch === undefined || patch.offset >= end) break;
    overlay(target, start, patch.offset, patch.newBytes);
  }
}

/** What is cut off. Zeroes that follow each other are one record, however many they are. */
async function saveTail(
  image: ImageFile,
  from: number,
  to: number,
  writer: JournalWriter,
  job: RepairJob,
): Promise<void> {
  let zeroFrom = from;
  for await (const { at, length } of piecesOutsideHoles(image, from, to)) {
    await tell(job, at - from, to - from);
    const bytes = await readRange(image, at, length);
    if (isZero(bytes)) continue;
    if (at > zeroFrom) await writer.tail(zeroFrom, at - zeroFrom, undefined);
    await writer.tail(at, length, bytes);
    zeroFrom = at + length;
  }
  if (to > zeroFrom) await writer.tail(zeroFrom, to - zeroFrom, undefined);
}

interface Found {
  readonly anyNew: boolean;
  /** Writes of the repair that are whole in the image. */
  readonly written: number;
}

/**
 * Whether the image is the journal's, and how far the repair came. Throws EINVAL when it has changed since, ECANCELED.
 */
export async function examine(image: ImageFile, journal: Journal, job: RepairJob = {}): Promise<Found> {
  const { oldSize, cutSize, newSize, state } = journal;
  const places = placesOf(journal);
  if (image.size < cutSize || image.size > Math.max(oldSize, newSize)) {
    throw changed(`it has ${image.size} bytes`, cutSize);
  }
  const head = await readRange(image, 0, headLength(journal));
  for (const { offset, oldBytes } of places) overlay(head, 0, offset, oldBytes);
  if (Buffer.compare(sha256(head), journal.headHash) !== 0) throw changed("its header is another", 0);
  let anyNew = false;
  let anyOld = false;
  let written = 0;
  for (const [done, { offset, oldBytes, newBytes }] of places.entries()) {
    if (done % 1000 === 0) await tell(job, done, places.length);
    const found = await readRange(image, offset, oldBytes.length);
    if (Buffer.compare(found, newBytes) === 0) written++;
    for (let i = 0; i < found.length; i++) {
      if (oldBytes[i] === newBytes[i] && found[i] === oldBytes[i]) continue;
      if (found[i] === newBytes[i]) anyNew = true;
      else if (found[i] === oldBytes[i]) anyOld = true;
      else throw changed(`at ${hex(offset + i)}`, offset + i);
    }
  }
  if (anyNew && state !== "planned" && state !== "undone" && image.size !== newSize) {
    throw changed(`it has ${image.size} bytes, not ${newSize}`, newSize);
  }
  if (state === "planned" || state === "undone") {
    if (anyNew || image.size !== oldSize) throw changed("parts of the repair are there", 0);
  } else if (state === "applied" || state === "verified") {
    if (anyOld || image.size !== newSize) throw changed("parts of the repair are gone", 0);
    const at = await firstWrongCopy(image, journal, job);
    if (at !== undefined) throw changed(`at ${hex(at)}`, at);
  }
  return { anyNew, written };
}

/**
 * Does or finishes the repair. Throws EINVAL when the image has changed, EIO, ENOSPC, ECANCELED: it can then be
 * resumed or undone.
 */
export async function applyJournal(
  image: ImageFile,
  file: JournalFile,
  journal: Journal,
  job: RepairJob = {},
): Promise<void> {
  job.phase?.(phases.compare);
  const { anyNew } = await examine(image, journal, job);
  const isDone = journal.state === "applied" || journal.state === "verified";
  if (!isDone) {
    if (journal.state !== "applying") {
      await expectTail(image, file, journal, job);
      await setState(file, "applying");
    }
    // Nothing is changed in place before the copies are durable, and no source of theirs either.
    if (!anyNew) await makeCopies(image, journal, job);
    job.phase?.(phases.write);
    await writePlaces(image, journal.writes, "newBytes", job);
    if (journal.last) await writePlaces(image, [journal.last], "newBytes", {});
    await setState(file, "applied");
  }
  // What was applied before was just looked at.
  if (!isDone) {
    job.phase?.(phases.whole);
    await expectWritten(() => examine(image, { ...journal, state: "applied" }, job));
  }
  if (journal.state !== "verified") await setState(file, "verified");
}

/** Brings back every byte. Throws as `applyJournal` does. */
export async function undoJournal(
  image: ImageFile,
  file: JournalFile,
  journal: Journal,
  job: RepairJob = {},
): Promise<void> {
  job.phase?.(phases.compare);
  await examine(image, journal, job);
  if (journal.state === "undone") return;
  if (journal.state !== "planned") {
    if (journal.state !== "applying") await setState(file, "applying");
    job.phase?.(phases.undo);
    await writePlaces(image, placesOf(journal), "oldBytes", job);
    await restoreSize(image, file, journal);
    job.phase?.(phases.whole);
    await expectWritten(async () => {
      await examine(image, { ...journal, state: "planned" }, job);
      await expectTail(image, file, journal, job);
    });
  }
  await setState(file, "undone");
}

/** What is not as it was written is another's doing, or the disk's: that nothing was changed is not so any more. */
async function expectWritten(look: () => Promise<unknown>): Promise<void> {
  try {
    await look();
  } catch (thrown) {
    const { code, message, context } = asBlockError(thrown);
    if (code !== "EINVAL") throw thrown;
    throw new BlockError(
      "EIO",
      `The image is not as it was written: ${message}`,
      {
        ...context,
        hint: "Keep the undo journal, close what else uses the image, and look at the disk that it is on.",
      },
      { cause: thrown },
    );
  }
}

function placesOf({ writes, last }: Journal): readonly JournalWrite[] {
  return last ? [...writes, last] : writes;
}

async function makeCopies(image: ImageFile, journal: Journal, job: RepairJob): Promise<void> {
  const { cutSize, newSize, copies, patches } = journal;
  if (image.size !== cutSize) await image.resize(cutSize);
  if (newSize !== cutSize) await image.resize(newSize);
  job.phase?.(phases.copy);
  for (const [done, { from, to, length }] of copies.entries()) {
    await tell(job, done, copies.length);
    await image.write(to, await readRange(image, from, length));
  }
  for (const { offset, newBytes } of patches) await image.write(offset, newBytes);
  await image.flush();
  job.phase?.(phases.readCopies);
  const wrong = await firstWrongCopy(image, journal, job);
  if (wrong === undefined) return;
  throw new BlockError("EIO", `What was copied to ${hex(wrong)} reads back differently`, {
    offset: wrong,
    hint: "Undo the repair, and look at the disk that the image is on.",
  });
}

/** Of copies, and of what is laid over them or lies behind them. */
async function firstWrongCopy(
  image: ImageFile,
  { copies, patches }: Journal,
  job: RepairJob,
): Promise<number | undefined> {
  for (const [done, { to, length, hash }] of copies.entries()) {
    await tell(job, done, copies.length);
    if (Buffer.compare(sha256(await readRange(image, to, length)), hash) !== 0) return to;
  }
  for (const [done, { offset, newBytes }] of patches.entries()) {
    if (done % 1000 === 0) await tell(job, done, patches.length);
    if (Buffer.compare(await readRange(image, offset, newBytes.length), newBytes) !== 0) return offset;
  }
  return undefined;
}

async function writePlaces(
  image: ImageFile,
  places: readonly JournalWrite[],
  which: "oldBytes" | "newBytes",
  job: RepairJob,
): Promise<void> {
  for (const [done, write] of places.entries()) {
    if (done % 1000 === 0) await tell(job, done, places.length);
    await image.write(write.offset, write[which]);
  }
  await image.flush();
  if (places.length > 0) job.phase?.(phases.read);
  for (const [done, write] of places.entries()) {
    if (done % 1000 === 0) await tell(job, done, places.length);
    const found = await readRange(image, write.offset, write[which].length);
    if (Buffer.compare(found, write[which]) === 0) continue;
    throw new BlockError("EIO", `What was written at ${hex(write.offset)} reads back differently`, {
      offset: write.offset,
      length: found.length,
    });
  }
}

/** Entries no longer point behind the old end, durably, when this is called. */
async function restoreSize(
  image: ImageFile,
  file: JournalFile,
  { oldSize, cutSize, tail }: Journal,
): Promise<void> {
  if (cutSize === oldSize) {
    if (image.size !== oldSize) await image.resize(oldSize);
  } else {
    if (image.size !== cutSize) await image.resize(cutSize);
    await image.resize(oldSize);
    for (const { offset, length, at } of tail) {
      if (at !== undefined) await image.write(offset, await readRange(file, at, length));
    }
  }
  await image.flush();
}

async function expectTail(
  image: ImageFile,
  file: JournalFile,
  { tail }: Journal,
  job: RepairJob,
): Promise<void> {
  const start = tail[0]?.offset ?? 0;
  const total = tail.reduce((sum, { length }) => sum + length, 0);
  for (const { offset, length, at: kept } of tail) {
    const end = offset + length;
    for await (const piece of kept === undefined
      ? piecesOutsideHoles(image, offset, end)
      : pieces(offset, end)) {
      await tell(job, piece.at - start, total);
      const found = await readRange(image, piece.at, piece.length);
      const isSame =
        kept === undefined
          ? isZero(found)
          : Buffer.compare(found, await readRange(file, kept + piece.at - offset, piece.length)) === 0;
      if (!isSame) throw changed(`behind ${hex(piece.at)}`, piece.at);
    }
  }
}

async function readRange(file: Pick<BlockNode, "read">, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  if (length > 0) await file.read(offset, bytes);
  return bytes;
}

/** Lays what of `bytes` (at `offset`) falls into `target` (which begins at `start`) over it. */
function overlay(target: Uint8Array, start: number, offset: number, bytes: Uint8Array): void {
  const from = Math.max(start, offset);
  const to = Math.min(start + target.length, offset + bytes.length);
  if (from < to) target.set(bytes.subarray(from - offset, to - offset), from - start);
}

function* pieces(start: number, end: number): Generator<{ readonly at: number; readonly length: number }> {
  for (let at = start; at < end; at += mostData) yield { at, length: Math.min(mostData, end - at) };
}

/** Without the pieces that are holes: a tail of terabytes may have next to nothing on the disk. */
async function* piecesOutsideHoles(
  image: ImageFile,
  start: number,
  end: number,
): AsyncGenerator<{ readonly at: number; readonly length: number }> {
  for (let at = start; at < end; ) {
    const { state, length } = await image.extentAt(at, end - at);
    const isHole = state === "zero" && (length >= mostData || length === end - at);
    // In whole pieces: what follows is cut at the same places whether there are holes or not.
    const passed = length === end - at ? length : length - (length % mostData);
    const piece = Math.min(mostData, end - at);
    if (!isHole) yield { at, length: piece };
    at += isHole ? passed : piece;
  }
}

/** What is being done, for a person who watches. */
const phases = {
  compare: "Comparing the image with the journal",
  copy: "Copying to the end of the file",
  readCopies: "Reading back what was copied",
  write: "Writing changes",
  undo: "Taking changes back",
  read: "Reading back what was written",
  whole: "Reading back the whole repair",
} as const;

async function tell(job: RepairJob, done: number, total: number): Promise<void> {
  job.progress?.(done, total);
  await turn(job);
}

/** Lets a message to cancel in: reading and writing files gives no turn to it. Throws ECANCELED. */
async function turn({ signal }: RepairJob): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal?.aborted) throw new BlockError("ECANCELED", "The repair was cancelled");
}
