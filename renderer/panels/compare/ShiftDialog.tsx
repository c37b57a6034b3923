// Asks by how much B is shifted against A. The scan starts anew with it.
import { type FormEvent, useId, useState } from "react";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import styles from "./dialogs.module.css";
import type { CompareSession, Pair } from "./session.ts";
import { parseShift } from "./shift.ts";
import { shiftText } from "./wording.ts";

export function ShiftDialog({ session, pair }: { session: CompareSession; pair: Pair }) {
  const id = useId();
  const { shift } = session.store.getState();
  const [text, setText] = useState(shift === 0 ? "" : String(shift));
  const parsed = parseShift(text, pair.a.size, pair.b.size);
  const apply = (value: number) => {
    closeOverlay();
    session.setShift(value);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (parsed.ok) apply(parsed.shift);
  };
  const state = parsed.ok ? (parsed.shift === 0 ? "No shift" : shiftText(parsed.shift)) : parsed.message;
  return (
    <Dialog title="Shift B" width={420}>
      <form className={styles.form} onSubmit={submit}>
        <p>Byte x of A is compared with byte x + shift of B. The images are scanned again.</p>
        <label htmlFor={id}>Shift of B</label>
        <input
          id={id}
          className="field mono"
          value={text}
          placeholder="512, -0x200, 8s, 4KiB"
          spellCheck={false}
          autoComplete="off"
          aria-invalid={text !== "" && !parsed.ok}
          aria-describedby={`${id}-state`}
          onChange={(event) => setText(event.target.value)}
          autoFocus
          onFocus={({ currentTarget }) => currentTarget.select()}
        />
        <p
          id={`${id}-state`}
          className={styles.state}
          data-wrong={(text !== "" && !parsed.ok) || undefined}
          role="status"
        >
          {state}
        </p>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          {shift !== 0 && (
            <button type="button" className="button" onClick={() => apply(0)}>
              Remove the shift
            </button>
          )}
          <button type="submit" className="button primary" disabled={!parsed.ok}>
            Shift and rescan
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
