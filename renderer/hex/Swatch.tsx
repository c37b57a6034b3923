// A square of a legend, painted as the canvas beside it paints what the square stands for.
import { useLayoutEffect, useRef } from "react";
import { type Theme, theme } from "./theme.ts";
import { useThemeVersion } from "./useThemeVersion.ts";

interface SwatchProps {
  /** CSS pixels. */
  readonly side: number;
  readonly className: string | undefined;
  /** Paints the whole square; a CSS pixel has `scale` device pixels. */
  draw(context: CanvasRenderingContext2D, colours: Theme, scale: number): void;
}

export function Swatch({ side, className, draw }: SwatchProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useThemeVersion();
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const scale = window.devicePixelRatio;
    // Also empties it.
    context.canvas.width = Math.round(side * scale);
    context.canvas.height = context.canvas.width;
    draw(context, theme(), scale);
  });
  return <canvas ref={canvas} className={className} style={{ width: side, height: side }} aria-hidden />;
}
