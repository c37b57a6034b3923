// Keeps a canvas exactly as many device pixels large as its area shows.

export interface Sized {
  /** Device pixels, and how many of them a CSS pixel has. */
  resize(width: number, height: number, scale: number): void;
}

/** Returns the way to stop. */
export function followSize(area: HTMLElement, canvas: HTMLCanvasElement, painter: Sized): () => void {
  const observer = new ResizeObserver((entries) => {
    const entry = entries.at(-1);
    if (!entry) return;
    const scale = window.devicePixelRatio;
    const exact = entry.devicePixelContentBoxSize?.[0];
    const width = exact?.inlineSize ?? Math.round(entry.contentRect.width * scale);
    const height = exact?.blockSize ?? Math.round(entry.contentRect.height * scale);
    canvas.style.width = `${width / scale}px`;
    canvas.style.height = `${height / scale}px`;
    painter.resize(width, height, scale);
  });
  observer.observe(area, { box: "device-pixel-content-box" });
  return () => observer.disconnect();
}
