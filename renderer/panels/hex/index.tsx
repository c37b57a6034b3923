// The hex panel of a tab: one image, while it opens, when it can't be opened, and its bytes.
import { useImages } from "../../store/images.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import type { PanelProps } from "../index.ts";
import { ImageView } from "./ImageView.tsx";

export function HexPanel({ tab }: PanelProps<"hex">) {
  const state = useImages(({ byToken }) => byToken[tab.token]);
  if (!state) return <LoadingState label="Opening" />;
  const { file } = state;
  if (state.kind === "opening") return <LoadingState label={`Opening ${file.name}`} />;
  if (state.kind === "open") return <ImageView tab={tab} state={state} />;
  const { open } = useImages.getState();
  return (
    <ErrorState
      title={`Can't open ${file.name}`}
      error={state.error}
      onRetry={() => void open(file)}
      {...(!file.isGraph && { onOpenAsRaw: () => void open(file, { format: "raw" }) })}
      onTrustBacking={() => void open(file, { trustBacking: true })}
    />
  );
}
