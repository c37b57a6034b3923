// Asks which log, and which of the byte's addresses, when more than one could tell who wrote it.
import { type FormEvent, useState } from "react";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import styles from "./timeline.module.css";
import { possibilities, showWriter } from "./whoWrote.ts";

const focusOnce = (button: HTMLButtonElement | null) => button?.focus();

export function WhoWroteDialog() {
  const [choices] = useState(possibilities);
  const [chosen, setChosen] = useState(0);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    closeOverlay();
    const choice = choices[chosen];
    if (choice) showWriter(choice);
  };
  return (
    <Dialog title="Who wrote this?" width={520}>
      <form onSubmit={submit}>
        <fieldset className={styles.choices}>
          <legend>Look in</legend>
          {choices.map(({ label }, index) => (
            <label key={label}>
              <input type="radio" name="log" checked={index === chosen} onChange={() => setChosen(index)} />{" "}
              {label}
            </label>
          ))}
        </fieldset>
        <p className={styles.hint}>
          A log of what the guest wrote has the guest's addresses; a log of what a format wrote has those of
          its file.
        </p>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button ref={focusOnce} type="submit" className="button primary">
            Show who wrote it
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
