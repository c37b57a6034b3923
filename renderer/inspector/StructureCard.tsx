// What the byte at the caret is: which layer answers for it, how that layer's tables lead there, and where it
// lies in the layer's file. In file space, only that it is the container's own byte.
import type { PlainError } from "../../core/base/errors.ts";
import type { Location } from "../../core/jobs/sessionContract.ts";
import { useLayers } from "../hex/useLayers.ts";
import type { Surface } from "../store/surface.ts";
import { decimal, hex } from "../widgets/format.ts";
import styles from "./Inspector.module.css";

export function StructureCard({ surface, caret }: { surface: Surface; caret: number }) {
  const { side } = surface;
  return (
    <section className={styles.card} aria-label="Structure">
      <h3>{side ? `Structure of ${side.toUpperCase()}` : "Structure"}</h3>
      <CardBody surface={surface} offset={caret + surface.shift} />
    </section>
  );
}

function CardBody({ surface, offset }: { surface: Surface; offset: number }) {
  const { file, size, image } = surface.image;
  const inGuest = surface.space === "guest" && surface.node === undefined && offset >= 0 && offset < size;
  const { is, before, retry } = useLayers(image, inGuest ? offset : undefined);
  if (surface.node !== undefined) return <p>A byte of the node {surface.node}.</p>;
  if (surface.space === "file") return <p>A byte of the container file {file.name} itself.</p>;
  if (offset < 0) return <p>Before the start of {file.name}.</p>;
  if (offset >= size) return <p>Past the end of {file.name}.</p>;
  if (is.kind === "failed") return <Failed error={is.error} onRetry={retry} />;
  if (is.kind === "known") return <LayerList layers={is.layers} />;
  // The last answer keeps its room unseen, so that nothing below jumps while the caret moves.
  return (
    <div className={styles.loading} aria-busy>
      <p>Looking it up…</p>
      <div className={styles.room} aria-hidden>
        <LayerList layers={before} />
      </div>
    </div>
  );
}

function Failed({ error, onRetry }: { error: PlainError; onRetry(): void }) {
  const { message, context } = error;
  return (
    <div className={styles.failed} role="status">
      <p className="selectable">
        <b>Can't tell where this byte lies:</b> {message}
        {context.hint && `. ${context.hint}`}
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Retry
      </button>
    </div>
  );
}

function LayerList({ layers }: { layers: readonly Location[] }) {
  return (
    <ol className={styles.layers}>
      {layers.map((layer) => (
        <li key={layer.depth}>
          <p>
            <b>{layer.depth === 0 ? layer.driver : `backing file ${layer.depth} (${layer.driver})`}</b>{" "}
            {stateText(layer, layer.depth === layers.at(-1)?.depth)}
          </p>
          {layer.path && (
            <p className={`${styles.path} mono selectable`}>{layer.path.replaceAll("->", "→")}</p>
          )}
          {layer.hostOffset !== undefined && (
            <p className={`${styles.path} number selectable`}>
              file <span className="mono">{hex(layer.hostOffset)}</span> ({decimal(layer.hostOffset)})
            </p>
          )}
        </li>
      ))}
    </ol>
  );
}

/** What a layer says of the byte, in words; `last`: no layer below is asked. */
export function stateText({ state, path }: Location, last: boolean): string {
  if (state === "data") return "data";
  // A layer with tables says that a cluster is zero; without, it is a hole of the file.
  if (state === "zero") return path === "" ? "hole: reads as zeros" : "zero cluster: reads as zeros";
  return last ? "not allocated: reads as zeros" : "not allocated: the layer below is read";
}
