// The repair panels: the wizard of an image, and a journal that was opened by itself.
import { useStore } from "zustand";
import { useImages } from "../../store/images.ts";
import { useWriteWords } from "../../store/writeWords.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import type { PanelProps } from "../index.ts";
import { JournalView } from "./JournalView.tsx";
import { journalSessionOf } from "./journalSession.ts";
import { RepairView } from "./RepairView.tsx";
import styles from "./repair.module.css";
import { repairSessionOf } from "./sessions.ts";
import { journalWords } from "./statusWords.ts";

export function RepairPanel({ tab }: PanelProps<"repair">) {
  const state = useImages(({ byToken }) => byToken[tab.token]);
  if (!state) return <LoadingState label="Opening" />;
  const { file } = state;
  const session = repairSessionOf(tab.id);
  if (state.kind === "open") return <RepairView session={session} file={file} image={state.image} />;
  // The image is opened again after it was written to; what was done stays in sight meanwhile.
  if (session.hasLooked) return <RepairView session={session} file={file} image={undefined} />;
  if (state.kind === "opening") return <LoadingState label={`Opening ${file.name}`} />;
  const { open } = useImages.getState();
  return (
    <ErrorState
      title={`Can't open ${file.name}`}
      error={state.error}
      onRetry={() => void open(file)}
      onTrustBacking={() => void open(file, { trustBacking: true })}
    />
  );
}

export function JournalPanel({ tab }: PanelProps<"journal">) {
  const session = journalSessionOf(tab.id, tab.journal.token, tab.image);
  useWriteWords(journalWords(useStore(session.store, ({ facts, gone }) => (gone ? undefined : facts))));
  return (
    <div className={styles.alone}>
      <JournalView session={session} title={`Undo journal: ${tab.journal.name}`} />
    </div>
  );
}
