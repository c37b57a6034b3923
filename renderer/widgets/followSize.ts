// Keeps a canvas exactly as many device pixels large as its area shows.

export interface Sized {
  /** Device pixels, and how many of them a CSS pixel has. */
  resize(width: number, height: number, scale: number): void;
}

/** Returns the way to stop. */
export function followSize(area: HTMLElement, canvas: HTMLCanvasElement, painter: Sized): () => void {
  let known = "";
  const resize = (width: number, height: number) => {
    const scale = window.devicePixelRatio;
    const size = [width, height, scale].join();
    if (size === known) return;
    known = size;
    canvas.style.width = `${width / scale}px`;
    canvas.style.height = `${height / scale}px`;
    painter.resize(width, height, scale);
  };
  const observer = new ResizeObserver((entries) => {
    const entry = entries.at(-1);
    if (!entry) return;
    const exact = entry.devicePixelContentBoxSize?.[0];
    resize(
      exact?.inlineSize ?? devicePixels(entry.contentRect.width),
      exact?.blockSize ?? devicePixels(entry.contentRect.height),
    );
  });
  // The observer tells with the next frame only: a key may come before it, and finds a view that has a size.
  const { width, height } = area.getBoundingClientRect();
  resize(devicePixels(width), devicePixels(height));
  observer.observe(area, { box: "device-pixel-content-box" });
  return () => observer.disconnect();
}

const devicePixels = (css: number) => Math.round(css * window.devicePixelRatio);
