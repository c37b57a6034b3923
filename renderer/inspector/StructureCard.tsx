// What the byte at the caret is: which layer answers for it, how that layer's tables lead there, and where it
// lies in the layer's file. In file space, only that it is the container's own byte.
import type { Location } from "../../core/jobs/sessionContract.ts";
import { useLocation } from "../shell/useFilePosition.ts";
import type { Surface } from "../store/surface.ts";
import { decimal, hex } from "../widgets/format.ts";
import styles from "./Inspector.module.css";

export function StructureCard({ surface, caret }: { surface: Surface; caret: number }) {
  const offset = caret + surface.shift;
  const layers = useLocation(surface, surface.space === "guest" ? offset : undefined);
  return (
    <section className={styles.card} aria-label="Structure">
      <h2>Structure</h2>
      <CardBody surface={surface} offset={offset} layers={layers} />
    </section>
  );
}

function CardBody(props: { surface: Surface; offset: number; layers: readonly Location[] | undefined }) {
  const { surface, offset, layers } = props;
  const { file, size } = surface.image;
  if (surface.space === "file") return <p>A byte of the container file {file.name} itself.</p>;
  if (offset < 0) return <p>Before the start of {file.name}.</p>;
  if (offset >= size) return <p>Past the end of {file.name}.</p>;
  // Room is kept for the answer, so that nothing below jumps while the caret moves.
  if (!layers) return <p className={styles.muted}>…</p>;
  return (
    <ol>
      {layers.map((layer) => (
        <li key={layer.depth}>
          <p>
            <b>{layer.depth === 0 ? layer.driver : `backing file ${layer.depth} (${layer.driver})`}</b>{" "}
            {stateText(layer)}
          </p>
          {layer.path && (
            <p className={`${styles.path} mono selectable`}>{layer.path.replaceAll("->", "→")}</p>
          )}
          {layer.hostOffset !== undefined && (
            <p className={`${styles.path} number selectable`}>
              file {hex(layer.hostOffset)} ({decimal(layer.hostOffset)})
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}

/** What a layer says of the byte, in words. */
export function stateText({ state, depth }: Location): string {
  if (state === "data") return "data";
  if (state === "zero") return "zeros, not stored";
  return depth === 0 ? "not allocated" : "not allocated: reads as zeros";
}
