// Seeded workloads over a QED image: what a guest does, alone and several requests at once, from the first opening
// to a clean close, on a recording file. A life can have several parts: each next one starts from what a crash
// left of the one before and begins with the repair of that.
import type { DirtyPolicy } from "../../core/block/driver.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { buildQed, type QedSpec } from "../build/qed.ts";
import type { Random } from "../build/random.ts";
import { type GuestContent, GuestModel, type GuestRequest, type Zone } from "./guestModel.ts";
import { type Opened, openQed, patternAt } from "./openQed.ts";
import { Clock, type FileRecord, pending, RecordingNode } from "./recorder.ts";

/** What stays the same over all parts of a life. */
export interface Setting {
  readonly clusterSize: number;
  readonly tableSize: number;
  readonly backingSize: number | undefined;
  /** Guest ranges in use; the last one ends where the disk can grow to. */
  readonly zones: readonly Zone[];
}

/** Where a part starts: a file and what the guest sees on it. */
export interface Start {
  readonly bytes: Uint8Array;
  readonly content: GuestContent;
  /** The tables are damaged until the opening has repaired them. */
  readonly damaged: boolean;
}

/** One part, from opening to close, with everything recorded. */
export interface Part {
  readonly setting: Setting;
  readonly damagedAtStart: boolean;
  readonly record: FileRecord;
  readonly model: GuestModel;
}

const mib = 1024 * 1024;

/** Small clusters mostly, since they are quick; ranges at both ends of the disk and across two L2 tables. */
export function chooseSetting(random: Random): { setting: Setting; start: Start } {
  const clusterSize = random.pick([4096, 4096, 4096, 65536]);
  const tableSize = random.pick([1, 2, 4]);
  const perTable = ((tableSize * clusterSize) / 8) * clusterSize;
  const half = clusterSize === 4096 ? 5 : 2;
  const size = perTable + half * clusterSize * 3 + random.below(clusterSize / 512) * 512;
  const zones = [
    { offset: 0, length: 2 * half * clusterSize },
    { offset: perTable - half * clusterSize, length: 2 * half * clusterSize },
    zoneAtEnd(size, half * clusterSize),
  ];
  const backingSize = random.pick([
    undefined,
    undefined,
    512 * (1 + random.below((half * clusterSize) / 512)),
    perTable + 512 * random.below(clusterSize / 512),
    size,
    size + mib,
  ]);
  const setting = { clusterSize, tableSize, backingSize, zones };
  return { setting, start: firstImage(setting, size, random) };
}

/** Whole clusters around the end of the disk. */
function zoneAtEnd(size: number, around: number): Zone {
  return { offset: size - (size % around), length: 2 * around };
}

/** An image with a few clusters of each kind, built apart from the driver. */
function firstImage(setting: Setting, size: number, random: Random): Start {
  const { clusterSize, tableSize, backingSize, zones } = setting;
  const clusters = new Map<number, Uint8Array | "zero">();
  const filledWith = random.pick([0, 0, 1, 3]);
  for (let left = filledWith; left > 0; left--) {
    const zone = random.pick(zones);
    const at = zone.offset + random.below(zone.length / clusterSize) * clusterSize;
    if (at + clusterSize > size) continue;
    const data = Uint8Array.from({ length: clusterSize }, (_, index) => 3 + ((at + index) % 13));
    clusters.set(at / clusterSize, random.pick([data, "zero" as const]));
  }
  const spec: QedSpec = {
    size,
    clusterSize,
    tableSize,
    clusters,
    tail: random.pick([0, 0, 512 * 3 + 100]),
    ...(backingSize !== undefined && { backing: { name: "base.raw", raw: true } }),
  };
  const content = zones.map(({ offset, length }) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += clusterSize) {
      const cluster = clusters.get((offset + at) / clusterSize);
      const part = bytes.subarray(at, at + clusterSize);
      if (cluster === undefined) fillFromBacking(part, offset + at, Math.min(backingSize ?? 0, size));
      else if (cluster !== "zero") part.set(cluster);
    }
    return bytes;
  });
  return { bytes: buildQed(spec).bytes, content: { size, zones: content }, damaged: false };
}

function fillFromBacking(target: Uint8Array, offset: number, end: number): void {
  for (let at = 0; at < target.length && offset + at < end; at++) target[at] = patternAt(offset + at);
}

/** Gives what the image is to be opened over instead of its file itself: a filter. */
export type Below = (file: BlockNode, clock: Clock) => Promise<BlockNode>;

/** Runs one part to a clean close. Throws when a request fails or what is read is not what was written. */
export async function runPart(
  setting: Setting,
  start: Start,
  random: Random,
  below: Below = async (file) => file,
): Promise<Part> {
  const clock = new Clock();
  const model = new GuestModel(setting.zones, start.content);
  const file = new RecordingNode("file", start.bytes, clock, random);
  const part = { setting, damagedAtStart: start.damaged, record: file.record, model };
  const guest = new Guest(setting, model, clock, random);
  const dirty: DirtyPolicy = start.damaged ? "repair" : random.pick(["report", "repair"] as const);
  const open = async () => openQed(await below(file, clock), setting.backingSize, { dirty });
  let opened = await open();
  for (let batches = 3 + random.below(8); batches > 0; batches--) {
    if (random.below(10) === 0) {
      await guest.close(opened);
      opened = await open();
    } else {
      await guest.batch(opened.node);
    }
  }
  await guest.compare(opened.node);
  await guest.close(opened);
  return part;
}

/** Does what a guest does and keeps the model. */
class Guest {
  readonly #setting: Setting;
  readonly #model: GuestModel;
  readonly #clock: Clock;
  readonly #random: Random;
  #size: number;
  #count = 0;

  constructor(setting: Setting, model: GuestModel, clock: Clock, random: Random) {
    this.#setting = setting;
    this.#model = model;
    this.#clock = clock;
    this.#random = random;
    this.#size = model.initial.size;
  }

  /** One request, or some in flight together; at most one of them changes the size. */
  async batch(node: BlockNode): Promise<void> {
    const count = this.#random.pick([1, 1, 2, 3, 5]);
    const requests: Promise<void>[] = [];
    let resized = false;
    for (let left = count; left > 0; left--) {
      const kind = this.#random.below(14);
      if (kind < 7) requests.push(this.#write(node));
      else if (kind < 10) requests.push(this.#zeroes(node));
      else if (kind < 13 || resized) requests.push(this.#flush(() => node.flush()));
      else {
        resized = true;
        requests.push(this.#grow(node));
      }
    }
    await Promise.all(requests);
  }

  /** A close makes everything durable, as a flush does. */
  async close(opened: Opened): Promise<void> {
    await this.#flush(() => opened.close());
  }

  /** Without a crash, what is read is what was written. */
  async compare(node: BlockNode): Promise<void> {
    if (node.size !== this.#size) throw new Error(`the disk has ${node.size} bytes, not ${this.#size}`);
    for (const [index, { offset, length }] of this.#setting.zones.entries()) {
      const actual = new Uint8Array(Math.max(0, Math.min(length, this.#size - offset)));
      await node.read(offset, actual);
      const fault = this.#model.faultNow(index, actual);
      if (fault !== undefined) throw new Error(`without any crash ${fault}`);
    }
  }

  async #write(node: BlockNode): Promise<void> {
    const { offset, length } = this.#range();
    const fua = this.#random.below(6) === 0;
    this.#count++;
    const count = this.#count;
    const bytes = Uint8Array.from({ length }, (_, at) => dataByte(count, offset + at));
    await this.#run({ kind: "write", offset, bytes, fua, start: this.#clock.tick(), end: pending }, () =>
      node.write(offset, bytes, { fua }),
    );
  }

  async #zeroes(node: BlockNode): Promise<void> {
    const { offset, length } = this.#range();
    const fua = this.#random.below(6) === 0;
    const mayUnmap = this.#random.below(2) === 0;
    const bytes = new Uint8Array(length);
    await this.#run({ kind: "zeroes", offset, bytes, fua, start: this.#clock.tick(), end: pending }, () =>
      node.writeZeroes(offset, length, { fua, mayUnmap }),
    );
  }

  #flush(request: () => Promise<void>): Promise<void> {
    return this.#run({ kind: "flush", start: this.#clock.tick(), end: pending }, request);
  }

  async #grow(node: BlockNode): Promise<void> {
    const last = this.#setting.zones.at(-1);
    const most = last === undefined ? 0 : last.offset + last.length;
    const size = this.#size + 512 * this.#random.below((most - this.#size) / 512 + 1);
    await this.#run({ kind: "resize", size, start: this.#clock.tick(), end: pending }, () =>
      node.resize(size),
    );
    this.#size = size;
  }

  async #run(request: GuestRequest, act: () => Promise<void>): Promise<void> {
    this.#model.requests.push(request);
    await act();
    request.end = this.#clock.tick();
  }

  /** In one zone, inside the disk: whole clusters, whole sectors or any bytes, up to three clusters. */
  #range(): Zone {
    const zone = this.#random.pick(this.#setting.zones.filter(({ offset }) => offset < this.#size));
    const end = Math.min(zone.offset + zone.length, this.#size);
    const unit = this.#random.pick([this.#setting.clusterSize, 512, 1]);
    const offset = zone.offset + this.#random.below(Math.max(1, (end - zone.offset) / unit)) * unit;
    const most = Math.min(this.#random.pick([1, 3]) * this.#setting.clusterSize, end - offset);
    const units = Math.max(1, Math.floor(most / unit));
    return { offset, length: Math.min(end - offset, (1 + this.#random.below(units)) * unit) };
  }
}

/** Never zero, and told apart by the request and the place. */
function dataByte(count: number, offset: number): number {
  return 1 + ((count * 53 + offset + Math.floor(offset / 512) * 7) % 255);
}
