// Chooses A and B among the open images, prefilled; any other file can take either side.
import { type FormEvent, useState } from "react";
import type { FileRef } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import { SwapIcon } from "../../widgets/icons.ts";
import { activeFile, comparePair, openImages } from "../openFlows.ts";
import styles from "./dialogs.module.css";

const other = "other";

/** The prefilled choice is usually right: Enter compares at once. */
const focusOnce = (button: HTMLButtonElement | null) => button?.focus();

export function CompareWith() {
  const [files, setFiles] = useState(openImages);
  const [a, setA] = useState(() => activeFile()?.token ?? files[0]?.token);
  const [b, setB] = useState(() => files.find((file) => file.token !== a)?.token);
  const fileOf = (token: string | undefined) => files.find((file) => file.token === token);
  const [fileA, fileB] = [fileOf(a), fileOf(b)];
  const same = a === b;
  const add = (file: FileRef) =>
    setFiles((before) => (before.some((known) => known.token === file.token) ? before : [...before, file]));
  const swap = () => {
    setA(b);
    setB(a);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!fileA || !fileB || same) return;
    closeOverlay();
    void comparePair(fileA, fileB);
  };
  return (
    <Dialog title="Compare" width={480}>
      <form onSubmit={submit}>
        <Side name="A" files={files} value={a} onChoose={setA} onAdd={add} />
        <Side name="B" files={files} value={b} onChoose={setB} onAdd={add} />
        {same && (
          <p className={styles.preview}>A and B are the same image. Choose another for one of them.</p>
        )}
        <DialogActions>
          <button type="button" className={`button ${styles.first}`} onClick={swap}>
            <SwapIcon size={14} aria-hidden /> Swap
          </button>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button
            ref={focusOnce}
            type="submit"
            className="button primary"
            disabled={!fileA || !fileB || same}
          >
            Compare
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

interface SideProps {
  readonly name: "A" | "B";
  readonly files: readonly FileRef[];
  readonly value: string | undefined;
  onChoose(token: string): void;
  onAdd(file: FileRef): void;
}

function Side({ name, files, value, onChoose, onAdd }: SideProps) {
  const choose = async (token: string) => {
    if (token !== other) return onChoose(token);
    const title = `Choose image ${name}`;
    const [file] = await call("files:choose", { title, multiple: false }).catch((): readonly FileRef[] => []);
    if (!file) return;
    onAdd(file);
    onChoose(file.token);
  };
  return (
    <label className={styles.setting}>
      <span>{name}</span>
      <select className="field" value={value ?? ""} onChange={(event) => void choose(event.target.value)}>
        {value === undefined && <option value="">Choose…</option>}
        {files.map((file) => (
          <option key={file.token} value={file.token}>
            {file.name} ({file.folder})
          </option>
        ))}
        <option value={other}>Another file…</option>
      </select>
    </label>
  );
}
