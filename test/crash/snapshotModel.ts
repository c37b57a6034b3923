// Which snapshots there may be after a crash, and what each holds: from the answer to its making until its deletion is
// asked for it has to be there, from when it is asked for until its deletion is answered it may be.
import type { KnownSnapshot } from "./format.ts";
import { pending } from "./recorder.ts";

interface Moments {
  readonly start: number;
  /** `pending` until it was answered. */
  end: number;
}

export interface SnapshotRecord extends KnownSnapshot {
  readonly made: Moments;
  deleted: Moments | undefined;
}

export class SnapshotModel {
  readonly records: SnapshotRecord[];
  #made = 0;

  constructor(known: readonly KnownSnapshot[]) {
    this.records = known.map((one) => ({ ...one, made: { start: -1, end: -1 }, deleted: undefined }));
    this.#made = Math.max(0, ...known.map(({ name }) => Number(name.slice(1))));
  }

  /** Those that are there while no request is under way. */
  get live(): readonly SnapshotRecord[] {
    return this.records.filter(({ deleted }) => deleted === undefined);
  }

  /** A name that no snapshot of this life ever had. */
  newName(): string {
    this.#made++;
    return `s${this.#made}`;
  }

  /** What is wrong with the names found after a crash; undefined when nothing is. */
  faultAfterCrash(names: readonly string[], moment: number): string | undefined {
    const found = new Set(names);
    if (found.size < names.length) return `there are two snapshots of one name: ${names.join(", ")}`;
    for (const { name, made, deleted } of this.records) {
      const wasAsked = deleted !== undefined && deleted.start <= moment;
      if (made.end <= moment && !wasAsked && !found.has(name)) return `the snapshot ${name} is lost`;
      const isGone = deleted !== undefined && deleted.end <= moment;
      if (found.delete(name) && (made.start > moment || isGone)) return `the snapshot ${name} is there`;
    }
    const [unknown] = found;
    return unknown === undefined ? undefined : `nobody made the snapshot ${unknown}`;
  }

  contentOf(name: string): KnownSnapshot["content"] {
    const record = this.records.find((one) => one.name === name);
    if (record === undefined) throw new Error(`there is no snapshot ${name}`);
    return record.content;
  }

  begin(name: string, content: KnownSnapshot["content"], start: number): SnapshotRecord {
    const record = { name, content, made: { start, end: pending }, deleted: undefined };
    this.records.push(record);
    return record;
  }

  /** It could not be made. */
  forget(record: SnapshotRecord): void {
    this.records.splice(this.records.indexOf(record), 1);
  }
}
