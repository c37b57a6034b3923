// Whether and where can be written: the preflight, the places that the person chose, and what becomes of an earlier
// journal that has the new one's name.
import type { StoreApi } from "zustand/vanilla";
import { toPlain } from "../../../core/base/errors.ts";
import type { FileRef, OpenedImage } from "../../../electron/ipc/contract.ts";
import { useView } from "../../store/view.ts";
import { askPreflight, chooseSave, deleteJournal, setJournalAside } from "./engine.ts";
import { type RepairState, settled } from "./state.ts";
import { prefersCopy } from "./steps.ts";
import { lookForUnfinished } from "./unfinished.ts";

interface Around {
  /** Main's id of the looking job. */
  asking(): number | undefined;
  image(): OpenedImage | undefined;
}

export class Places {
  readonly #store: StoreApi<RepairState>;
  readonly #around: Around;

  constructor(store: StoreApi<RepairState>, around: Around) {
    this.#store = store;
    this.#around = around;
  }

  /** Asks again whether and where writing is possible. */
  async check(): Promise<void> {
    const { choice, journal, plan, preflight: before } = this.#store.getState();
    if (plan === undefined) return;
    if (before.kind !== "known") this.#store.setState({ preflight: { kind: "asking" } });
    const question = { ids: choice?.ids ?? [], ...(journal && { journal: journal.token }) };
    const preflight = await settled(askPreflight(this.#around.asking(), question));
    if (plan !== this.#store.getState().plan) return;
    this.#store.setState({ preflight });
    if (preflight.kind !== "known") return;
    if (this.#store.getState().toCopy === undefined) this.setToCopy(prefersCopy(preflight.value));
  }

  setToCopy(toCopy: boolean): void {
    this.#store.setState({ toCopy });
  }

  /** Asks for the place of the copy, or of the undo journal. */
  async choose(which: "copyTo" | "journal", title: string, suggestedName: string): Promise<void> {
    this.#store.setState({ placeError: undefined });
    try {
      const place = await chooseSave(title, suggestedName);
      if (!place) return;
      this.#store.setState({ [which]: place });
      await this.check();
    } catch (error) {
      this.#store.setState({ placeError: toPlain(error).message });
    }
  }

  /** Gives the earlier journal another name, so that the new one can have its own. */
  keepEarlier(journal: FileRef): Promise<void> {
    return this.#clear(async (image) => {
      const { name } = await setJournalAside(journal.token, image);
      return `The earlier undo journal is now ${name}`;
    });
  }

  /** Deletes an earlier journal by which nothing can be done any more. */
  deleteEarlier(journal: FileRef): Promise<void> {
    return this.#clear(async (image) => {
      await deleteJournal(journal.token, image);
      return `${journal.name} was deleted`;
    });
  }

  async #clear(act: (image: string | undefined) => Promise<string>): Promise<void> {
    if (this.#store.getState().clearing) return;
    this.#store.setState({ clearing: true, earlierError: undefined });
    try {
      useView.getState().say(await act(this.#around.image()?.file.token));
    } catch (error) {
      this.#store.setState({ earlierError: toPlain(error) });
    } finally {
      this.#store.setState({ clearing: false });
    }
    lookForUnfinished();
    await this.check();
  }
}
