// Where one zoomed in from: the whole map, ranges on the way, and what shows now; and the scale of a cell.
import { useStore } from "zustand";
import type { Crumb, ZoomCrumbsProps } from "./contract.ts";
import { visibleClusters } from "./geometry.ts";
import { rangeText, scaleText } from "./wording.ts";
import styles from "./ZoomCrumbs.module.css";

/** Crumbs shown besides the outermost one: those between are behind "…". */
const innermost = 2;

export function ZoomCrumbs({ view }: ZoomCrumbsProps) {
  const { crumbs, layout, shape, topRow } = useStore(view);
  if (layout === undefined) return null;
  const hidden = Math.max(0, crumbs.length - 1 - innermost);
  const shown = crumbs
    .map((crumb, index) => ({ crumb, index }))
    .filter(({ index }) => index === 0 || index > hidden);
  const jump = ({ crumb, index }: { crumb: Crumb; index: number }) => (
    <li key={index}>
      <button type="button" className={styles.crumb} onClick={() => view.goToCrumb(index)}>
        {rangeText(crumb, shape)}
      </button>
    </li>
  );
  const [outer, ...inner] = shown;
  const between = crumbs[hidden];
  return (
    <nav className={styles.crumbs} aria-label="Zoom">
      <ol className={styles.list}>
        {outer && jump(outer)}
        {hidden > 0 && between && (
          <li>
            <button
              type="button"
              className={styles.crumb}
              aria-label={`Back to ${rangeText(between, shape)}`}
              title={rangeText(between, shape)}
              onClick={() => view.goToCrumb(hidden)}
            >
              …
            </button>
          </li>
        )}
        {inner.map(jump)}
        <li aria-current="location" className={styles.here}>
          {rangeText(visibleClusters(layout, topRow, shape), shape)}
        </li>
      </ol>
      <span className={styles.scale}>{scaleText(layout.clustersPerCell, shape)}</span>
    </nav>
  );
}
