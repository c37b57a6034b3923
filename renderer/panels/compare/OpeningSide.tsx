// One side of a comparison that cannot be shown yet: opening, failed with what to do, or ready and waiting for
// the other.
import { type ImageState, useImages } from "../../store/images.ts";
import { ErrorState } from "../../widgets/ErrorState.tsx";
import { bytes } from "../../widgets/format.ts";
import { LoadingState } from "../../widgets/LoadingState.tsx";
import styles from "./compare.module.css";
import type { Side } from "./session.ts";

interface OpeningSideProps {
  readonly side: Side;
  /** undefined: the image was closed. */
  readonly state: ImageState | undefined;
}

export function OpeningSide({ side, state }: OpeningSideProps) {
  const name = side.toUpperCase();
  if (!state) return <p className={styles.ready}>{name} was closed.</p>;
  const { file } = state;
  if (state.kind === "opening") return <LoadingState label={`Opening ${name} ${file.name}`} />;
  if (state.kind === "open") {
    return (
      <p className={styles.ready}>
        {name} {file.name} is open ({bytes(state.image.size)}). The comparison starts when both images are.
      </p>
    );
  }
  const { open } = useImages.getState();
  return (
    <ErrorState
      title={`Can't open ${name} ${file.name}`}
      error={state.error}
      onRetry={() => void open(file)}
      onOpenAsRaw={() => void open(file, { format: "raw" })}
      onTrustBacking={() => void open(file, { trustBacking: true })}
    />
  );
}
