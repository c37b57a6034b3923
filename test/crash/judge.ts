// Judges what a crash left: it opens, what was durable reads back, the check finds nothing that its own repair does
// not mend, damage is announced by the need-check bit, and after the repair all of the guest's bytes are right.
// Throws an Error that says what is wrong.
import { BlockError } from "../../core/base/errors.ts";
import type { DirtyPolicy } from "../../core/block/driver.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { checkAndRepair, gather } from "../../core/block/repair.ts";
import type { CrashState } from "./crashStates.ts";
import type { GuestContent } from "./guestModel.ts";
import { memoryFile, type Opened, openQed } from "./openQed.ts";
import type { Part, Setting } from "./workload.ts";

/** QED, "Header": bit 0x02 of `features` at byte 16. */
export function hasNeedCheck(bytes: Uint8Array): boolean {
  return Math.floor((bytes[16] ?? 0) / 2) % 2 === 1;
}

export interface Verdict {
  readonly corruptions: number;
  readonly leaks: number;
  /** The repaired file, and what the guest sees on it. */
  readonly repaired: Uint8Array;
  readonly content: GuestContent;
}

export async function judge(part: Part, state: CrashState): Promise<Verdict> {
  await judgeUnrepaired(part, state);
  return judgeRepair(part, state);
}

/** Read-only, as it is: ranges that a repair will mend may fail, as far as no durable data can be in them. */
async function judgeUnrepaired(part: Part, state: CrashState): Promise<void> {
  const opened = await openQed(memoryFile(state.bytes.slice(), true), part.setting.backingSize, {
    readOnly: true,
  });
  checkSize(part, opened.node, state.moment);
  for (const [index, zone] of part.setting.zones.entries()) {
    const { clusterSize } = part.setting;
    const length = Math.max(0, Math.min(zone.length, opened.node.size - zone.offset));
    const whole = new Uint8Array(length);
    if (await reads(opened.node, zone.offset, whole)) {
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
  const { clusterSize, tableSize } = part.setting;
  const perTable = ((tableSize * clusterSize) / 8) * clusterSize;
  const table = Math.floor(offset / perTable) * perTable;
  if (part.model.unsettled(offset, clusterSize, moment)) return true;
  if (part.model.hasDurable(offset, clusterSize, moment)) return false;
  return part.damagedAtStart || part.model.unsettled(table, perTable, moment);
}

async function judgeRepair(part: Part, state: CrashState): Promise<Verdict> {
  const file = memoryFile(state.bytes.slice());
  const opened = await openQed(file, part.setting.backingSize, { dirty: "skip" });
  const { result, findings } = await gather(opened.node, {});
  if (result.checkErrors > 0) throw new Error(`the check met ${result.checkErrors} errors`);
  if (result.corruptions > 0 && !hasNeedCheck(state.bytes)) {
    const [first] = findings.filter(({ kind }) => kind === "corruption");
    throw new Error(`there is corruption but the need-check bit is not set: ${first?.message}`);
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
  if (hasNeedCheck(repaired)) throw new Error("the need-check bit is still set after the repair");
  return { corruptions: result.corruptions, leaks: result.leaks, repaired, content };
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
  const file = memoryFile(state.bytes.slice());
  const opened = await openQed(file, part.setting.backingSize, { dirty });
  const where = `opened for writing with the policy ${dirty}`;
  if (dirty === "repair") await readGuest(part, opened, state.moment, where);
  const { clusterSize, zones } = part.setting;
  const written = zones[0]?.offset ?? 0;
  try {
    await opened.node.write(written, new Uint8Array(clusterSize * 2).fill(0xa5));
  } catch (error) {
    const refused = error instanceof BlockError && dirty === "report" && verdict.corruptions > 0;
    if (!refused) throw error;
  }
  await opened.close();
  if (dirty === "repair" && hasNeedCheck(await contentOf(file))) {
    throw new Error(`${where}, then closed: the need-check bit is still set`);
  }
  const later = await openQed(file, part.setting.backingSize, { dirty: "skip" });
  const { result } = await gather(later.node, {});
  if (result.corruptions > verdict.corruptions) throw new Error(`${where}: a write adds corruption`);
  await checkAndRepair(later.node, later.file);
  const again = await gather(later.node, {});
  if (again.result.corruptions > 0) throw new Error(`${where}: a write leaves what no repair mends`);
  for (const [index, zone] of zones.entries()) {
    const skip = index === 0 ? clusterSize * 2 : 0;
    const length = Math.max(0, Math.min(zone.length, later.node.size - zone.offset) - skip);
    const actual = new Uint8Array(length);
    await later.node.read(zone.offset + skip, actual);
    checkBytes(part, index, actual, state.moment, skip, `${where}, written elsewhere, and repaired`);
  }
  await later.close();
}

async function readGuest(part: Part, opened: Opened, moment: number, when: string): Promise<GuestContent> {
  checkSize(part, opened.node, moment);
  const zones: Uint8Array[] = [];
  for (const [index, zone] of part.setting.zones.entries()) {
    const actual = new Uint8Array(Math.max(0, Math.min(zone.length, opened.node.size - zone.offset)));
    await opened.node.read(zone.offset, actual);
    checkBytes(part, index, actual, moment, 0, when);
    const whole = new Uint8Array(zone.length);
    whole.set(actual);
    zones.push(whole);
  }
  await checkUnused(part.setting, opened.node, when);
  return { size: opened.node.size, zones };
}

/** Between the zones nothing was ever written: no table may say otherwise. */
async function checkUnused(setting: Setting, node: BlockNode, when: string): Promise<void> {
  const gaps = setting.zones.map(({ offset, length }, index) => ({
    from: offset + length,
    to: Math.min(setting.zones[index + 1]?.offset ?? 0, node.size),
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
