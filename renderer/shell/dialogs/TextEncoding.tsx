// Chooses how the text column reads bytes.
import { choices, usePrefs } from "../../store/prefs.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import styles from "./dialogs.module.css";
import { encodingNames } from "./Settings.tsx";

export function TextEncoding() {
  const encoding = usePrefs((state) => state.encoding);
  const set = usePrefs((state) => state.set);
  return (
    <Dialog title="Text encoding" width={340}>
      <fieldset className={styles.radios}>
        <legend className="visually-hidden">Encoding of the text column</legend>
        {choices.encoding.map((choice) => (
          <label key={choice}>
            <input
              type="radio"
              name="encoding"
              checked={choice === encoding}
              autoFocus={choice === encoding}
              onChange={() => set({ encoding: choice })}
            />
            {encodingNames[choice]}
          </label>
        ))}
      </fieldset>
      <DialogActions>
        <button type="button" className="button primary" onClick={closeOverlay}>
          Done
        </button>
      </DialogActions>
    </Dialog>
  );
}
