// What one item of a repair changes, byte by byte as far as it can be shown: writes in place, clusters copied to the end
// of the file, what is cut off it.
import type { ByteRange, RepairScript } from "../block/finding.ts";
import { MendedFile, overlapOf } from "../block/mendedFile.ts";
import type { BlockNode } from "../block/node.ts";
import type { ShownChange } from "./repairRun.ts";

/** Bytes shown of either side of a change. */
export const shownBytes = 4096;
/** Changes of one item that are shown. */
export const mostShown = 1000;

/** In the order of writing. Reads `file`; throws what reading it throws. */
export async function changesOf(
  file: BlockNode,
  script: RepairScript,
  item: { readonly id: string; readonly action: string },
): Promise<ShownChange[]> {
  const { cutSize, oldSize } = script;
  const place = script.places.find((each) => each.item === item.id);
  const shown: ShownChange[] = [];
  // A part of a cluster at the end makes way for copies, whoever's they are.
  const cuts = item.action === "trim" || (place !== undefined && !script.items.includes("trim"));
  if (cuts && cutSize < oldSize) {
    const before = await bytesAt(file, cutSize, oldSize - cutSize);
    shown.push({ kind: "cut", offset: cutSize, length: oldSize - cutSize, before, after: noBytes });
  }
  const mended = new MendedFile(file, script);
  if (place) {
    const end = place.offset + place.length;
    shown.push(...newOf(script, place));
    for (const { from, to, length } of script.copies) {
      if (to + length <= place.offset || to >= end || shown.length >= mostShown) continue;
      const part = overlapOf({ offset: to, length }, place.offset, end);
      const after = await bytesAt(mended, part.offset, part.length);
      shown.push({ kind: "copy", ...part, from: from + part.offset - to, before: noBytes, after });
    }
  }
  for (const { item: owner, ...write } of script.last ? [...script.writes, script.last] : script.writes) {
    if (owner === item.id && shown.length < mostShown) shown.push(shownWrite(write));
  }
  return shown;
}

/** What is new in a place behind what the file has, and no copy: neighbours as one. */
function newOf({ patches, copies }: RepairScript, { offset: start, length }: ByteRange): ShownChange[] {
  const runs: { offset: number; pieces: Uint8Array[]; length: number }[] = [];
  for (const { offset, newBytes } of [...patches].sort((a, b) => a.offset - b.offset)) {
    if (offset < start || offset >= start + length || runs.length >= mostShown) continue;
    if (copies.some(({ to, length: copied }) => offset >= to && offset < to + copied)) continue;
    const last = runs.at(-1);
    const run = last && last.offset + last.length === offset ? last : { offset, pieces: [], length: 0 };
    if (run !== last) runs.push(run);
    if (run.length < shownBytes) run.pieces.push(newBytes.slice(0, shownBytes));
    run.length += newBytes.length;
  }
  return runs.map((run) => {
    const after = Buffer.concat(run.pieces).subarray(0, shownBytes);
    return {
      kind: "grow",
      offset: run.offset,
      length: run.length,
      before: noBytes,
      after: Uint8Array.from(after),
    };
  });
}

const noBytes = new Uint8Array(0);

/** A write in place, as it is shown. */
export function shownWrite(write: {
  readonly offset: number;
  readonly oldBytes: Uint8Array;
  readonly newBytes: Uint8Array;
}): ShownChange {
  return {
    kind: "write",
    offset: write.offset,
    length: write.newBytes.length,
    before: write.oldBytes.slice(0, shownBytes),
    after: write.newBytes.slice(0, shownBytes),
  };
}

async function bytesAt(file: BlockNode, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, shownBytes, file.size - offset)));
  if (bytes.length > 0) await file.read(offset, bytes);
  return bytes;
}
