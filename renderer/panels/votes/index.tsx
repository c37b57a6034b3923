// The votes panel of a tab: the quorum while it opens, when it can't be opened, and its map.
import { useImages } from "../../store/images.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import type { PanelProps } from "../index.ts";
import { votesSessionOf } from "./session.ts";
import { VotesView } from "./VotesView.tsx";

export function VotesPanel({ tab }: PanelProps<"votes">) {
  const state = useImages(({ byToken }) => byToken[tab.token]);
  if (!state) return <LoadingState label="Opening" />;
  const { file } = state;
  if (state.kind === "opening") return <LoadingState label={`Opening ${file.name}`} />;
  if (state.kind === "open") {
    return <VotesView tab={tab} state={state} session={votesSessionOf(tab.id, tab.node)} />;
  }
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
