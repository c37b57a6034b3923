// Go to a place of the map: an offset of the file or of the guest's disk, in every notation of the go-to field of a hex
// view, with what it means as it is typed.
import { type FormEvent, useState } from "react";
import { useStore } from "zustand";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import styles from "../compare/dialogs.module.css";
import { goalOf } from "./goToPlace.ts";
import type { MapSession, ShownMap } from "./session.ts";

interface GoToDialogProps {
  readonly session: MapSession;
  readonly shown: ShownMap;
}

export function GoToDialog({ session, shown }: GoToDialogProps) {
  const [text, setText] = useState("");
  const { order } = useStore(session.store);
  const cursor = useStore(session.view, (state) => state.cursor);
  const goal = goalOf(text, shown, order, cursor);
  const target = goal?.target;
  const isWrong = goal !== undefined && target === undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!target) return;
    closeOverlay();
    session.goTo(target.offset, target.space);
  };
  return (
    <Dialog title="Go to a place of the map" width={460}>
      <form className={styles.form} onSubmit={submit}>
        <input
          ref={focusOnce}
          className="field mono"
          type="text"
          aria-label="Place"
          maxLength={200}
          placeholder={`${order} offset: 0x1000, c:17, s:2048, +1MiB, 50%, end`}
          spellCheck={false}
          autoComplete="off"
          value={text}
          aria-invalid={isWrong}
          onChange={(event) => setText(event.target.value)}
        />
        <p className={`${styles.state} number`} data-wrong={isWrong || undefined} role="status">
          {goal?.text ?? `Numbers are offsets of the ${order === "file" ? "file" : "guest's disk"}.`}
        </p>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={!target}>
            Go to it
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

const focusOnce = (field: HTMLElement | null) => field?.focus();
