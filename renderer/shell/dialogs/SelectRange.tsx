// Selects a range of bytes by two expressions: a start, and a length or the last byte. Both as in "Go to".
import { type FormEvent, useId, useState } from "react";
import { contextOf } from "../../goto/jumps.ts";
import { selectedRange } from "../../goto/range.ts";
import { type Surface, useSurface } from "../../store/surface.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import { hex } from "../../widgets/format.ts";
import { selectionText } from "../position.ts";
import styles from "./dialogs.module.css";

export function SelectRange() {
  const surface = useSurface((state) => state.surface);
  return surface ? <Form surface={surface} /> : null;
}

function Form({ surface }: { surface: Surface }) {
  const id = useId();
  const { caret, anchor } = surface.view.getState();
  const [start, setStart] = useState(hex(Math.min(caret, anchor)));
  const [mode, setMode] = useState<"length" | "end">("length");
  const [second, setSecond] = useState(hex(Math.abs(caret - anchor) + 1));
  const range = selectedRange({ start, second, mode }, contextOf(surface, caret));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!range.ok) return;
    surface.view.select(range.first, range.last, surface.rows);
    closeOverlay();
  };
  return (
    <Dialog title="Select range" width={440}>
      <form onSubmit={submit} className={styles.form}>
        <label htmlFor={`${id}s`}>Start</label>
        <input
          id={`${id}s`}
          className="field mono"
          value={start}
          autoFocus
          onFocus={({ currentTarget }) => currentTarget.select()}
          onChange={(e) => setStart(e.target.value)}
        />
        <select
          className="field"
          aria-label="Give the range by"
          value={mode}
          onChange={(event) => setMode(event.target.value === "end" ? "end" : "length")}
        >
          <option value="length">Length</option>
          <option value="end">Last byte</option>
        </select>
        <input
          className="field mono"
          aria-label={mode === "length" ? "Length" : "Last byte"}
          value={second}
          onChange={(event) => setSecond(event.target.value)}
        />
        <p className={styles.preview} role="status" data-error={!range.ok || undefined}>
          {range.ok
            ? (selectionText(range.first, range.last, surface.clusterSize) ?? "1 byte")
            : `${range.field === "start" ? "Start" : mode === "length" ? "Length" : "Last byte"}: ${range.message}`}
        </p>
        <p className={styles.muted}>
          As in Go to: 0x1000, 64KiB, s:2048, c:17+0x200, end-512, 50%. A length may be 3s or 2c.
        </p>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={!range.ok}>
            Select
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
