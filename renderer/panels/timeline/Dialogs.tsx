// The timeline's dialogs: a note on the entry at the scrub line, and what its state is to be compared with.
import { type FormEvent, useId, useState } from "react";
import { useStore } from "zustand";
import type { FileRef } from "../../../electron/ipc/contract.ts";
import { openImages } from "../../shell/openFlows.ts";
import { useImages } from "../../store/images.ts";
import { useView } from "../../store/view.ts";
import { closeOverlay, Dialog, DialogActions } from "../../widgets/Dialog.tsx";
import { decimal } from "../../widgets/format.ts";
import { useSeen } from "../../widgets/useSeen.ts";
import { BisectDialog } from "./BisectDialog.tsx";
import { baseId, useBaseChoices } from "./baseChoices.ts";
import { entryAt } from "./entryAt.ts";
import { longestNote } from "./notes.ts";
import type { TimelineSession } from "./session.ts";
import type { TimelineState } from "./state.ts";
import { compareState, stateFile } from "./states.ts";
import styles from "./timeline.module.css";

export function Dialogs({ session }: { session: TimelineSession }) {
  const overlay = useView((state) => state.overlay?.kind);
  if (overlay === "logNote") return <NoteDialog session={session} />;
  if (overlay === "logCompare") return <CompareDialog session={session} />;
  if (overlay === "logBase") return <BaseDialog session={session} />;
  if (overlay === "logBisect") return <BisectDialog session={session} />;
  if (overlay === "logGoTo") return <GoToDialog session={session} />;
  return null;
}

function GoToDialog({ session }: { session: TimelineSession }) {
  const [text, setText] = useState("");
  const { entry, shown } = useStore(session.store);
  const entries = shown?.summary.entries ?? 0;
  const place = entryAt(text, entry, entries);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (typeof place !== "number") return;
    closeOverlay();
    session.goTo(place);
  };
  return (
    <Dialog title="Go to entry" width={400}>
      <form onSubmit={submit}>
        <label>
          <span className="visually-hidden">Entry</span>
          <input
            ref={focusOnce}
            className={`field mono ${styles.wide}`}
            type="text"
            placeholder="18233, +100, 50%, end"
            spellCheck={false}
            value={text}
            aria-invalid={typeof place === "string"}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <p className={styles.hint} role="status">
          {typeof place === "number" ? `Entry ${decimal(place)} of ${decimal(entries)}` : place}
        </p>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={typeof place !== "number"}>
            Go to it
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

const focusOnce = (field: HTMLElement | null) => field?.focus();

function NoteDialog({ session }: { session: TimelineSession }) {
  const [entry] = useState(() => session.store.getState().entry);
  const [text, setText] = useState(() => session.store.getState().notes.get(entry) ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    closeOverlay();
    session.goTo(entry);
    session.setNote(text);
  };
  return (
    <Dialog title={`Note on entry ${decimal(entry)}`} width={480}>
      <form onSubmit={submit}>
        <label>
          <span className="visually-hidden">Note</span>
          <input
            ref={focusOnce}
            className={`field ${styles.wide}`}
            type="text"
            maxLength={longestNote}
            placeholder="What happens here"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <p className={styles.hint}>
          Notes are kept on this computer, not in the log. An empty one takes it away.
        </p>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button type="submit" className="button primary">
            Keep the note
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

function BaseDialog({ session }: { session: TimelineSession }) {
  const images = useBaseChoices(session);
  const [chosen, setChosen] = useState(baseId(session.store.getState().base));
  const [discards, setDiscards] = useState(session.store.getState().discards);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    closeOverlay();
    session.store.setState({ discards });
    void session.setBase(images.find(({ id }) => id === chosen)?.base);
  };
  const choice = (id: string, label: string) => (
    <label key={id}>
      <input type="radio" name="base" value={id} checked={chosen === id} onChange={() => setChosen(id)} />{" "}
      {label}
    </label>
  );
  const meaning = (value: TimelineState["discards"], label: string) => (
    <label>
      <input
        type="radio"
        name="discards"
        value={value}
        checked={discards === value}
        onChange={() => setDiscards(value)}
      />{" "}
      {label}
    </label>
  );
  return (
    <Dialog title="Disk before the log, and discards" width={520}>
      <form onSubmit={submit}>
        <fieldset className={styles.choices}>
          <legend>What no entry wrote is</legend>
          {choice("", "Not known: shown as zeroes")}
          {images.map(({ id, label }) => choice(id, `As in ${label}`))}
        </fieldset>
        <p className={styles.hint}>
          A copy of the disk from before its writes were logged; open it to choose it here.
        </p>
        <fieldset className={styles.choices}>
          <legend>What the disk discarded is, in states that are opened</legend>
          {meaning("zero", "Zeroes")}
          {meaning("unknown", "Not known: reads as zeroes, and is not taken for them")}
        </fieldset>
        <DialogActions>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button ref={focusOnce} type="submit" className="button primary">
            Use it
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

interface CompareChoice {
  readonly id: string;
  readonly label: string;
  readonly file: () => Promise<FileRef>;
}

function CompareDialog({ session }: { session: TimelineSession }) {
  const { pinned, shown } = useStore(session.store);
  // The entry it was opened on: the scrub line moves on while a log is played or followed.
  const [entry] = useState(() => session.store.getState().entry);
  useImages(({ byToken }) => byToken);
  const others = openImages().filter(({ token }) => token !== session.image?.file.token);
  const images = useSeen(others, ({ token }) => token);
  const id = useId();
  const [text, setText] = useState("");
  const place = entryAt(text, entry, shown?.summary.entries ?? 0);
  const other = typeof place === "number" && place !== entry ? place : undefined;
  const remembered = pinned === entry ? undefined : pinned;
  const [chosen, setChosen] = useState(remembered === undefined ? "before" : "pinned");
  const choices: readonly CompareChoice[] = [
    {
      id: "before",
      label:
        entry === 0
          ? "The disk before the log"
          : `The disk before this entry (after entry ${decimal(entry - 1)})`,
      file: () => stateFile(session, entry),
    },
    ...afterEntry("pinned", remembered, ", remembered", session),
    ...images.map((file) => ({
      id: file.token,
      label: `${file.name} (${file.folder})`,
      file: () => Promise.resolve(file),
    })),
  ];
  const choice = [...choices, ...afterEntry("other", other, "", session)].find(({ id }) => id === chosen);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!choice) return;
    closeOverlay();
    void compareState(session, entry, choice.file);
  };
  const radio = (value: string) => (
    <input
      type="radio"
      name="with"
      id={`${id}-${value}`}
      value={value}
      checked={chosen === value}
      onChange={() => setChosen(value)}
    />
  );
  return (
    <Dialog title={`Compare the disk after entry ${decimal(entry)}`} width={520}>
      <form onSubmit={submit}>
        <fieldset className={styles.choices}>
          <legend>With</legend>
          {choices.map(({ id: value, label }) => (
            <label key={value} htmlFor={`${id}-${value}`}>
              {radio(value)} {label}
            </label>
          ))}
          <div className={styles.choice}>
            <label htmlFor={`${id}-other`}>{radio("other")} The disk after entry</label>
            <input
              className="field mono"
              type="text"
              aria-label="Other entry"
              placeholder="18233, -100, 50%, end"
              spellCheck={false}
              value={text}
              aria-invalid={chosen === "other" && text !== "" && other === undefined}
              onFocus={() => setChosen("other")}
              onChange={(event) => setText(event.target.value)}
            />
          </div>
        </fieldset>
        <p className={styles.hint} role="status">
          {chosen === "other" && otherText(place, entry)}
        </p>
        <DialogActions>
          <button
            type="button"
            className="button"
            onClick={() => {
              session.pin();
              closeOverlay();
            }}
          >
            Remember this state for later
          </button>
          <button type="button" className="button" onClick={closeOverlay}>
            Cancel
          </button>
          <button ref={focusOnce} type="submit" className="button primary" disabled={!choice}>
            Compare
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

/** The disk after an entry as a choice; none where the entry is not known. */
function afterEntry(
  id: string,
  entry: number | undefined,
  word: string,
  session: TimelineSession,
): readonly CompareChoice[] {
  if (entry === undefined) return [];
  return [
    { id, label: `The disk after entry ${decimal(entry)}${word}`, file: () => stateFile(session, entry + 1) },
  ];
}

/** What the text of the other entry means. */
function otherText(place: ReturnType<typeof entryAt>, entry: number): string {
  if (place === undefined) return "Say which entry.";
  if (typeof place === "string") return place;
  return place === entry ? "That is this entry." : `Entry ${decimal(place)}`;
}
