// What the panes and the ruler of a comparison are given: sources, marks of one side, lanes.
import { useMemo } from "react";
import type { RulerLane } from "../../hex/contract.ts";
import type { DiffMarks, RowMap } from "../../hex/model.ts";
import type { ImageState } from "../../store/images.ts";
import type { Surface } from "../../store/surface.ts";
import type { CompareSession, Side } from "./session.ts";

/** Versions of marks: they change with the caret's run and the scan's progress as well as with the table. */
let stamps = 0;

type OpenState = Extract<ImageState, { kind: "open" }>;

/** Both sides as surfaces: what inspector, status bar and go-to follow when the side is active. */
export function useSurfaces(
  session: CompareSession,
  a: OpenState,
  b: OpenState,
  rows: RowMap,
  shift: number,
  locked: boolean,
): Readonly<Record<Side, Surface>> {
  return useMemo(() => {
    const extent = Math.max(a.image.size, b.image.size - shift);
    const surface = (side: Side, { image, generation }: OpenState): Surface => ({
      source: { image: image.image, node: "", size: image.size, generation },
      image,
      rows,
      view: locked ? session.view("a") : session.view(side),
      space: "guest",
      side,
      shift: side === "b" ? shift : 0,
      clusterSize: image.info.clusterSize,
      extent,
    });
    const [left, right] = [surface("a", a), surface("b", b)];
    const bytesOf = ({ source, shift: by }: Surface) => ({ source, shift: by });
    return { a: { ...left, other: bytesOf(right) }, b: { ...right, other: bytesOf(left) } };
  }, [session, a, b, rows, shift, locked]);
}

/** Marks for both panes. Offsets are the rows' own; B's bytes lie `shift` further in its image. */
export function useMarks(
  session: CompareSession,
  surfaces: Readonly<Record<Side, Surface>>,
  version: number,
  current: number | undefined,
  scannedTo: number,
): Readonly<Record<Side, DiffMarks>> {
  const { a, b } = surfaces;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `version` stands for the table's content.
  return useMemo(() => {
    const run = current === undefined ? undefined : session.table.run(current);
    stamps += 1;
    const stamp = stamps;
    const marks = (side: Side, other: Surface): DiffMarks => ({
      side,
      other: other.source,
      shift: other.shift,
      runsIn: (from, to) => session.table.runsIn(from, to),
      current: run && { offset: run.offset, length: run.length },
      scannedTo,
      version: stamp,
    });
    return { a: marks("a", b), b: marks("b", a) };
  }, [session, a, b, version, current, scannedTo]);
}

/** Lanes of the ruler: differences and what could not be read. */
export function useLanes(session: CompareSession, version: number): readonly RulerLane[] {
  return useMemo(
    () => [
      {
        id: "differences",
        label: "Differences",
        tone: "differs",
        version,
        paint: (bins, size) => session.table.bins(bins, size),
      },
      {
        id: "unreadable",
        label: "Unreadable",
        tone: "unreadable",
        version,
        paint: (bins, size) => session.unreadable.bins(bins, size),
      },
    ],
    [session, version],
  );
}
