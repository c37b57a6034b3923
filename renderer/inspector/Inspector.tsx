// The right panel: what the byte at the caret is, where it lies, and what the bytes from there on mean. In a
// comparison, values of both sides where they differ. Follows the surface that has the caret.
import { useStore } from "zustand";
import { usePrefs } from "../store/prefs.ts";
import { type Surface, useSurface } from "../store/surface.ts";
import { decodeAll, decodedBytes } from "./decode.ts";
import styles from "./Inspector.module.css";
import { Position } from "./Position.tsx";
import { StructureCard } from "./StructureCard.tsx";
import { useBytes } from "./useBytes.ts";
import { Values } from "./Values.tsx";

export function Inspector() {
  const surface = useSurface((state) => state.surface);
  return (
    <section className={styles.inspector} aria-label="Inspector" data-pane="inspector">
      {surface && surface.extent > 0 ? (
        <Content surface={surface} />
      ) : (
        <p className={styles.nothing}>Shows what the bytes at the caret mean.</p>
      )}
    </section>
  );
}

function Content({ surface }: { surface: Surface }) {
  const { view, source, shift, other, side, image } = surface;
  const caret = useStore(view, (state) => state.caret);
  const endianness = usePrefs((prefs) => prefs.endianness);
  const own = useBytes(source, caret + shift, decodedBytes);
  const others = useBytes(other?.source, caret + (other?.shift ?? 0), decodedBytes);
  const little = endianness === "format" ? image.info.byteOrder !== "big" : endianness === "little";
  const decoded = (bytes: Uint8Array) => ({
    now: decodeAll(bytes, little),
    swapped: decodeAll(bytes, !little),
  });
  const [a, b] = side === "b" ? [decoded(others), decoded(own)] : [decoded(own), decoded(others)];
  return (
    <>
      <StructureCard surface={surface} caret={caret} />
      <Position surface={surface} caret={caret} />
      <ByteOrder little={little} />
      <Values surface={surface} little={little} a={a} b={other && b} />
    </>
  );
}

/** One switch for all values; each shows the other order in its tooltip. */
function ByteOrder({ little }: { little: boolean }) {
  const { set } = usePrefs.getState();
  const choice = (value: "little" | "big", label: string, title: string) => (
    <button
      type="button"
      className="button quiet"
      aria-pressed={little === (value === "little")}
      title={title}
      onClick={() => set({ endianness: value })}
    >
      {label}
    </button>
  );
  return (
    <fieldset className={styles.order}>
      <legend>Values</legend>
      {choice("little", "LE", "Little-endian: the lowest byte first")}
      {choice("big", "BE", "Big-endian: the highest byte first")}
    </fieldset>
  );
}
