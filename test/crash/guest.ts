// What a guest does to its disk, and the machine around it to the image: requests by chance, each noted in the models
// with its moments before it is asked for.
import { BlockError } from "../../core/base/errors.ts";
import type { BlockNode } from "../../core/block/node.ts";
import type { Random } from "../build/random.ts";
import type { BitmapModel } from "./bitmapModel.ts";
import { fillFromBacking } from "./firstImage.ts";
import type { Setting } from "./format.ts";
import {
  type GuestContent,
  type GuestModel,
  type GuestRequest,
  type GuestWrite,
  lengthIn,
  readZones,
  type Zone,
} from "./guestModel.ts";
import type { Machine } from "./machine.ts";
import type { Opened } from "./openImage.ts";
import { type Clock, pending } from "./recorder.ts";
import type { SnapshotModel } from "./snapshotModel.ts";

export interface GuestParts {
  readonly setting: Setting;
  readonly model: GuestModel;
  readonly snapshots: SnapshotModel;
  readonly bitmaps: BitmapModel;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly random: Random;
}

export class Guest {
  readonly #setting: Setting;
  readonly #model: GuestModel;
  readonly #snapshots: SnapshotModel;
  readonly #bitmaps: BitmapModel;
  readonly #machine: Machine;
  readonly #clock: Clock;
  readonly #random: Random;
  #size: number;
  /** A request in flight changes the size, or means another range when the size changes. */
  #isSizeTaken = false;
  #count = 0;

  constructor({ setting, model, snapshots, bitmaps, machine, clock, random }: GuestParts) {
    this.#setting = setting;
    this.#model = model;
    this.#snapshots = snapshots;
    this.#bitmaps = bitmaps;
    this.#machine = machine;
    this.#clock = clock;
    this.#random = random;
    this.#size = model.initial.size;
  }

  /** One request, or some in flight together. */
  async batch(node: BlockNode): Promise<void> {
    const count = this.#random.pick([1, 1, 2, 3, 5]);
    const requests: Promise<void>[] = [];
    this.#isSizeTaken = false;
    for (let left = count; left > 0; left--) requests.push(this.#one(node));
    await Promise.all(requests);
  }

  #one(node: BlockNode): Promise<void> {
    const { can } = this.#setting.format;
    const kind = this.#random.below(18);
    if (kind < 7) return this.#write(node);
    if (kind < 10) return this.#zeroes(node);
    if (kind < 12 && can.discard !== "nothing") return this.#discard(node);
    if (kind < 14 && can.compress) return this.#compressed(node);
    if (kind < 17 || this.#isSizeTaken || !this.#canResize) return this.#flush(() => node.flush());
    return this.#grow(node);
  }

  /** Whether there is anything that is done with no other request in flight. */
  get canAlone(): boolean {
    const { can } = this.#setting.format;
    return can.shrink || can.snapshots || this.#machine.canAct;
  }

  async alone(node: BlockNode): Promise<void> {
    const { can } = this.#setting.format;
    if (this.#machine.canAct && this.#random.below(3) > 0) {
      return this.#machine.act(node, await this.#content(node));
    }
    if (can.snapshots && (!this.#canResize || this.#random.below(4) > 0)) return this.#snapshot(node);
    if (can.shrink && this.#canResize) return this.#shrink(node);
  }

  /** A close makes everything durable, as a flush does. */
  async close(opened: Opened): Promise<void> {
    await this.#flush(() => opened.close());
  }

  /** Without a crash, what is read is what was written. */
  async compare(node: BlockNode): Promise<void> {
    await this.#content(node);
  }

  async #content(node: BlockNode): Promise<GuestContent> {
    if (node.size !== this.#size) throw new Error(`the disk has ${node.size} bytes, not ${this.#size}`);
    const content = await readZones(node, this.#setting.zones);
    for (const [index, zone] of this.#setting.zones.entries()) {
      const actual = (content.zones[index] ?? new Uint8Array(0)).subarray(0, lengthIn(zone, this.#size));
      const fault = this.#model.faultNow(index, actual);
      if (fault !== undefined) throw new Error(`without any crash ${fault}`);
    }
    return content;
  }

  async #write(node: BlockNode): Promise<void> {
    const range = this.#range();
    const fua = this.#random.below(6) === 0;
    const write = this.#newWrite("write", range.offset, this.#data(range), fua);
    await this.#run([write], () => node.write(range.offset, write.bytes, { fua }));
  }

  async #zeroes(node: BlockNode): Promise<void> {
    const { offset, length } = this.#range();
    const fua = this.#random.below(6) === 0;
    const mayUnmap = this.#random.below(2) === 0;
    const write = this.#newWrite("zeroes", offset, new Uint8Array(length), fua);
    await this.#run([write], () => node.writeZeroes(offset, length, { fua, mayUnmap }));
  }

  /** Of whole clusters, and the last one of the disk, nothing is left; the rest of the range stays. */
  async #discard(node: BlockNode): Promise<void> {
    const { clusterSize } = this.#setting;
    const { offset, length } = this.#range();
    const end = this.#fixedEnd(offset + length);
    if (end <= offset) return this.#flush(() => node.flush());
    const from = Math.ceil(offset / clusterSize) * clusterSize;
    const to = end === this.#size ? end : Math.floor(end / clusterSize) * clusterSize;
    const zeroes = new Uint8Array(Math.max(0, to - from));
    const requests = zeroes.length === 0 ? [] : [this.#newWrite("zeroes", from, zeroes, false)];
    await this.#run(requests, () => node.discard(offset, end - offset));
  }

  /** Whole clusters of one L2 table. Where something is stored already the request is refused, and nothing changes. */
  async #compressed(node: BlockNode): Promise<void> {
    const { clusterSize, perTable } = this.#setting;
    const range = this.#range();
    const offset = Math.floor(range.offset / clusterSize) * clusterSize;
    const tableEnd = Math.floor(offset / perTable + 1) * perTable;
    const wanted = offset + Math.ceil(range.length / clusterSize) * clusterSize;
    const end = this.#fixedEnd(Math.min(wanted, tableEnd, this.#size));
    if (end <= offset) return this.#flush(() => node.flush());
    const write = this.#newWrite("write", offset, this.#data({ offset, length: end - offset }), false);
    await this.#run([write], () => node.writeCompressed?.(offset, write.bytes), ["EIO"]);
  }

  /** Where a range ends: with the disk within a cluster only if the disk stays as long as it is meanwhile. */
  #fixedEnd(end: number): number {
    const { clusterSize } = this.#setting;
    if (end !== this.#size || end % clusterSize === 0) return end;
    if (this.#isSizeTaken) return Math.floor(end / clusterSize) * clusterSize;
    this.#isSizeTaken = true;
    return end;
  }

  async #flush(request: () => Promise<void>): Promise<void> {
    await this.#run([{ kind: "flush", start: this.#clock.tick(), end: pending }], request);
  }

  get #canResize(): boolean {
    // Bitmaps that are not to be believed are of a disk of that size.
    if (this.#bitmaps.live.some(({ wasInconsistent }) => wasInconsistent)) return false;
    return this.#setting.format.can.resizeWithSnapshots || this.#snapshots.live.length === 0;
  }

  async #grow(node: BlockNode): Promise<void> {
    this.#isSizeTaken = true;
    const last = this.#setting.zones.at(-1);
    const most = last === undefined ? 0 : last.offset + last.length;
    const size = this.#size + 512 * this.#random.below((most - this.#size) / 512 + 1);
    await this.#run([this.#newSize(size)], () => node.resize(size));
    this.#size = size;
  }

  /** What is cut off may show what the backing file has there before it is gone. Bytes behind the end are zero. */
  async #shrink(node: BlockNode): Promise<void> {
    const zone = this.#random.pick(this.#setting.zones.slice(1));
    const size = zone.offset + 512 * this.#random.below(zone.length / 512);
    if (size >= this.#size) return;
    const cut = this.#setting.zones
      .filter(({ offset, length }) => offset + length > size)
      .map(({ offset, length }) => ({ from: Math.max(offset, size), to: offset + length }));
    const shown = cut.map(({ from, to }) => {
      const bytes = new Uint8Array(to - from);
      fillFromBacking(bytes, from, Math.min(this.#setting.backingSize ?? 0, this.#size));
      return this.#newWrite("zeroes", from, bytes, true);
    });
    await this.#run([this.#newSize(size), ...shown], () => node.resize(size));
    const behind = cut.map(({ from, to }) => this.#newWrite("zeroes", from, new Uint8Array(to - from), true));
    await this.#run(behind, async () => undefined);
    this.#size = size;
  }

  async #snapshot(node: BlockNode): Promise<void> {
    const { live } = this.#snapshots;
    const kind = live.length === 0 ? 0 : this.#random.below(live.length > 2 ? 2 : 3);
    if (live.length === 0 || kind === 2) return this.#takeSnapshot(node);
    const record = this.#random.pick(live);
    if (kind === 0) {
      record.deleted = { start: this.#clock.tick(), end: pending };
      await node.snapshots?.delete(record.name);
      record.deleted.end = this.#clock.tick();
      return;
    }
    // Bitmaps know nothing of what a snapshot changes: that is refused.
    if (this.#bitmaps.live.length > 0) return this.#takeSnapshot(node);
    const { content } = record;
    const writes = content.zones.map((bytes, index) =>
      this.#newWrite("write", this.#setting.zones[index]?.offset ?? 0, bytes, true),
    );
    const isDone = await this.#run(
      [this.#newSize(content.size), ...writes],
      () => node.snapshots?.apply(record.name),
      ["EINVAL"],
    );
    if (isDone) this.#size = content.size;
  }

  /** Narrow refcounts may have no room for it. */
  async #takeSnapshot(node: BlockNode): Promise<void> {
    const content = await this.#content(node);
    const record = this.#snapshots.begin(this.#snapshots.newName(), content, this.#clock.tick());
    try {
      await node.snapshots?.create(record.name);
      record.made.end = this.#clock.tick();
    } catch (error) {
      if (!(error instanceof BlockError) || error.code !== "EINVAL") throw error;
      this.#snapshots.forget(record);
    }
  }

  #newWrite(kind: GuestWrite["kind"], offset: number, bytes: Uint8Array, fua: boolean): GuestWrite {
    return { kind, offset, bytes, fua, start: this.#clock.tick(), end: pending };
  }

  #newSize(size: number): GuestRequest {
    return { kind: "resize", size, start: this.#clock.tick(), end: pending };
  }

  /** What the model is to know of one act. Answers whether it was done: errors of `refusals` change nothing. */
  async #run(
    requests: readonly GuestRequest[],
    act: () => Promise<void> | undefined,
    refusals: readonly string[] = [],
  ): Promise<boolean> {
    const { requests: all } = this.#model;
    all.push(...requests);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BlockError) || !refusals.includes(error.code)) throw error;
      for (const request of requests) all.splice(all.indexOf(request), 1);
      return false;
    }
    for (const request of requests) request.end = this.#clock.tick();
    return true;
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

  /** Never zero, and told apart by the request and the place. */
  #data({ offset, length }: Zone): Uint8Array {
    this.#count++;
    const count = this.#count;
    return Uint8Array.from({ length }, (_, at) => dataByte(count, offset + at));
  }
}

function dataByte(count: number, offset: number): number {
  return 1 + ((count * 53 + offset + Math.floor(offset / 512) * 7) % 255);
}
