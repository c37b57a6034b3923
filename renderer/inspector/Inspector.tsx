// The right panel: what the byte at the caret is, where it lies, and what the bytes from there on mean. In a
// comparison, values of both sides where they differ. Follows the surface that has the caret.
import { useMemo } from "react";
import { useStore } from "zustand";
import { usePrefs } from "../store/prefs.ts";
import { type Surface, useSurface } from "../store/surface.ts";
import { ByteOrder } from "./ByteOrder.tsx";
import { decodedBytes } from "./decode.ts";
import styles from "./Inspector.module.css";
import { Position } from "./Position.tsx";
import { comparedRows, rowsOf } from "./rows.ts";
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
  const little = endianness === "format" ? image.info.byteOrder !== "big" : endianness === "little";
  const own = useBytes(source, caret + shift, decodedBytes);
  const others = useBytes(other?.source, caret + (other?.shift ?? 0), decodedBytes);
  const compared = other !== undefined && side !== undefined;
  const rows = useMemo(() => {
    if (!compared) return rowsOf(own, little);
    return side === "a" ? comparedRows(own, others, side, little) : comparedRows(others, own, side, little);
  }, [own, others, compared, side, little]);
  return (
    <>
      <header className={styles.header}>
        <h2>Inspector</h2>
        <ByteOrder little={little} />
      </header>
      <StructureCard surface={surface} caret={caret} />
      <Position surface={surface} caret={caret} />
      <Values surface={surface} rows={rows} />
    </>
  );
}
