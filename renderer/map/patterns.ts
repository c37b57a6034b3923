// The shapes by which kinds are told apart without colour, as coverage of a square: one function a pattern, from the
// middle of a pixel. Pure, so that legend, canvas and picture have the very same.
import type { Pattern } from "./kinds.ts";

/** Whether the pixel at x, y of a square of `side` pixels belongs to the pattern. */
export function covers(pattern: Pattern, x: number, y: number, side: number): boolean {
  const thick = Math.max(1, Math.round(side / 9));
  const middle = (side - 1) / 2;
  switch (pattern) {
    case "none":
      return false;
    case "ring": {
      const radius = Math.max(1, side * 0.26);
      return Math.abs(Math.hypot(x - middle, y - middle) - radius) <= Math.max(0.6, thick * 0.6);
    }
    case "double-line": {
      const first = Math.round(side / 3 - thick / 2);
      const second = side - first - thick;
      return (y >= first && y < first + thick) || (y >= second && y < second + thick);
    }
    case "dots": {
      const step = Math.max(2, Math.round(side / 4));
      const size = Math.max(1, Math.floor(step / 2));
      return (x + size) % step < size && (y + size) % step < size;
    }
    case "frame": {
      const inset = Math.max(1, Math.round(side / 5));
      const edge = (at: number) => Math.min(at, side - 1 - at) - inset;
      const nearest = Math.min(edge(x), edge(y));
      return nearest >= 0 && nearest < thick;
    }
    case "stripes":
      return (x + y) % Math.max(3, thick * 3) < thick;
    case "cross": {
      const inset = Math.floor(side / 5);
      const inside = Math.min(x, y, side - 1 - x, side - 1 - y) >= inset;
      return inside && (Math.abs(x - y) < thick || Math.abs(x + y - (side - 1)) < thick);
    }
    case "hatch":
      return (x - y + side * 4) % Math.max(4, thick * 3) < thick;
    case "sparse-hatch":
      return (x - y + side * 6) % Math.max(6, thick * 6) < thick;
    case "corner":
      return x < side / 3 && y >= side - Math.max(1, side / 3);
  }
}
