// What everything that paints a canvas by itself has in common: it follows a view, the theme and the size of its area,
// and paints at most once a frame when something changed.
import { Raster } from "./raster.ts";
import { onThemeChange } from "./theme.ts";

/** A store that says what changed in it. */
interface Watched<State> {
  subscribe(listener: (now: State, before: State) => void): () => void;
}

export abstract class CanvasPainter {
  /** Device pixels, and how many of them a CSS pixel has. */
  protected size = { width: 0, height: 0, scale: 1 };
  protected focused = false;
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D | null;
  readonly #stopTheme: () => void;
  #stopView: (() => void) | undefined;
  #request = 0;
  #isGone = false;
  #raster: Raster | undefined;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#stopTheme = onThemeChange(() => {
      this.measure?.();
      this.invalidate();
    });
  }

  /** Nothing is painted any more, whoever still tells of a change: answers and timers that are on their way. */
  dispose(): void {
    this.#isGone = true;
    this.#stopTheme();
    this.#stopView?.();
    cancelAnimationFrame(this.#request);
  }

  get scale(): number {
    return this.size.scale;
  }

  /** Device pixels, and how many of them a CSS pixel has. */
  resize(width: number, height: number, scale: number): void {
    this.size = { width, height, scale };
    this.measure?.();
    // A canvas that changed its size is empty: paint before the browser does.
    this.#paintNow();
  }

  setFocused(focused: boolean): void {
    this.focused = focused;
    this.invalidate();
  }

  /** Paints with the next frame. */
  invalidate(): void {
    if (!this.#isGone) this.#request ||= requestAnimationFrame(() => this.#paintNow());
  }

  /** Called with every change of the view; the one followed before is let go. */
  protected followView<State>(view: Watched<State>, changed: (now: State, before: State) => void): void {
    this.#stopView?.();
    this.#stopView = view.subscribe(changed);
  }

  /** The picture as it was painted last; undefined before the first, and after the size changed. */
  protected get picture(): Raster | undefined {
    const { width, height } = this.size;
    return this.#raster?.width === width && this.#raster.height === height ? this.#raster : undefined;
  }

  /** The picture to paint into, as large as the canvas. */
  protected raster(): Raster {
    const there = this.picture;
    if (there !== undefined) return there;
    const { width, height } = this.size;
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#raster = new Raster(width, height);
    return this.#raster;
  }

  /** Sizes that hang on size, theme and input, told to whom they concern. */
  protected measure?(): void;

  /** Everything, on a canvas that has room. */
  protected abstract paint(context: CanvasRenderingContext2D): void;

  #paintNow(): void {
    cancelAnimationFrame(this.#request);
    this.#request = 0;
    const { width, height } = this.size;
    if (this.#context && !this.#isGone && width >= 1 && height >= 1) this.paint(this.#context);
  }
}
