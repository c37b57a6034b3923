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
  // While it is opened again its map stays, to which the next one is compared.
  const shown = state.kind === "opening" ? state.before : state;
  if (shown === undefined) return <LoadingState label={`Opening ${file.name}`} />;
  if (shown.kind === "open") {
    return <ClusterMapView tab={tab} state={shown} session={mapSessionOf(tab.id, tab.node)} />;
  }
  const { open } = useImages.getState();
  return (
    <ErrorState
      title={`Can't open ${file.name}`}
      error={shown.error}
      onRetry={() => void open(file)}
      onTrustBacking={() => void open(file, { trustBacking: true })}
    />
  );
}
