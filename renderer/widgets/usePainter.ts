// A painter over a canvas that fills its area: made with the first layout, and gone with the component.
import { type RefObject, useLayoutEffect, useRef, useState } from "react";
import { followSize, type Sized } from "./followSize.ts";

export interface Painter extends Sized {
  dispose(): void;
}

/** Undefined before the first layout. `make` is called once. */
export function usePainter<P extends Painter>(
  area: RefObject<HTMLElement | null>,
  canvas: RefObject<HTMLCanvasElement | null>,
  make: (canvas: HTMLCanvasElement) => P | undefined,
): P | undefined {
  const [painter, setPainter] = useState<P>();
  const first = useRef(make);
  useLayoutEffect(() => {
    if (!canvas.current || !area.current) return;
    const made = first.current(canvas.current);
    if (made === undefined) return;
    const stopSize = followSize(area.current, canvas.current, made);
    setPainter(made);
    return () => {
      stopSize();
      made.dispose();
    };
  }, [area, canvas]);
  return painter;
}
