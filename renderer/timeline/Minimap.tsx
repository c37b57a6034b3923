// The whole log above the plot, with a box around what the plot shows. By the mouse alone: everything it does the keys of
// the plot do, so it is a picture to assistive technology and no Tab stop.
import { useEffect, useLayoutEffect, useRef } from "react";
import over from "../widgets/canvas.module.css";
import { usePainter } from "../widgets/usePainter.ts";
import type { MinimapProps } from "./contract.ts";
import { attachMinimap } from "./input.ts";
import styles from "./Minimap.module.css";
import { MinimapPainter } from "./minimapPainter.ts";

export function Minimap(props: MinimapProps) {
  const { label, source, view, entry, selection, bisect } = props;
  const area = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = usePainter(area, canvas, (on) => new MinimapPainter(on));
  const latest = useRef(view);
  latest.current = view;

  useLayoutEffect(() => {
    painter?.setInput({ source, view, entry, selection, ...(bisect && { bisect }) });
  }, [painter, source, view, entry, selection, bisect]);

  useEffect(() => {
    const element = area.current;
    if (!element || !painter) return;
    return attachMinimap(element, () => ({
      view: latest.current,
      width: element.clientWidth,
      box: () => painter.box(),
    }));
  }, [painter]);

  return (
    <div ref={area} className={styles.minimap} role="img" aria-label={label}>
      <canvas ref={canvas} className={over.canvas} aria-hidden />
    </div>
  );
}
