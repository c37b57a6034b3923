// The file's clusters before and after, as two strips one above the other, and between them where they differ.

import type { ClusterKind } from "../../../core/block/structure.ts";
import type { RepairChoice, RepairOffered } from "../../../core/ops/repairRun.ts";
import { kindLooks } from "../../map/kinds.ts";
import { bytes, count } from "../../widgets/format.ts";
import styles from "./repair.module.css";
import type { Asked, Strips } from "./state.ts";
import { cellsInFile, changedRuns, kindRuns, stripText } from "./stripRuns.ts";
import { sentence } from "./wording.ts";

interface MapStripsProps {
  readonly strips: Asked<Strips>;
  readonly name: string;
  readonly offered: RepairOffered;
  readonly choice: RepairChoice;
  readonly clusterSize: number | undefined;
}

export function MapStrips({ strips, name, offered, choice, clusterSize }: MapStripsProps) {
  if (strips.kind === "failed") {
    return <p className={styles.noStrips}>The map can't be shown: {sentence(strips.error.message)}</p>;
  }
  if (strips.kind !== "known") return <p className={styles.noStrips}>Drawing the map…</p>;
  const { before, after, clustersPerCell } = strips.value;
  const inFile = (size: number) => cellsInFile(size, clusterSize, clustersPerCell) ?? before.length;
  const changed = changedRuns(before, after);
  return (
    <section className={styles.strips} aria-label={`Map of ${name} before and after`}>
      <Strip label="Before" cells={before} inFile={inFile(offered.fileSize)} size={offered.fileSize} />
      <span aria-hidden />
      <div className={styles.changedCells} aria-hidden>
        {changed.map((run) => (
          <span
            key={run.first}
            className={styles.changedCell}
            style={{ flexGrow: run.length }}
            data-changed={run.changed || undefined}
          />
        ))}
      </div>
      <Strip label="After" cells={after} inFile={inFile(choice.newSize)} size={choice.newSize} />
      <Legend
        kinds={
          new Set([
            ...kindRuns(before.subarray(0, inFile(offered.fileSize))).map(({ kind }) => kind),
            ...kindRuns(after.subarray(0, inFile(choice.newSize))).map(({ kind }) => kind),
          ])
        }
        clustersPerCell={clustersPerCell}
      />
    </section>
  );
}

/** Part of a strip that a run takes up where its letter has room. */
const letterFrom = 0.02;

interface StripProps {
  readonly label: string;
  readonly cells: Uint8Array;
  /** Cells that lie in the file; those behind belong to the other strip's file only. */
  readonly inFile: number;
  readonly size: number;
}

function Strip({ label, cells, inFile, size }: StripProps) {
  const own = cells.subarray(0, inFile);
  return (
    <>
      <span>{label}</span>
      <div className={styles.strip} role="img" aria-label={`${label}: ${stripText(own)}`}>
        {kindRuns(own).map(({ kind, first, length }) => (
          <span
            key={first}
            className={styles.cell}
            title={`${kindLooks[kind].label}: ${count(length, "cell")}`}
            data-kind={kind}
            data-pattern={kindLooks[kind].pattern}
            style={{ flexGrow: length, backgroundColor: `var(--${kindLooks[kind].token})` }}
          >
            {length / cells.length > letterFrom &&
              kindLooks[kind].pattern === "frame" &&
              kindLooks[kind].letter}
          </span>
        ))}
        {own.length < cells.length && (
          <span
            className={styles.behind}
            title={`Behind the end of the file, which is ${bytes(size)} long`}
            style={{ flexGrow: cells.length - own.length }}
          />
        )}
      </div>
    </>
  );
}

interface LegendProps {
  readonly kinds: ReadonlySet<ClusterKind>;
  readonly clustersPerCell: number;
}

function Legend({ kinds, clustersPerCell }: LegendProps) {
  return (
    <p className={styles.legend}>
      {[...kinds].map((kind) => (
        <span key={kind}>
          <i
            className={`${styles.cell} ${styles.swatch}`}
            data-kind={kind}
            data-pattern={kindLooks[kind].pattern}
            style={{ backgroundColor: `var(--${kindLooks[kind].token})` }}
            aria-hidden
          >
            {kindLooks[kind].pattern === "frame" && kindLooks[kind].letter}
          </i>
          {kindLooks[kind].label}
        </span>
      ))}
      <span>
        {clustersPerCell > 1
          ? `A cell is ${count(clustersPerCell, "cluster")}, shown as the worst of them.`
          : "A cell is one cluster."}
      </span>
    </p>
  );
}
