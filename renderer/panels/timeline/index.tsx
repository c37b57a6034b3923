// The timeline panel of a tab: the log while it opens, when it can't be opened, and its entries.
import { useImages } from "../../store/images.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import type { PanelProps } from "../index.ts";
import { timelineSessionOf } from "./session.ts";
import { TimelineView } from "./TimelineView.tsx";

export function TimelinePanel({ tab }: PanelProps<"timeline">) {
  const state = useImages(({ byToken }) => byToken[tab.token]);
  if (!state) return <LoadingState label="Opening" />;
  const { file } = state;
  if (state.kind === "opening") return <LoadingState label={`Opening ${file.name}`} />;
  if (state.kind === "open") {
    return <TimelineView tab={tab} state={state} session={timelineSessionOf(tab.id)} />;
  }
  const retry = () => void useImages.getState().open(file, { format: "raw" });
  return <ErrorState title={`Can't open ${file.name}`} error={state.error} onRetry={retry} />;
}
