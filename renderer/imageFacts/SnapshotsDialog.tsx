// Chooses one of the snapshots inside an image: shown as bytes or as a map in a tab of its own, or compared with the disk
// as it is now. Nothing is written: a snapshot opens read-only.
import { type FormEvent, useRef, useState } from "react";
import type { SnapshotInfo } from "../../core/block/node.ts";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { useImages } from "../store/images.ts";
import { closeOverlay, Dialog, DialogActions } from "../widgets/Dialog.tsx";
import { bytes, count, decimal } from "../widgets/format.ts";
import styles from "./imageFacts.module.css";
import { dateText, keyOf, openSnapshot, type SnapshotView } from "./snapshots.ts";

/** Rows at a time: an image may have 65,536 snapshots. */
const mostRows = 500;
/** From here on a field finds them. */
const someToFind = 10;

export function SnapshotsDialog({ token }: { token: string }) {
  const state = useImages(({ byToken }) => byToken[token]);
  if (state?.kind !== "open") return null;
  return <Choice image={state.image} />;
}

function Choice({ image }: { image: OpenedImage }) {
  const list = image.info.snapshots ?? [];
  const [filter, setFilter] = useState("");
  const [chosen, setChosen] = useState(list[0]);
  const form = useRef<HTMLFormElement>(null);
  const wanted = filter.trim().toLowerCase();
  const found = list.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(wanted));
  const selected = chosen && found.includes(chosen) ? chosen : found[0];
  const key = selected && keyOf(list, selected);
  const open = (as: SnapshotView) => {
    if (selected === undefined || key === undefined) return;
    closeOverlay();
    void openSnapshot(image, selected, as);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    open("hex");
  };
  return (
    <Dialog title={`Snapshots in ${image.file.name}`} width={720}>
      <form ref={form} onSubmit={submit}>
        {list.length >= someToFind && (
          <input
            className={`field ${styles.filter}`}
            type="search"
            placeholder="Find by id or name"
            aria-label="Find by id or name"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        )}
        <div className={styles.scroll}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">Id</th>
                <th scope="col">Name</th>
                <th scope="col">Made</th>
                <th scope="col">Disk</th>
                <th scope="col">Machine state</th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, mostRows).map((one, index) => (
                <Row
                  // Neither ids nor names need be different, and the list stays as it is while this shows.
                  key={index}
                  snapshot={one}
                  chosen={one === selected}
                  focus={index === 0 && list.length < someToFind}
                  onChoose={() => setChosen(one)}
                  onOpen={() => form.current?.requestSubmit()}
                />
              ))}
            </tbody>
          </table>
        </div>
        <p className={styles.state} role="status">
          {stateText(found.length, list.length, selected !== undefined && key === undefined)}
        </p>
        <DialogActions>
          <button type="button" className={`button ${styles.first}`} onClick={closeOverlay}>
            Cancel
          </button>
          <button
            type="button"
            className="button"
            disabled={key === undefined}
            onClick={() => open("compare")}
          >
            Compare with now
          </button>
          <button type="button" className="button" disabled={key === undefined} onClick={() => open("map")}>
            Show as map
          </button>
          <button type="submit" className="button primary" disabled={key === undefined}>
            Open read-only
          </button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

interface RowProps {
  readonly snapshot: SnapshotInfo;
  readonly chosen: boolean;
  /** Takes the focus when the dialog opens. */
  readonly focus: boolean;
  onChoose(): void;
  onOpen(): void;
}

const focusOnce = (input: HTMLInputElement | null) => input?.focus();

function Row({ snapshot, chosen, focus, onChoose, onOpen }: RowProps) {
  const { id, name, vmStateSize, diskSize } = snapshot;
  return (
    <tr data-chosen={chosen || undefined} onClick={onChoose} onDoubleClick={onOpen}>
      <td>
        <label className={styles.choice}>
          <input
            ref={focus ? focusOnce : undefined}
            type="radio"
            name="snapshot"
            checked={chosen}
            onChange={onChoose}
          />
          <span className="number">{id}</span>
          <span className="visually-hidden">{name}</span>
        </label>
      </td>
      <td className={styles.name}>{name}</td>
      <td className="number">{dateText(snapshot)}</td>
      <td className="number" title={`${decimal(diskSize)} bytes`}>
        {bytes(diskSize)}
      </td>
      <td className="number">{vmStateSize === 0 ? "none" : bytes(vmStateSize)}</td>
    </tr>
  );
}

function stateText(found: number, all: number, isHidden: boolean): string {
  if (isHidden) return "Another snapshot has the same id and name and comes first: this one can't be named.";
  if (found === 0) return "None has that in its id or name.";
  if (found > mostRows) return `The first ${mostRows} of ${decimal(found)} are shown: find others by name.`;
  return found < all ? `${count(found, "snapshot")} of ${decimal(all)}.` : `${count(all, "snapshot")}.`;
}
