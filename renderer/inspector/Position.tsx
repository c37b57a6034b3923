// The caret in bytes, sectors and clusters of its address space.
import type { ReactNode } from "react";
import { sectorSize } from "../shell/position.ts";
import type { Surface } from "../store/surface.ts";
import { decimal, hex } from "../widgets/format.ts";
import styles from "./Inspector.module.css";

export function Position({ surface, caret }: { surface: Surface; caret: number }) {
  const offset = caret + surface.shift;
  const { clusterSize, space, side } = surface;
  return (
    <section className={styles.card} aria-label="Position">
      <h3>{side ? `Position in ${side.toUpperCase()}` : "Position"}</h3>
      <dl>
        <Fact name={space}>
          <span className="mono">{hex(offset)}</span> ({decimal(offset)})
        </Fact>
        <Fact name="sector">{withRest(offset, sectorSize)}</Fact>
        {clusterSize !== undefined && <Fact name="cluster">{withRest(offset, clusterSize)}</Fact>}
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="number selectable">{children}</dd>
    </div>
  );
}

/** "160 + 0x10": the unit and the bytes into it. */
function withRest(offset: number, unit: number): string {
  if (offset < 0) return "before the start";
  const rest = offset % unit;
  return `${decimal(Math.floor(offset / unit))}${rest ? ` + ${hex(rest)}` : ""}`;
}
