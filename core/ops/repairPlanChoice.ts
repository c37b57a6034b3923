// Which items of an offer are chosen: with all that they need, without what needs what is not; and what that would do to
// the file, in numbers and as one digest, by which the writing job knows that it does what the person saw.
import { createHash } from "node:crypto";
import { BlockError } from "../base/errors.ts";
import type { ByteRange, OfferedRepair, RepairOffer, RepairRisk, RepairScript } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import { journalBytes } from "../repair/journal.ts";
import { keptTail } from "../repair/keptTail.ts";
import { defaultItems } from "../repair/offer.ts";
import type { RepairChoice } from "./repairRun.ts";

export class RepairChooser {
  readonly #offer: RepairOffer;
  /** Of each item in the plan. */
  readonly #places: ReadonlyMap<string, number>;
  /** Items by an item that they need. */
  readonly #neededBy = new Map<string, string[]>();
  /** Bytes of the image's path, which the journal has in it. */
  readonly #pathLength: number;
  /** The image's file, of which only the extents are asked for. */
  readonly #file: Pick<BlockNode, "extentAt">;
  /** Of the last choice, whose map and preflight are asked for next. */
  #chosenScript: RepairScript | undefined;

  constructor(offer: RepairOffer, filename: string, file: Pick<BlockNode, "extentAt">) {
    this.#offer = offer;
    this.#places = new Map(offer.items.map(({ id }, place) => [id, place]));
    this.#file = file;
    this.#pathLength = Buffer.byteLength(filename);
    for (const { id, needs } of offer.items) {
      for (const need of needs) {
        const known = this.#neededBy.get(need);
        if (known) known.push(id);
        else this.#neededBy.set(need, [id]);
      }
    }
  }

  /** Throws EINVAL for an id that is not offered, EIO. */
  async choose(ids: readonly string[] | "default"): Promise<RepairChoice> {
    return this.#choice(this.#withNeeds(ids === "default" ? defaultItems(this.#offer) : ids));
  }

  /** Adds an item and what it needs to `ids`, or takes it away with all that need it. Throws EINVAL, EIO. */
  async toggle(ids: readonly string[], id: string, on: boolean): Promise<RepairChoice> {
    if (on) return this.#choice(this.#withNeeds([...ids, id]));
    const chosen = this.#withNeeds(ids);
    for (const gone of this.#reach([id], (each) => this.#neededBy.get(each) ?? [])) chosen.delete(gone);
    return this.#choice(chosen);
  }

  /** Of those ids and what they need. Throws EINVAL for an id that is not offered. */
  script(ids: readonly string[]): RepairScript {
    const all = this.#inOrder(this.#withNeeds(ids));
    const chosen = this.#chosenScript;
    return chosen !== undefined && isSameList(chosen.items, all) ? chosen : this.#offer.script(all);
  }

  /** The most that the journal of a script takes, bytes. Throws EIO. */
  async journalBytes(script: RepairScript): Promise<number> {
    if (script.items.length === 0) return 0;
    return journalBytes(script, this.#pathLength, await keptTail(this.#file, script));
  }

  /** Throws EINVAL when it is not offered. */
  item(id: string): OfferedRepair {
    const item = this.#offer.items[this.#places.get(id) ?? -1];
    if (item) return item;
    throw new BlockError("EINVAL", `There is no repair '${id}' for this image`, {
      hint: "Look at the image again: it may have changed since the plan was made.",
    });
  }

  #withNeeds(ids: readonly string[]): Set<string> {
    return this.#reach(ids, (id) => this.item(id).needs);
  }

  #reach(ids: readonly string[], next: (id: string) => readonly string[]): Set<string> {
    for (const id of ids) this.item(id);
    const reached = new Set(ids);
    // A set is walked to its end, also over what is added meanwhile.
    for (const id of reached) for (const other of next(id)) reached.add(other);
    return reached;
  }

  #inOrder(chosen: ReadonlySet<string>): string[] {
    const place = (id: string) => this.#places.get(id) ?? 0;
    return [...chosen].sort((a, b) => place(a) - place(b));
  }

  async #choice(chosen: ReadonlySet<string>): Promise<RepairChoice> {
    const ids = this.#inOrder(chosen);
    // Never two at a time: each of 100,000 items is 50 MB.
    this.#chosenScript = undefined;
    const script = this.#offer.script(ids);
    this.#chosenScript = script;
    const items = ids.map((id) => this.item(id));
    const risks: Record<RepairRisk, number> = {
      safe: 0,
      "may-lose-data": 0,
      "cannot-be-undone-elsewhere": 0,
    };
    for (const { risk } of items) risks[risk] += 1;
    return {
      ids,
      writes: script.writes.length + (script.last ? 1 : 0),
      copiedBytes: script.copies.reduce((sum, { length }) => sum + length, 0),
      cutBytes: script.oldSize - script.cutSize,
      newSize: script.newSize,
      risks,
      guestBytes: coveredBytes(items.flatMap(({ guest }) => guest)),
      journalBytes: await this.journalBytes(script),
      digest: digestOf(script),
    };
  }
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, place) => id === b[place]);
}

/** Each byte counts once, however many ranges it is in. */
export function coveredBytes(ranges: readonly ByteRange[]): number {
  let covered = 0;
  let end = 0;
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const from = Math.max(offset, end);
    end = Math.max(end, offset + length);
    covered += Math.max(0, end - from);
  }
  return covered;
}

/**
 * SHA-256 of everything a script does, hexadecimal: sizes, then copies, patches and writes in their order, each as a
 * line that says how many bytes follow.
 */
export function digestOf(script: RepairScript): string {
  const hash = createHash("sha256");
  hash.update(`repair ${script.oldSize} ${script.cutSize} ${script.newSize}\n`);
  for (const { from, to, length } of script.copies) hash.update(`copy ${from} ${to} ${length}\n`);
  for (const { offset, newBytes } of script.patches) {
    hash.update(`patch ${offset} ${newBytes.length}\n`).update(newBytes);
  }
  for (const { offset, oldBytes, newBytes } of script.writes) {
    hash.update(`write ${offset} ${oldBytes.length}\n`).update(oldBytes).update(newBytes);
  }
  if (script.last) {
    const { offset, oldBytes, newBytes } = script.last;
    hash.update(`last ${offset} ${oldBytes.length}\n`).update(oldBytes).update(newBytes);
  }
  return hash.digest("hex");
}
