// Seeded workloads over an image: what a guest does, alone and several requests at once, from the first opening to a
// clean close, on a recording file. A life can have several parts: each next one starts from what a crash left of the
// one before and begins with the repair of that.
import type { DirtyPolicy } from "../../core/block/driver.ts";
import type { BlockNode } from "../../core/block/node.ts";
import type { Random } from "../build/random.ts";
import { BitmapModel } from "./bitmapModel.ts";
import type { Setting, Start } from "./format.ts";
import { Guest } from "./guest.ts";
import { GuestModel } from "./guestModel.ts";
import { type Act, Machine } from "./machine.ts";
import { openImage } from "./openImage.ts";
import { Clock, type FileRecord, RecordingNode } from "./recorder.ts";
import { SnapshotModel } from "./snapshotModel.ts";

/** One part, from opening to close, with everything recorded. */
export interface Part {
  readonly setting: Setting;
  readonly damagedAtStart: boolean;
  readonly record: FileRecord;
  readonly model: GuestModel;
  readonly snapshots: SnapshotModel;
  readonly bitmaps: BitmapModel;
  /** What else was done to the image. */
  readonly acts: readonly Act[];
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
  const snapshots = new SnapshotModel(start.snapshots);
  const bitmaps = new BitmapModel(start.bitmaps, start.content);
  const acts: Act[] = [];
  const noted = { model, snapshots, bitmaps, acts };
  const part = { setting, damagedAtStart: start.damaged, record: file.record, ...noted };
  const machine = new Machine({ setting, bitmaps, acts, clock, random });
  const guest = new Guest({ setting, model, snapshots, bitmaps, machine, clock, random });
  const dirty: DirtyPolicy = start.damaged ? "repair" : random.pick(["report", "repair"] as const);
  const open = async () => openImage(await below(file, clock), setting, { dirty });
  let opened = await open();
  for (let batches = 3 + random.below(8); batches > 0; batches--) {
    const kind = random.below(10);
    if (kind === 0) {
      await guest.close(opened);
      opened = await open();
    } else if (kind < 4 && guest.canAlone) await guest.alone(opened.node);
    else await guest.batch(opened.node);
  }
  await guest.compare(opened.node);
  await guest.close(opened);
  return part;
}
