// The map panel of a tab: the image while it opens, when it can't be opened, and its map.
import { useImages } from "../../store/images.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import type { PanelProps } from "../index.ts";
import { ClusterMapView } from "./ClusterMapView.tsx";
import { mapSessionOf } from "./session.ts";

export function MapPanel({ tab }: PanelProps<"map">) {
  const state = useImages(({ byToken }) => byToken[tab.token]);
  if (!state) return <LoadingState label="Opening" />;
  const { file } = state;
  if (state.kind === "opening") return <LoadingState label={`Opening ${file.name}`} />;
  if (state.kind === "open") {
    return <ClusterMapView tab={tab} state={state} session={mapSessionOf(tab.id, tab.node)} />;
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
