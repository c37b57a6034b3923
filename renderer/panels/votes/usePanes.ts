// What the panes and the ruler of a vote map are given: the majority and the chosen copy as surfaces, where the copy is
// the odd one out, and a strip for each copy.
import { useMemo } from "react";
import { useStore } from "zustand";
import type { RulerLane } from "../../hex/contract.ts";
import { type DiffMarks, plainRows } from "../../hex/model.ts";
import type { ImageState } from "../../store/images.ts";
import { usePrefs } from "../../store/prefs.ts";
import type { Surface } from "../../store/surface.ts";
import type { Copy } from "./copies.ts";
import { sizeOf, type VotesSession } from "./session.ts";

type Sides<T> = Readonly<Record<"a" | "b", T>>;

/** Versions of marks: they change with the caret's range and the scan's progress as well as with the table. */
let stamps = 0;

export function useVotePanes(
  session: VotesSession,
  { image, generation }: Extract<ImageState, { kind: "open" }>,
  quorum: string,
  copies: readonly Copy[],
  current: number | undefined,
): {
  readonly surfaces: Sides<Surface>;
  readonly marks: Sides<DiffMarks>;
  readonly lanes: readonly RulerLane[];
} {
  const { child, version } = useStore(session.store);
  const bytesPerRow = usePrefs((prefs) => prefs.bytesPerRow);
  const { scannedTo } = session.scan;
  const copy = copies[child];

  const surfaces = useMemo(() => {
    // Not the session's: it is given the image only after this view was drawn for the first time.
    const size = sizeOf(image, quorum);
    const rows = plainRows(size, bytesPerRow);
    const surface = (path: string, bytes: number): Surface => ({
      source: { image: image.image, node: path, size: bytes, generation },
      image,
      rows,
      view: session.view,
      space: "guest",
      ...(path !== "" && { node: path }),
      side: undefined,
      shift: 0,
      clusterSize: undefined,
      extent: size,
    });
    const a = surface(quorum, size);
    const b = surface(copy?.node.path ?? quorum, copy?.node.size ?? size);
    return {
      a: { ...a, other: { source: b.source, shift: 0 } },
      b: { ...b, other: { source: a.source, shift: 0 } },
    };
  }, [session, image, generation, quorum, copy, bytesPerRow]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` stands for the table's content.
  const marks = useMemo(() => {
    const run = current === undefined ? undefined : session.table.run(current);
    stamps += 1;
    const of = (side: "a" | "b", other: Surface): DiffMarks => ({
      side,
      other: other.source,
      shift: 0,
      runsIn: (from, to) => session.table.runsIn(from, to, child),
      current: run && { offset: run.offset, length: run.length },
      scannedTo,
      version: stamps,
    });
    return { a: of("a", surfaces.b), b: of("b", surfaces.a) };
  }, [session, surfaces, version, child, current, scannedTo]);

  const lanes = useMemo(
    () =>
      copies.map(
        ({ name }, number): RulerLane => ({
          id: name,
          label: name,
          tone: "differs",
          version,
          paint: (bins, size) => session.table.bins(number, bins, size),
        }),
      ),
    [session, copies, version],
  );
  return { surfaces, marks, lanes };
}
