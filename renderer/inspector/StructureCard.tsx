// What the byte at the caret is. Of the guest disk: which layer answers for it, how that layer's tables lead there, and
// where it lies in the layer's file. Of a format's file: the table and the field it belongs to, and where that points.
import type { Location } from "../../core/jobs/sessionContract.ts";
import { useLayers } from "../hex/useLayers.ts";
import { showNode } from "../shell/openFlows.ts";
import type { Surface } from "../store/surface.ts";
import card from "../widgets/card.module.css";
import { bytes, decimal, hex } from "../widgets/format.ts";
import { Failed, Waiting } from "./CardStates.tsx";
import { FileStructure } from "./FileStructure.tsx";
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
  const { image, source } = surface;
  const { name } = image.file;
  if (offset < 0) return <p>Before the start of {name}.</p>;
  if (offset >= source.size) return <p>Past the end of {name}.</p>;
  if (source.node === "") return <GuestByte surface={surface} offset={offset} />;
  if (source.node === "file" || source.node.endsWith("/file")) {
    return <FileStructure image={image} node={source.node} offset={offset} />;
  }
  return <p>A byte of the node {source.node}.</p>;
}

function GuestByte({ surface: { image }, offset }: { surface: Surface; offset: number }) {
  const { is, before, retry } = useLayers(image.image, offset);
  if (is.kind === "failed") {
    return <Failed what="Can't tell where this byte lies" error={is.error} onRetry={retry} />;
  }
  if (is.kind === "known") return <LayerList image={image} layers={is.answer} />;
  return (
    <Waiting>
      <LayerList image={image} layers={before ?? []} />
    </Waiting>
  );
}

function LayerList({ image, layers }: { image: Surface["image"]; layers: readonly Location[] }) {
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
            <FilePlace image={image} depth={layer.depth} offset={layer.hostOffset} />
          )}
        </li>
      ))}
    </ol>
  );
}

/** A place in the file of a layer, which can be gone to. */
function FilePlace({ image, depth, offset }: { image: Surface["image"]; depth: number; offset: number }) {
  const path = `${"backing/".repeat(depth)}file`;
  const node = image.nodes.find((one) => one.path === path);
  if (node !== undefined && offset >= node.size) {
    return (
      <p className={`${styles.path} number selectable`}>
        file <span className="mono">{hex(offset)}</span>, past the end of the file ({bytes(node.size)}): reads
        as zeros
      </p>
    );
  }
  return (
    <p className={`${styles.path} number selectable`}>
      file <span className="mono">{hex(offset)}</span> ({decimal(offset)}){" "}
      {node !== undefined && image.format !== "raw" && (
        <button type="button" className={card.link} onClick={() => showNode(image.file.token, node, offset)}>
          Go there
        </button>
      )}
    </p>
  );
}

/** What a layer says of the byte, in words; `last`: no layer below is asked. */
export function stateText({ state, path }: Location, last: boolean): string {
  if (state === "data") return "data";
  // A layer with tables says that a cluster is zero; without, it is a hole of the file.
  if (state === "zero") return path === "" ? "hole: reads as zeros" : "zero cluster: reads as zeros";
  return last ? "not allocated: reads as zeros" : "not allocated: the layer below is read";
}
