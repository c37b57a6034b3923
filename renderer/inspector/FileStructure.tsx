// The table and field that a byte of a format's file belongs to: "L2 table 3, entry 17 → cluster 0x2A", with the places
// it points to as links.
import type { ByteRange, StructureAt, StructureField } from "../../core/block/structure.ts";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { call } from "../api.ts";
import { useAnswer } from "../hex/useAnswer.ts";
import { showNode } from "../shell/openFlows.ts";
import card from "../widgets/card.module.css";
import { bytes, hex } from "../widgets/format.ts";
import { Failed, Waiting } from "./CardStates.tsx";
import styles from "./Inspector.module.css";

interface FileStructureProps {
  readonly image: OpenedImage;
  /** Path of the file's node. */
  readonly node: string;
  readonly offset: number;
}

export function FileStructure({ image, node, offset }: FileStructureProps) {
  const { is, before, retry } = useAnswer(`${image.image}:${node}:${offset}`, () =>
    call("image:describe", { image: image.image, node, offset }),
  );
  if (is.kind === "failed") {
    return <Failed what="Can't tell what this byte is" error={is.error} onRetry={retry} />;
  }
  if (is.kind === "known") return <Described image={image} node={node} structure={is.answer} />;
  return (
    <Waiting>
      <Described image={image} node={node} structure={before} />
    </Waiting>
  );
}

interface DescribedProps {
  readonly image: OpenedImage;
  readonly node: string;
  readonly structure: StructureAt | undefined;
}

function Described({ image, node, structure }: DescribedProps) {
  if (structure === undefined) return <p>Not part of a table: guest data, or not in use.</p>;
  const { name, offset, length, field } = structure;
  return (
    <>
      <p>
        <b>{sentenceCase(name)}</b>{" "}
        <span className={`${styles.path} mono selectable`}>
          {hex(offset)} + {bytes(length)}
        </span>
      </p>
      {field === undefined ? (
        <p>Bytes of it that mean nothing.</p>
      ) : (
        <Field image={image} node={node} field={field} />
      )}
    </>
  );
}

function Field({ image, node, field }: { image: OpenedImage; node: string; field: StructureField }) {
  const { name, value, meaning, target, guest } = field;
  const guestPath = node === "file" ? "" : node.slice(0, -"/file".length);
  return (
    <>
      <p>
        {name}: <span className="mono selectable">{value}</span>
      </p>
      <p className="selectable">{meaning.replaceAll("->", "→")}</p>
      {target && <PlaceLink image={image} node={node} what="file" range={target} />}
      {guest && <PlaceLink image={image} node={guestPath} what="guest" range={guest} />}
    </>
  );
}

interface PlaceLinkProps {
  readonly image: OpenedImage;
  readonly node: string;
  readonly what: "file" | "guest";
  readonly range: ByteRange;
}

function PlaceLink({ image, node, what, range }: PlaceLinkProps) {
  const found = image.nodes.find(({ path }) => path === node);
  const text = `${what} ${hex(range.offset)}`;
  return (
    <p className={`${styles.path} number selectable`}>
      {text} + {bytes(range.length)}{" "}
      {found !== undefined && range.offset < found.size && (
        <button
          type="button"
          className={card.link}
          aria-label={`Go to ${text}`}
          onClick={() => showNode(image.file.token, found, range.offset)}
        >
          Go there
        </button>
      )}
    </p>
  );
}

const sentenceCase = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
