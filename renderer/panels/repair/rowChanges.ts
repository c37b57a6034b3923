// The bytes that rows of the plan show: asked for while a row is in sight, one at a time, the newest first, and
// forgotten with the choice that they were asked for.
import type { OfferedRepair } from "../../../core/block/finding.ts";
import type { ShownChange } from "../../../core/ops/repairRun.ts";

/** Rows that wait for their turn: more are scrolled past already. */
const mostWaiting = 40;
/** Rows whose bytes are kept: at most 8 KiB each. */
const mostKnown = 2000;

type Ask = (item: OfferedRepair) => Promise<readonly ShownChange[]>;

export class RowChanges {
  readonly #ask: Ask;
  readonly #changed: () => void;
  readonly #known = new Map<string, readonly ShownChange[] | "failed">();
  #waiting: OfferedRepair[] = [];
  /** Id of the item whose bytes are on their way. */
  #asked: string | undefined;
  /** Another with every choice: what was asked for an earlier one is not kept. */
  #round = 0;

  /** `changed` is told when there is something to be drawn, or to be asked for again. */
  constructor(ask: Ask, changed: () => void) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** What is known of the item; undefined: it is asked for. */
  of(item: OfferedRepair): readonly ShownChange[] | "failed" | undefined {
    const known = this.#known.get(item.id);
    const isAsked = item.id === this.#asked || this.#waiting.some(({ id }) => id === item.id);
    if (known === undefined && !isAsked) {
      this.#waiting = [...this.#waiting, item].slice(-mostWaiting);
      if (this.#asked === undefined) void this.#work();
    }
    return known;
  }

  forget(): void {
    this.#round++;
    this.#known.clear();
    this.#waiting = [];
    this.#changed();
  }

  async #work(): Promise<void> {
    for (let item = this.#waiting.pop(); item !== undefined; item = this.#waiting.pop()) {
      const round = this.#round;
      this.#asked = item.id;
      const answer = await this.#ask(item).catch(() => "failed" as const);
      this.#asked = undefined;
      if (this.#known.size >= mostKnown) this.#known.clear();
      if (round === this.#round) this.#known.set(item.id, answer);
      this.#changed();
    }
  }
}
