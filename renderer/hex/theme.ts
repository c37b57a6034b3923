// The design tokens as pixels: CSS custom properties read once per theme, and told anew when the theme, the
// system's high-contrast mode or the loaded fonts change. Panes and ruler paint with nothing else.

const tokens = [
  "hex-bg",
  "hex-text",
  "hex-zero",
  "hex-address",
  "hex-header-bg",
  "hex-missing",
  "hex-sector-line",
  "hex-page-line",
  "hex-cluster-line",
  "hex-selection-bg",
  "hex-selection-fg",
  "hex-caret",
  "hex-fold-bg",
  "diff-differs-bg",
  "diff-differs-fg",
  "diff-current-bg",
  "diff-current-fg",
  "diff-current-outline",
  "diff-oneside-bg",
  "diff-oneside-fg",
  "diff-unreadable-bg",
  "diff-unreadable-fg",
  "diff-unreadable-hatch",
  "diff-unscanned-bg",
  "diff-unscanned-hatch",
  "diff-stored",
  "ruler-bg",
  "ruler-differs",
  "ruler-unreadable",
  "ruler-history",
  "ruler-viewport",
  "ruler-viewport-bg",
  "kind-free",
  "kind-zero",
  "kind-data",
  "kind-shared",
  "kind-compressed",
  "kind-metadata",
  "kind-leaked",
  "kind-corrupt",
  "kind-unreadable",
  "kind-unscanned",
  "kind-outline",
  "log-discard",
  "log-mark",
  "bg",
  "focus",
  "border",
  "muted",
  "text",
  "ok",
  "error",
] as const;
type Token = (typeof tokens)[number];

/** A colour as a 32-bit pixel of ImageData on a little-endian machine: alpha, blue, green, red. */
export type Pixel = number;
export interface Theme {
  readonly pixel: Readonly<Record<Token, Pixel>>;
  /** The same as CSS text, for canvas calls. */
  readonly css: Readonly<Record<Token, string>>;
  readonly fontFamily: string;
  /** Grows with every change. */
  readonly version: number;
}

let current: Theme | undefined;
let version = 0;
const listeners = new Set<() => void>();
let watching = false;

export function theme(): Theme {
  current ??= readTheme();
  return current;
}

/** Called when colours or fonts have changed; returns the way to stop. */
export function onThemeChange(listener: () => void): () => void {
  watch();
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function watch(): void {
  if (watching) return;
  watching = true;
  const changed = () => {
    current = undefined;
    for (const listener of listeners) listener();
  };
  const options = { attributes: true, attributeFilter: ["data-theme", "class", "style"] };
  new MutationObserver(changed).observe(document.documentElement, options);
  for (const query of [
    "(prefers-color-scheme: dark)",
    "(forced-colors: active)",
    "(prefers-contrast: more)",
  ]) {
    window.matchMedia(query).addEventListener("change", changed);
  }
  document.fonts.addEventListener("loadingdone", changed);
  // A web font loads when text first asks for it; a canvas does not.
  for (const weight of [400, 700]) {
    document.fonts.load(`${weight} 13px "JetBrains Mono"`).catch(() => undefined);
  }
}

function readTheme(): Theme {
  const probe = document.createElement("span");
  probe.style.setProperty("forced-color-adjust", "none");
  document.body.append(probe);
  const entries = tokens.map((token) => {
    probe.style.color = `var(--${token})`;
    return [token, getComputedStyle(probe).color] as const;
  });
  const fontFamily = getComputedStyle(document.documentElement).getPropertyValue("--font-mono");
  probe.remove();
  version += 1;
  return {
    css: Object.fromEntries(entries) as Record<Token, string>,
    pixel: Object.fromEntries(entries.map(([token, css]) => [token, pixelOf(css)])) as Record<Token, Pixel>,
    fontFamily: fontFamily.trim() || "monospace",
    version,
  };
}

/** "rgb(1, 2, 3)", "rgba(1, 2, 3, 0.5)" as a pixel; black for anything else. */
function pixelOf(css: string): Pixel {
  const numbers = css.match(/[\d.]+/g)?.map(Number) ?? [];
  const [red = 0, green = 0, blue = 0, alpha = 1] = numbers;
  return pixel(red, green, blue, Math.round(alpha * 255));
}

export function pixel(red: number, green: number, blue: number, alpha = 255): Pixel {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** `over` on `under`, `share` of 255 of it. Both are taken as opaque. */
export function mix(under: Pixel, over: Pixel, share: number): Pixel {
  const part = (shift: number) => {
    const low = (under >>> shift) & 0xff;
    return Math.round(low + ((((over >>> shift) & 0xff) - low) * share) / 255);
  };
  return pixel(part(0), part(8), part(16));
}
