// What the guest may find after a crash: its own requests with their moments, and nothing of the format. Kept for a
// few zones of the guest's address space, so that disks of gigabytes can be followed.
//
// A byte may hold the value of any write that had begun, and what was there before the first; except what a durable
// write replaced: one answered before a flush began that was answered before the crash, or FUA and itself answered.
import type { BlockNode } from "../../core/block/node.ts";
import { pending } from "./recorder.ts";

export interface Zone {
  readonly offset: number;
  readonly length: number;
}

/** Bytes of a zone that a disk of that size has. */
export function lengthIn({ offset, length }: Zone, size: number): number {
  return Math.max(0, Math.min(length, size - offset));
}

/** All that a disk shows of the zones, zeroes behind its end. */
export async function readZones(
  node: Pick<BlockNode, "size" | "read">,
  zones: readonly Zone[],
): Promise<GuestContent> {
  const contents: Uint8Array[] = [];
  for (const zone of zones) {
    const bytes = new Uint8Array(zone.length);
    const there = lengthIn(zone, node.size);
    if (there > 0) await node.read(zone.offset, bytes.subarray(0, there));
    contents.push(bytes);
  }
  return { size: node.size, zones: contents };
}

export interface GuestWrite {
  readonly kind: "write" | "zeroes";
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly fua: boolean;
  readonly start: number;
  end: number;
}

export interface GuestFlush {
  readonly kind: "flush";
  readonly start: number;
  end: number;
}

export interface GuestResize {
  readonly kind: "resize";
  readonly size: number;
  readonly start: number;
  end: number;
}

export type GuestRequest = GuestWrite | GuestFlush | GuestResize;

/** What the guest sees before the first request; bytes past its end are zero, as growing makes them. */
export interface GuestContent {
  readonly size: number;
  /** By zone, whole zones. */
  readonly zones: readonly Uint8Array[];
}

export class GuestModel {
  readonly zones: readonly Zone[];
  readonly initial: GuestContent;
  readonly requests: GuestRequest[] = [];

  constructor(zones: readonly Zone[], initial: GuestContent) {
    this.zones = zones;
    this.initial = initial;
  }

  /** Sizes that the disk may have. */
  sizesAfterCrash(moment: number): Set<number> {
    let settled = this.initial.size;
    const open = new Set<number>();
    for (const request of this.requests) {
      if (request.kind !== "resize" || request.start > moment) continue;
      if (!this.isDurable(request, moment)) open.add(request.size);
      else settled = request.size;
    }
    return open.add(settled);
  }

  /** What is wrong with the bytes found `at` bytes into a zone after a crash. */
  faultAfterCrash(zone: number, actual: Uint8Array, moment: number, at = 0): string | undefined {
    return this.#fault(zone, at, actual, moment, (write) => this.isDurable(write, moment));
  }

  /** The same for a disk that did not crash, with no request in flight. */
  faultNow(zone: number, actual: Uint8Array): string | undefined {
    return this.#fault(zone, 0, actual, pending, () => true);
  }

  /** Whether a crash at that moment may lose a write that had begun and touches the range. */
  unsettled(offset: number, length: number, moment: number): boolean {
    return this.#begunIn(offset, length, moment).some((write) => !this.isDurable(write, moment));
  }

  /** Whether a write that no crash can undo touches the range. */
  hasDurable(offset: number, length: number, moment: number): boolean {
    return this.#begunIn(offset, length, moment).some((write) => this.isDurable(write, moment));
  }

  #begunIn(offset: number, length: number, moment: number): GuestWrite[] {
    return this.requests
      .filter(isWrite)
      .filter(
        (write) =>
          write.start <= moment &&
          write.offset < offset + length &&
          write.offset + write.bytes.length > offset,
      );
  }

  isDurable(request: GuestRequest, moment: number): boolean {
    if (isWrite(request) && request.fua && request.end <= moment) return true;
    return this.requests.some(
      (flush) => flush.kind === "flush" && request.end <= flush.start && flush.end <= moment,
    );
  }

  #fault(
    index: number,
    inZone: number,
    actual: Uint8Array,
    moment: number,
    isSettled: (write: GuestWrite) => boolean,
  ): string | undefined {
    const whole = this.zones[index];
    const before = this.initial.zones[index]?.subarray(inZone);
    if (!whole || !before) throw new Error(`there is no zone ${index}`);
    const zone = { offset: whole.offset + inZone, length: actual.length };
    const writes = this.requests.filter(isWrite).filter(({ start }) => start <= moment);
    const settled = writes.filter(isSettled).sort((a, b) => a.end - b.end);
    const expected = before.slice(0, actual.length);
    for (const write of settled) lay(write, zone, expected);
    if (Buffer.compare(expected, actual) === 0) return undefined;

    const open = writes.filter((write) => !isSettled(write));
    const matches = new Uint8Array(actual.length);
    for (const write of open) {
      eachByte(write, zone, actual.length, (at, value) => {
        if (actual[at] === value) matches[at] = 1;
      });
    }
    for (let at = 0; at < actual.length; at++) {
      if (actual[at] === expected[at] || matches[at] === 1) continue;
      const offset = zone.offset + at;
      if (overtaken(settled, offset, actual[at] ?? 0)) continue;
      const may = open.filter((write) => covers(write, offset)).map(({ start }) => start);
      const found = `the guest's byte ${offset} is ${actual[at]}`;
      return `${found}; it must be ${expected[at]}${may.length > 0 ? ` or what request ${may.join(" or ")} wrote` : ""}`;
    }
    return undefined;
  }
}

export function isWrite(request: GuestRequest): request is GuestWrite {
  return request.kind === "write" || request.kind === "zeroes";
}

function covers(write: GuestWrite, offset: number): boolean {
  return write.offset <= offset && offset < write.offset + write.bytes.length;
}

/** Whether a settled write that was in flight together with the last one left this value. */
function overtaken(settled: readonly GuestWrite[], offset: number, value: number): boolean {
  const here = settled.filter((write) => covers(write, offset));
  return here.some(
    (write) =>
      write.bytes[offset - write.offset] === value && !here.some((later) => later.start >= write.end),
  );
}

function lay(write: GuestWrite, zone: Zone, target: Uint8Array): void {
  const from = Math.max(write.offset, zone.offset);
  const to = Math.min(write.offset + write.bytes.length, zone.offset + target.length);
  if (from >= to) return;
  target.set(write.bytes.subarray(from - write.offset, to - write.offset), from - zone.offset);
}

function eachByte(
  write: GuestWrite,
  zone: Zone,
  length: number,
  visit: (at: number, value: number) => void,
): void {
  const from = Math.max(write.offset, zone.offset);
  const to = Math.min(write.offset + write.bytes.length, zone.offset + length);
  for (let offset = from; offset < to; offset++) {
    visit(offset - zone.offset, write.bytes[offset - write.offset] ?? 0);
  }
}
