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

const wordLength = 8;
/** Bytes of writes that are put together. */
const longestJoined = 64 * 1024;

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

/** Ascending; words of one item that follow each other as one write. */
export function wordWrites(words: readonly OwnedEdit[]): ItemWrite[] {
  return runsOf(words, () => wordLength).map((run) => {
    const length = run.length * wordLength;
    const [oldBytes, newBytes] = [new Uint8Array(length), new Uint8Array(length)];
    const [before, after] = [new DataView(oldBytes.buffer), new DataView(newBytes.buffer)];
    for (const [i, { oldWord, newWord }] of run.entries()) {
      before.setBigUint64(i * wordLength, oldWord);
      after.setBigUint64(i * wordLength, newWord);
    }
    const { item, offset } = run[0];
    return { item, offset, oldBytes, newBytes };
  });
}

/** The same of writes of any length. */
export function joinedWrites(writes: readonly ItemWrite[]): ItemWrite[] {
  return runsOf(writes, ({ oldBytes }) => oldBytes.length).map((run) => {
    const [first] = run;
    if (run.length === 1) return first;
    const all = (which: "oldBytes" | "newBytes") => {
      const bytes = new Uint8Array(run.reduce((sum, write) => sum + write[which].length, 0));
      for (const write of run) bytes.set(write[which], write.offset - first.offset);
      return bytes;
    };
    return { ...first, oldBytes: all("oldBytes"), newBytes: all("newBytes") };
  });
}

/** Ascending by offset, in runs of one item that follow each other in the file: the last of a run may reach beyond the limit. */
function runsOf<Part extends { readonly item: string; readonly offset: number }>(
  parts: readonly Part[],
  lengthOf: (part: Part) => number,
): [Part, ...Part[]][] {
  const runs: [Part, ...Part[]][] = [];
  let end = -1;
  let length = 0;
  for (const part of [...parts].sort((a, b) => a.offset - b.offset)) {
    const run = runs.at(-1);
    if (run?.[0].item === part.item && end === part.offset && length < longestJoined) run.push(part);
    else {
      runs.push([part]);
      length = 0;
    }
    length += lengthOf(part);
    end = part.offset + lengthOf(part);
  }
  return runs;
}
