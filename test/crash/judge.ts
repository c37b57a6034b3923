// Judges what a crash left: it opens, what was durable reads back, snapshots are whole, the check finds nothing that its
// own repair does not mend, damage is announced by the image's bit for that, and after the repair all of the guest's
// bytes are right. Where a format's repair is not here, what needs none is judged. Throws an Error that says what is wrong.
import { BlockError } from "../../core/base/errors.ts";
import type { DirtyPolicy } from "../../core/block/driver.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { checkAndRepair, gather } from "../../core/block/repair.ts";
import { type KnownBitmap, marksOf } from "./bitmapModel.ts";
import type { CrashState } from "./crashStates.ts";
import type { KnownSnapshot, Setting } from "./format.ts";
import { type GuestContent, lengthIn, readZones } from "./guestModel.ts";
import { memoryFile, type Opened, openImage } from "./openImage.ts";
import type { Part } from "./workload.ts";

export interface Verdict {
  readonly corruptions: number;
  readonly leaks: number;
  /** The repaired file; undefined where it needs a repair and the driver has none. */
  readonly repaired: Uint8Array | undefined;
  /** What the guest sees on it. */
  readonly content: GuestContent;
  readonly snapshots: readonly KnownSnapshot[];
  readonly bitmaps: readonly KnownBitmap[];
}

export async function judge(part: Part, state: CrashState): Promise<Verdict> {
  await judgeUnrepaired(part, state);
  const snapshots = await judgeSnapshots(part, state.bytes, state.moment);
  const bitmaps = await judgeBitmaps(part, state.bytes, state.moment);
  return { ...(await judgeRepair(part, state)), snapshots, bitmaps };
}

/** Read-only, as it is: ranges that a repair will mend may fail, as far as no durable data can be in them. */
async function judgeUnrepaired(part: Part, state: CrashState): Promise<void> {
  const opened = await openImage(memoryFile(state.bytes.slice(), true), part.setting, { readOnly: true });
  checkSize(part, opened.node, state.moment);
  for (const [index, zone] of part.setting.zones.entries()) {
    const { clusterSize } = part.setting;
    const length = lengthIn(zone, opened.node.size);
    const whole = new Uint8Array(length);
    if (length === 0 || (await reads(opened.node, zone.offset, whole))) {
      checkBytes(part, index, whole, state.moment, 0, "before the repair");
      continue;
    }
    for (let at = 0; at < length; at += clusterSize) {
      const cluster = whole.subarray(at, at + clusterSize);
      if (await reads(opened.node, zone.offset + at, cluster)) {
        checkBytes(part, index, cluster, state.moment, at, "before the repair");
      } else if (!mayFail(part, zone.offset + at, state)) {
        throw new Error(`before the repair the guest's cluster at ${zone.offset + at} can't be read`);
      }
    }
  }
  await opened.close();
}

/** Until the repair: a cluster that was being written, and all that a lost table maps where nothing is durable. */
function mayFail(part: Part, offset: number, { moment }: CrashState): boolean {
  const { clusterSize, perTable, format } = part.setting;
  if (!format.failsUntilRepaired) return false;
  const table = Math.floor(offset / perTable) * perTable;
  if (part.model.unsettled(offset, clusterSize, moment)) return true;
  if (part.model.hasDurable(offset, clusterSize, moment)) return false;
  return part.damagedAtStart || part.model.unsettled(table, perTable, moment);
}

/** Those that have to be there are, and each is what the disk was when it was made. */
async function judgeSnapshots(part: Part, file: Uint8Array, moment: number): Promise<KnownSnapshot[]> {
  const { setting, snapshots } = part;
  const top = await openImage(memoryFile(file.slice(), true), setting, { readOnly: true });
  const names = (top.node.info.snapshots ?? []).map(({ name }) => name);
  await top.close();
  const fault = snapshots.faultAfterCrash(names, moment);
  if (fault !== undefined) throw new Error(fault);
  for (const name of names) {
    const how = { readOnly: true, snapshot: name };
    const opened = await openImage(memoryFile(file.slice(), true), setting, how);
    const { size, zones } = snapshots.contentOf(name);
    if (opened.node.size !== size) {
      throw new Error(`the snapshot ${name} has ${opened.node.size} bytes, not ${size}`);
    }
    const found = await readZones(opened.node, setting.zones);
    for (const [index, { offset }] of setting.zones.entries()) {
      const [actual, expected] = [found.zones[index], zones[index]];
      const wrong = actual?.findIndex((byte, at) => byte !== expected?.[at]) ?? 0;
      if (wrong < 0) continue;
      const bytes = `byte ${offset + wrong} is ${actual?.[wrong]}, and was ${expected?.[wrong]}`;
      throw new Error(`the snapshot ${name} has changed: ${bytes}`);
    }
    await opened.close();
  }
  return names.map((name) => ({ name, content: snapshots.contentOf(name) }));
}

/** Each says what was changed, or is marked as in use: nobody believes it then. */
async function judgeBitmaps(part: Part, file: Uint8Array, moment: number): Promise<KnownBitmap[]> {
  const { setting, bitmaps, model } = part;
  if (!setting.format.can.bitmaps) return [];
  const opened = await openImage(memoryFile(file.slice(), true), setting, { readOnly: true });
  const found: KnownBitmap[] = [];
  for (const { name, isEnabled, isInconsistent } of (await opened.node.bitmaps?.list()) ?? []) {
    const ranges = [];
    if (!isInconsistent) {
      for await (const range of (await opened.node.bitmaps?.read(name))?.ranges() ?? []) ranges.push(range);
    }
    found.push({ name, isEnabled, isInconsistent, set: marksOf(setting.zones, ranges) });
  }
  const sizes = model.requests.flatMap((request) => (request.kind === "resize" ? [request.size] : []));
  const content = await readZones(opened.node, setting.zones);
  const within = { zones: setting.zones, sizes: [model.initial.size, ...sizes] };
  const fault = bitmaps.faultAfterCrash(found, content, within, moment);
  await opened.close();
  if (fault !== undefined) throw new Error(fault);
  const left = isClosed(part, moment) ? bitmaps.unstored(found) : undefined;
  if (left !== undefined) throw new Error(`the image was closed, and the bitmap ${left} is marked as in use`);
  return found;
}

/** Whether everything was done by then, up to the last flush of the close. */
function isClosed({ record: { requests } }: Part, moment: number): boolean {
  return requests.at(-1)?.kind === "flush" && requests.every(({ end }) => end <= moment);
}

async function judgeRepair(part: Part, state: CrashState): Promise<Omit<Verdict, "snapshots" | "bitmaps">> {
  const { format } = part.setting;
  const file = memoryFile(state.bytes.slice());
  const opened = await openImage(file, part.setting, { dirty: "skip" });
  const { result, findings } = await gather(opened.node, {});
  const { corruptions, leaks } = result;
  if (result.checkErrors > 0) throw new Error(`the check met ${result.checkErrors} errors`);
  const isMarked = format.isMarked(state.bytes);
  const harm = findings.find(
    (finding) => finding.kind === "corruption" && !format.isHarmless(finding, findings),
  );
  if (harm !== undefined && !isMarked) {
    throw new Error(`there is corruption but the bit for repairs is not set: ${harm.message}`);
  }
  if (opened.node.planRepair === undefined) {
    const content = await readGuest(part, opened, state.moment, "opened for writing");
    await opened.close();
    return { corruptions, leaks, repaired: isMarked ? undefined : await contentOf(file), content };
  }
  await checkAndRepair(opened.node, opened.file);
  const again = await gather(opened.node, {});
  if (again.result.corruptions > 0 || again.result.checkErrors > 0) {
    const [first] = again.findings.filter(({ kind }) => kind !== "leak");
    throw new Error(`the repair leaves ${again.result.corruptions} corruptions: ${first?.message}`);
  }
  const content = await readGuest(part, opened, state.moment, "after the repair");
  await opened.close();
  const repaired = await contentOf(file);
  if (format.isMarked(repaired)) throw new Error("the bit for repairs is still set after the repair");
  return { corruptions, leaks, repaired, content };
}

/**
 * Opens what the crash left for writing under a policy and writes to it without another check: that must not make
 * things worse. A refusal is right where the tables are damaged.
 */
export async function judgeWritten(
  part: Part,
  state: CrashState,
  dirty: DirtyPolicy,
  verdict: Verdict,
): Promise<void> {
  const { setting } = part;
  const file = memoryFile(state.bytes.slice());
  const opened = await openImage(file, setting, { dirty });
  const where = `opened for writing with the policy ${dirty}`;
  if (dirty === "repair") await readGuest(part, opened, state.moment, where);
  const { clusterSize, zones } = setting;
  const written = zones[0]?.offset ?? 0;
  const mayRefuse = verdict.repaired === undefined || (dirty === "report" && verdict.corruptions > 0);
  try {
    await opened.node.write(written, new Uint8Array(clusterSize * 2).fill(0xa5));
  } catch (error) {
    if (!(error instanceof BlockError) || !mayRefuse) throw error;
  }
  await opened.close();
  if (
    dirty === "repair" &&
    verdict.repaired !== undefined &&
    setting.format.isMarked(await contentOf(file))
  ) {
    throw new Error(`${where}, then closed: the bit for repairs is still set`);
  }
  const later = await openImage(file, setting, { dirty: "skip" });
  const { result } = await gather(later.node, {});
  if (result.corruptions > verdict.corruptions) throw new Error(`${where}: a write adds corruption`);
  if (later.node.planRepair !== undefined) {
    await checkAndRepair(later.node, later.file);
    const again = await gather(later.node, {});
    if (again.result.corruptions > 0) throw new Error(`${where}: a write leaves what no repair mends`);
  }
  for (const [index, zone] of zones.entries()) {
    const skip = index === 0 ? clusterSize * 2 : 0;
    const length = lengthIn(zone, later.node.size) - skip;
    if (length <= 0) continue;
    const actual = new Uint8Array(length);
    await later.node.read(zone.offset + skip, actual);
    checkBytes(part, index, actual, state.moment, skip, `${where}, and written elsewhere`);
  }
  await later.close();
  await judgeSnapshots(part, await contentOf(file), state.moment);
  await judgeBitmaps(part, await contentOf(file), state.moment);
}

async function readGuest(part: Part, opened: Opened, moment: number, when: string): Promise<GuestContent> {
  checkSize(part, opened.node, moment);
  const content = await readZones(opened.node, part.setting.zones);
  for (const [index, zone] of part.setting.zones.entries()) {
    const actual = content.zones[index]?.subarray(0, lengthIn(zone, opened.node.size));
    checkBytes(part, index, actual ?? new Uint8Array(0), moment, 0, when);
  }
  await checkUnused(part.setting, opened.node, when);
  return content;
}

/** Between the zones nothing was ever written: no table may say otherwise. */
async function checkUnused(
  { zones, format, backingSize }: Setting,
  node: BlockNode,
  when: string,
): Promise<void> {
  // A disk that grows again covers what the backing file has there.
  if (format.can.shrink && backingSize !== undefined) return;
  const gaps = zones.map(({ offset, length }, index) => ({
    from: offset + length,
    to: Math.min(zones[index + 1]?.offset ?? 0, node.size),
  }));
  for (const { from, to } of gaps) {
    for (let offset = from; offset < to; ) {
      const extent = await node.extentAt(offset, to - offset);
      if (extent.state !== "unallocated") {
        throw new Error(`${when} the guest's byte ${offset} is ${extent.state}, and nobody wrote there`);
      }
      offset += extent.length;
    }
  }
}

function checkSize(part: Part, node: BlockNode, moment: number): void {
  const sizes = part.model.sizesAfterCrash(moment);
  if (!sizes.has(node.size)) {
    throw new Error(`the disk has ${node.size} bytes; it must have ${[...sizes].join(" or ")}`);
  }
}

function checkBytes(
  part: Part,
  zone: number,
  actual: Uint8Array,
  moment: number,
  at: number,
  when: string,
): void {
  const fault = part.model.faultAfterCrash(zone, actual, moment, at);
  if (fault !== undefined) throw new Error(`${when} ${fault}`);
}

async function reads(node: BlockNode, offset: number, target: Uint8Array): Promise<boolean> {
  try {
    await node.read(offset, target);
    return true;
  } catch (error) {
    if (error instanceof BlockError) return false;
    throw error;
  }
}

async function contentOf(file: BlockNode): Promise<Uint8Array> {
  const bytes = new Uint8Array(file.size);
  await file.read(0, bytes);
  return bytes;
}
