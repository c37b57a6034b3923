// What the machine does to the image besides the guest's requests, with none of these in flight: options of the image are
// changed, dirty bitmaps added, removed and changed. Each is noted with its moments before it is asked for.
import { BlockError } from "../../core/base/errors.ts";
import type { BlockNode } from "../../core/block/node.ts";
import type { Random } from "../build/random.ts";
import { type BitmapModel, type BitmapRecord, type BitmapState, requiredOf, stateOf } from "./bitmapModel.ts";
import type { Setting } from "./format.ts";
import type { GuestContent } from "./guestModel.ts";
import { type Clock, pending } from "./recorder.ts";

/** Something done, for the report. */
export interface Act {
  readonly text: string;
  readonly start: number;
  /** `pending` until it was answered. */
  end: number;
}

export interface MachineParts {
  readonly setting: Setting;
  readonly bitmaps: BitmapModel;
  readonly acts: Act[];
  readonly clock: Clock;
  readonly random: Random;
}

const mostBitmaps = 3;

export class Machine {
  readonly #parts: MachineParts;

  constructor(parts: MachineParts) {
    this.#parts = parts;
  }

  get canAct(): boolean {
    const { can } = this.#parts.setting.format;
    return can.bitmaps || can.amends.length > 0;
  }

  /** `content`: of the disk as it is. */
  async act(node: BlockNode, content: GuestContent): Promise<void> {
    const { setting, random } = this.#parts;
    const { can } = setting.format;
    const amends = can.amends.length > 0 && (!can.bitmaps || random.below(4) === 0);
    if (amends) await this.#amend(node);
    else await this.#bitmap(node, content);
  }

  /** What the image can't be it is not made, and nothing changes. */
  async #amend(node: BlockNode): Promise<void> {
    const { setting, random } = this.#parts;
    const options = random.pick(setting.format.can.amends);
    const text = `amends ${JSON.stringify(options)}`;
    await this.#note(text, () => node.amend?.({ options }), ["EINVAL", "ENOTSUP"]);
  }

  async #bitmap(node: BlockNode, content: GuestContent): Promise<void> {
    const { bitmaps, random } = this.#parts;
    const { live } = bitmaps;
    if (live.length === 0 || (live.length < mostBitmaps && random.below(3) === 0)) {
      return this.#add(node, content);
    }
    const record = random.pick(live);
    const kind = record.wasInconsistent ? 0 : random.below(6);
    const { name } = record;
    const state = stateOf(record);
    const none = content.zones.map(({ length }) => new Uint8Array(length));
    const { bitmaps: changed } = node;
    if (changed === undefined) throw new Error("the image keeps no bitmaps");
    const change = (text: string, next: BitmapState, act: () => Promise<void>) =>
      this.#change(record, `${text} bitmap ${name}`, next, act);
    if (kind === 0) return change("removes", { ...state, isThere: false }, () => changed.remove(name));
    if (kind === 1) {
      const next = { ...state, required: none, base: state.isEnabled ? content : undefined };
      return change("clears", next, () => changed.clear(name));
    }
    const required = content.zones.map((_, zone) => requiredOf(state, content, zone));
    if (kind === 2) {
      const next = { ...state, isEnabled: true, required, base: content };
      return change("enables", next, () => changed.enable(name));
    }
    if (kind === 3) {
      const next = { ...state, isEnabled: false, required, base: undefined };
      return change("disables", next, () => changed.disable(name));
    }
    const sources = live.filter((one) => !one.wasInconsistent);
    const source = random.pick(sources);
    const more = content.zones.map((_, zone) => requiredOf(stateOf(source), content, zone));
    const next = { ...state, required: required.map((marks, zone) => either(marks, more[zone])) };
    return change(`merges ${source.name} into`, next, async () =>
      changed.merge(name, await changed.read(source.name)),
    );
  }

  async #add(node: BlockNode, content: GuestContent): Promise<void> {
    const { bitmaps, random, setting } = this.#parts;
    const record = bitmaps.newRecord();
    const granularity = random.pick([512, setting.clusterSize, 65_536, undefined]);
    const required = content.zones.map(({ length }) => new Uint8Array(length));
    const state = { isThere: true, isEnabled: true, required, base: content };
    await this.#change(record, `adds bitmap ${record.name}`, state, async () => {
      await node.bitmaps?.add(record.name, granularity);
    });
  }

  async #change(
    record: BitmapRecord,
    text: string,
    state: BitmapState,
    act: () => Promise<void>,
  ): Promise<void> {
    const { bitmaps, clock } = this.#parts;
    const version = bitmaps.begin(record, state, clock.tick());
    await this.#note(text, act);
    version.end = clock.tick();
  }

  async #note(
    text: string,
    act: () => Promise<void> | undefined,
    refusals: readonly string[] = [],
  ): Promise<void> {
    const { acts, clock } = this.#parts;
    const noted: Act = { text, start: clock.tick(), end: pending };
    acts.push(noted);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BlockError) || !refusals.includes(error.code)) throw error;
    }
    noted.end = clock.tick();
  }
}

function either(one: Uint8Array, other: Uint8Array | undefined): Uint8Array {
  return one.map((mark, at) => (mark === 1 || other?.[at] === 1 ? 1 : 0));
}
