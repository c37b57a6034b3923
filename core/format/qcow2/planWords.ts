// Changes of single words of tables, of which a plan may have a million: each place once, and those side by side as one
// write. Objects are made member by member: what is spread out takes three times the room.
import type { ItemWrite } from "../../block/finding.ts";

/** A change of one word of 8 bytes; `offset` is that in the file as the plan's first part leaves it. */
export interface WordEdit {
  readonly offset: number;
  readonly oldWord: bigint;
  readonly newWord: bigint;
}

/** Of an item of the plan. */
export interface OwnedEdit extends WordEdit {
  readonly item: string;
}

export const wordLength = 8;
/** Bytes of writes that are put together. */
export const longestJoined = 64 * 1024;

export function wordBytes(word: bigint): Uint8Array {
  const bytes = new Uint8Array(wordLength);
  new DataView(bytes.buffer).setBigUint64(0, word);
  return bytes;
}

/** Each word once, as the last edit leaves it; it is the first one's. */
export function mergedWords(words: Iterable<OwnedEdit>): OwnedEdit[] {
  const merged = new Map<number, OwnedEdit>();
  for (const edit of words) {
    const { offset, newWord } = edit;
    const before = merged.get(offset);
    merged.set(offset, before ? { offset, oldWord: before.oldWord, newWord, item: before.item } : edit);
  }
  return [...merged.values()];
}

/** Ascending; `words` are not needed in any order. */
export function wordWrites(words: readonly OwnedEdit[]): ItemWrite[] {
  const sorted = [...words].sort((a, b) => a.offset - b.offset);
  const writes: ItemWrite[] = [];
  for (let first = 0, end = 0; first < sorted.length; first = end) {
    end = endOfRun(sorted, first);
    writes.push(writeOf(sorted, first, end));
  }
  return writes;
}

/** Index behind the last of the edits that are one write with the first. */
function endOfRun(sorted: readonly OwnedEdit[], first: number): number {
  const { offset = 0, item } = sorted[first] ?? {};
  let end = first + 1;
  while (end - first < longestJoined / wordLength) {
    const next = sorted[end];
    if (next?.item !== item || next?.offset !== offset + (end - first) * wordLength) break;
    end++;
  }
  return end;
}

function writeOf(sorted: readonly OwnedEdit[], first: number, end: number): ItemWrite {
  const length = (end - first) * wordLength;
  const [oldBytes, newBytes] = [new Uint8Array(length), new Uint8Array(length)];
  const [before, after] = [new DataView(oldBytes.buffer), new DataView(newBytes.buffer)];
  const { offset = 0, item = "" } = sorted[first] ?? {};
  for (let i = first; i < end; i++) {
    before.setBigUint64((i - first) * wordLength, sorted[i]?.oldWord ?? 0n);
    after.setBigUint64((i - first) * wordLength, sorted[i]?.newWord ?? 0n);
  }
  return { item, offset, oldBytes, newBytes };
}
