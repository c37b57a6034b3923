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
    const scale = window.devicePixelRatio;
    const exact = entry.devicePixelContentBoxSize?.[0];
    resize(
      exact?.inlineSize ?? Math.round(entry.contentRect.width * scale),
      exact?.blockSize ?? Math.round(entry.contentRect.height * scale),
    );
  });
  // The observer tells with the next frame only: a key may come before it, and finds a view that has a size.
  const { width, height } = area.getBoundingClientRect();
  resize(Math.round(width * window.devicePixelRatio), Math.round(height * window.devicePixelRatio));
  observer.observe(area, { box: "device-pixel-content-box" });
  return () => observer.disconnect();
}
