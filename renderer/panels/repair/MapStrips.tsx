// The file's clusters before and after, as two strips one above the other, and between them where they differ.
import { classLooks, kindLooks, mapClasses, tokenOf } from "../../map/kinds.ts";
import { count } from "../../widgets/format.ts";
import styles from "./repair.module.css";
import type { Asked, Strips } from "./session.ts";
import { changedRuns, kindRuns, stripText } from "./stripRuns.ts";

export function MapStrips({ strips, name }: { strips: Asked<Strips>; name: string }) {
  if (strips.kind === "failed") {
    return <p className={styles.muted}>The map can't be shown: {strips.error.message}.</p>;
  }
  if (strips.kind !== "known") return null;
  const { before, after, clustersPerCell } = strips.value;
  const changed = changedRuns(before, after);
  return (
    <section className={styles.strips} aria-label={`Map of ${name} before and after`}>
      <Strip label="Before" cells={before} />
      <span aria-hidden />
      <div className={styles.changedCells} aria-hidden>
        {changed.map((run) => (
          <span key={run.first} style={{ flexGrow: run.length }} data-changed={run.changed || undefined} />
        ))}
      </div>
      <Strip label="After" cells={after} />
      <Legend cells={[before, after]} clustersPerCell={clustersPerCell} />
    </section>
  );
}

function Strip({ label, cells }: { label: string; cells: Uint8Array }) {
  return (
    <>
      <span>{label}</span>
      <div className={styles.strip} role="img" aria-label={`${label}: ${stripText(cells)}`}>
        {kindRuns(cells).map(({ kind, first, length }) => (
          <span
            key={first}
            title={`${kindLooks[kind].label}: ${count(length, "cell")}`}
            data-pattern={kindLooks[kind].pattern}
            style={{ flexGrow: length, backgroundColor: `var(--${tokenOf(kind)})` }}
          />
        ))}
      </div>
    </>
  );
}

function Legend({ cells, clustersPerCell }: { cells: readonly Uint8Array[]; clustersPerCell: number }) {
  const shown = new Set(cells.flatMap((side) => kindRuns(side).map(({ kind }) => kindLooks[kind].cls)));
  return (
    <p className={styles.legend}>
      {mapClasses
        .filter((cls) => shown.has(cls))
        .map((cls) => (
          <span key={cls}>
            <i
              data-pattern={classLooks[cls].pattern}
              style={{ backgroundColor: `var(--${classLooks[cls].token})` }}
              aria-hidden
            />
            {classLooks[cls].label}
          </span>
        ))}
      <span className={styles.muted}>
        {clustersPerCell > 1
          ? `a cell is ${count(clustersPerCell, "cluster")}, shown as the worst of them`
          : "a cell is one cluster"}
      </span>
    </p>
  );
}
