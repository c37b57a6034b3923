// The Files sidebar: images that are open (format, size, state on disk) and the recent list.
import { useApp } from "../store/app.ts";
import { type ImageState, useImages } from "../store/images.ts";
import { hexTab, useView } from "../store/view.ts";
import { RecentList } from "../welcome/RecentList.tsx";
import { bytes, decimal } from "../widgets/format.ts";
import { CloseIcon } from "../widgets/icons.ts";
import { LongName } from "../widgets/LongName.tsx";
import { closeImage } from "./openFlows.ts";
import styles from "./Sidebar.module.css";

export function Sidebar() {
  const byToken = useImages((state) => state.byToken);
  const hasRecent = useApp((state) => state.recent.length > 0);
  const images = Object.values(byToken);
  return (
    <section className={styles.sidebar} aria-label="Files" data-pane="sidebar">
      <h2 className={styles.heading}>Open images</h2>
      {images.length === 0 && <p className={styles.none}>None</p>}
      <ul>
        {images.map((state) => (
          <OpenImage key={state.file.token} state={state} />
        ))}
      </ul>
      {hasRecent && (
        <>
          <h2 className={styles.heading}>Recent</h2>
          <RecentList compact />
        </>
      )}
    </section>
  );
}

function OpenImage({ state }: { state: ImageState }) {
  const { file } = state;
  return (
    <li className={styles.row}>
      <button
        type="button"
        className={styles.image}
        title={tooltip(state)}
        onClick={() => useView.getState().openTab(hexTab(file.token))}
      >
        <LongName text={file.name} />
        <span className={`${styles.facts} number`}>{factsOf(state)}</span>
      </button>
      <button
        type="button"
        className="button quiet icon"
        aria-label={`Close ${file.name}`}
        title="Close the image and its tabs"
        onClick={() => closeImage(file.token)}
      >
        <CloseIcon size={14} aria-hidden />
      </button>
    </li>
  );
}

function tooltip({ file, ...state }: ImageState): string {
  if (state.kind === "failed") return `${file.name}\n${file.folder}\n${state.error.message}`;
  const size = state.kind === "open" ? `\n${decimal(state.image.size)} bytes as the guest sees it` : "";
  return `${file.name}\n${file.folder}${size}\nShow as bytes`;
}

function factsOf(state: ImageState): string {
  if (state.kind === "opening") return "opening…";
  if (state.kind === "failed") return "can't be opened";
  const { format, size } = state.image;
  const onDisk = { same: "", changed: " · changed on disk", missing: " · missing" }[state.disk.kind];
  return `${format} · ${bytes(size)}${onDisk}`;
}
