// What is chosen of the offer, and what that does: the choice itself, the row that is looked at, the map before and
// after. Every answer is the engine's; what is asked for while another answer is on its way waits for it.
import type { StoreApi } from "zustand/vanilla";
import type { OfferedRepair } from "../../../core/block/finding.ts";
import type { RepairChoice, ShownChange } from "../../../core/ops/repairRun.ts";
import { askRepair } from "./engine.ts";
import { RowChanges } from "./rowChanges.ts";
import { type RepairState, settled } from "./state.ts";

/** Cells of a map strip. */
const stripCells = 240;

interface Around {
  /** Main's id of the looking job. */
  asking(): number | undefined;
  /** The item in the row that is looked at, once its page is known. */
  shownItem(): OfferedRepair | undefined;
  /** An answer about a row has come. */
  grow(): void;
}

export class Choosing {
  readonly #store: StoreApi<RepairState>;
  readonly #around: Around;
  /** The choice's ids, for look-up. */
  #chosen: ReadonlySet<string> = new Set();
  /** Changes of the choice follow each other: each is made to the answer of the one before. */
  #last: Promise<void> = Promise.resolve();
  readonly #rows: RowChanges;

  constructor(store: StoreApi<RepairState>, around: Around) {
    this.#store = store;
    this.#around = around;
    this.#rows = new RowChanges(
      (item) => askRepair(around.asking(), "changes", { ids: this.#idsWith(item), id: item.id }),
      () => around.grow(),
    );
  }

  /** When the changes that were asked for so far are made. */
  get settled(): Promise<void> {
    return this.#last;
  }

  /** The image is looked at from the beginning. */
  forget(): void {
    this.#chosen = new Set();
    this.#rows.forget();
  }

  isChosen(id: string): boolean {
    return this.#chosen.has(id);
  }

  /** Chooses or leaves out one item, with all that depends on it. */
  toggle(id: string): void {
    this.#change((ids) => {
      const on = !ids.includes(id);
      return askRepair(this.#around.asking(), "toggle", { ids, id, on });
    });
  }

  choose(ids: readonly string[] | "default"): void {
    this.#change(() => askRepair(this.#around.asking(), "choose", { ids }));
  }

  /** What the row's item changes, if it is known; else it is asked for. */
  changeOf(item: OfferedRepair): readonly ShownChange[] | "failed" | undefined {
    return this.#rows.of(item);
  }

  /** Asks for the whole change of the row that is looked at; to be called again when its page has come. */
  showRow(): void {
    const asked = this.#store.getState();
    const { row, choice } = asked;
    const item = this.#around.shownItem();
    if (!choice || !item) {
      this.#store.setState({ changes: { kind: "none" } });
      return;
    }
    this.#store.setState({ changes: { kind: "asking" } });
    const question = { ids: this.#idsWith(item), id: item.id };
    void settled(askRepair(this.#around.asking(), "changes", question)).then((changes) => {
      if (this.#isStill(asked) && this.#store.getState().row === row) this.#store.setState({ changes });
    });
  }

  #change(ask: (ids: readonly string[]) => Promise<RepairChoice>): void {
    const { plan } = this.#store.getState();
    this.#store.setState({ choosing: true, choiceError: undefined });
    const run = async () => {
      const answer = await settled(ask(this.#store.getState().choice?.ids ?? []));
      if (plan !== this.#store.getState().plan) return;
      if (answer.kind === "known") this.#take(answer.value);
      else if (answer.kind === "failed") this.#store.setState({ choiceError: answer.error });
    };
    const mine = this.#last.then(run);
    this.#last = mine;
    void mine.then(() => {
      if (this.#last === mine) this.#store.setState({ choosing: false });
    });
  }

  #take(choice: RepairChoice): void {
    const isOther = choice.digest !== this.#store.getState().choice?.digest;
    this.#chosen = new Set(choice.ids);
    this.#store.setState({ choice });
    if (!isOther) return;
    this.#rows.forget();
    this.showRow();
    void this.#askStrips(choice.ids);
  }

  async #askStrips(ids: readonly string[]): Promise<void> {
    const asked = this.#store.getState();
    const question = { ids, cells: stripCells };
    const strips = await settled(askRepair(this.#around.asking(), "map", question));
    if (this.#isStill(asked)) this.#store.setState({ strips });
  }

  /** Whether the choice does the same still: chosen again it is another object, of which nothing is asked anew. */
  #isStill({ choice, plan }: RepairState): boolean {
    const now = this.#store.getState();
    return now.plan === plan && now.choice?.digest === choice?.digest;
  }

  /**
   * What is chosen, and this item with it; what it needs comes along by itself. What an item that copies nothing writes
   * does not depend on others: a choice of 100,000 is not gone through for each row.
   */
  #idsWith({ id, grows }: OfferedRepair): readonly string[] {
    if (grows === 0) return [id];
    const ids = this.#store.getState().choice?.ids ?? [];
    return this.#chosen.has(id) ? ids : [...ids, id];
  }
}
