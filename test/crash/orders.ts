// Plays writers by hand, step by step on the recording file, so that tests can say whether the judge can still complain,
// whatever our own drivers do.
import { createHash } from "node:crypto";
import { guard } from "../../core/block/guard.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { randomFrom } from "../build/random.ts";
import { BitmapModel } from "./bitmapModel.ts";
import { cutMoments, prefixState, reorderedState, tornState } from "./crashStates.ts";
import type { Setting, Start } from "./format.ts";
import { GuestModel } from "./guestModel.ts";
import { judge } from "./judge.ts";
import { Clock, pending, RecordingNode } from "./recorder.ts";
import { SnapshotModel } from "./snapshotModel.ts";
import type { Part } from "./workload.ts";

/** What every writer does: a flush of the file, and what the guest is told. */
export type CommonStep = "flush" | "written" | "flushed";

export interface Order<S extends string> {
  readonly setting: Setting;
  readonly start: Start;
  /** What the guest asks for before the first step, until "written". */
  readonly writes: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** The name of a snapshot that is asked for as well. */
  readonly snapshot?: string;
  readonly steps: readonly (S | CommonStep)[];
  readonly acts: Readonly<Record<S, (file: BlockNode) => Promise<void>>>;
}

export async function play<S extends string>(order: Order<S>): Promise<Part> {
  const { setting, start, steps } = order;
  const clock = new Clock();
  const inner = new RecordingNode("file", start.bytes, clock, randomFrom(5));
  const file = guard(inner);
  const model = new GuestModel(setting.zones, start.content);
  const snapshots = new SnapshotModel(start.snapshots);
  const made =
    order.snapshot === undefined ? undefined : snapshots.begin(order.snapshot, start.content, clock.tick());
  for (const { offset, bytes } of order.writes) {
    model.requests.push({ kind: "write", offset, bytes, fua: false, start: clock.tick(), end: pending });
  }
  for (const step of steps) {
    if (step === "flush") await file.flush();
    else if (step === "flushed") {
      model.requests.push({ kind: "flush", start: clock.tick(), end: clock.tick() });
    } else if (step === "written") {
      for (const request of model.requests) request.end = clock.tick();
      if (made) made.made.end = clock.tick();
    } else await order.acts[step as S](file);
  }
  const bitmaps = new BitmapModel(start.bitmaps, start.content);
  return { setting, damagedAtStart: false, record: inner.record, model, snapshots, bitmaps, acts: [] };
}

/** What the judge says of a part: the first complaint over all cuts and what 40 reorderings of each leave. */
export async function complaint(part: Part): Promise<string | undefined> {
  const random = randomFrom(11);
  // What the guest is told has moments of its own: the last cut comes after all of them.
  const told = [...part.model.requests, ...part.snapshots.records.map(({ made }) => made)];
  const last = Math.max(0, ...told.map(({ end }) => end).filter(Number.isFinite));
  for (const moment of [...cutMoments(part.record), last]) {
    const states = [prefixState(part.record, moment), tornState(part.record, moment, random)];
    for (let left = 40; left > 0; left--) states.push(reorderedState(part.record, moment, random));
    const judged = new Set<string>();
    for (const state of states) {
      const digest = createHash("sha1").update(state.bytes).digest("hex");
      if (judged.has(digest)) continue;
      judged.add(digest);
      const outcome = await judge(part, state).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      if (outcome !== undefined) return outcome;
    }
  }
  return undefined;
}
