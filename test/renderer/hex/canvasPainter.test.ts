// The common life of what paints a canvas, with frames that this test lets come.
import { beforeEach, expect, it, vi } from "vitest";
import { createStore } from "zustand/vanilla";

let changeTheme: () => void;
vi.mock("../../../renderer/hex/theme.ts", () => ({
  onThemeChange: (listener: () => void) => {
    changeTheme = listener;
    return () => {
      changeTheme = () => undefined;
    };
  },
}));
const { CanvasPainter } = await import("../../../renderer/hex/canvasPainter.ts");

let frames: Map<number, () => void>;
let lastFrame: number;
const nextFrame = () => {
  const due = [...frames.values()];
  frames.clear();
  for (const frame of due) frame();
};

/** Counts; paints its picture on every paint. */
class Counting extends CanvasPainter {
  painted = 0;
  measured: string[] = [];
  hadPicture: boolean[] = [];
  watch = (view: Parameters<typeof this.followView>[0]) => this.followView(view, () => this.invalidate());

  protected override measure(): void {
    this.measured.push(`${this.size.width}x${this.size.height}@${this.scale}`);
  }

  protected override paint(): void {
    this.painted++;
    this.hadPicture.push(this.picture !== undefined);
    this.raster();
  }
}

const canvas = { width: 0, height: 0, getContext: () => ({}) };
let painter: Counting;

beforeEach(() => {
  frames = new Map();
  lastFrame = 0;
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => {
    frames.set(++lastFrame, frame);
    return lastFrame;
  });
  vi.stubGlobal("cancelAnimationFrame", (id: number) => frames.delete(id));
  vi.stubGlobal(
    "ImageData",
    class {
      readonly data: Uint8ClampedArray;
      constructor(width: number, height: number) {
        this.data = new Uint8ClampedArray(4 * width * height);
      }
    },
  );
  painter = new Counting(canvas as unknown as HTMLCanvasElement);
});

it("paints at once when it has a size, and then once a frame however often something changes", () => {
  painter.invalidate();
  nextFrame();
  expect(painter.painted).toBe(0);
  painter.resize(30, 20, 2);
  expect(painter.painted).toBe(1);
  painter.invalidate();
  painter.setFocused(true);
  painter.invalidate();
  expect(painter.painted).toBe(1);
  nextFrame();
  nextFrame();
  expect(painter.painted).toBe(2);
});

it("does not paint again in a frame that was asked for before a new size", () => {
  painter.resize(30, 20, 2);
  painter.invalidate();
  painter.resize(40, 20, 2);
  nextFrame();
  expect(painter.painted).toBe(2);
});

it("keeps its picture until the size changes, and makes the canvas as large", () => {
  painter.resize(30, 20, 2);
  painter.invalidate();
  nextFrame();
  painter.resize(30, 21, 2);
  expect(painter.hadPicture).toEqual([false, true, false]);
  expect([canvas.width, canvas.height]).toEqual([30, 21]);
});

it("measures anew with a new size and a new theme", () => {
  painter.resize(30, 20, 2);
  changeTheme();
  nextFrame();
  expect(painter.measured).toEqual(["30x20@2", "30x20@2"]);
  expect(painter.painted).toBe(2);
});

it("follows one view at a time, and nothing when it is gone", () => {
  const [one, two] = [createStore(() => ({ row: 0 })), createStore(() => ({ row: 0 }))];
  painter.resize(30, 20, 2);
  painter.watch(one);
  painter.watch(two);
  one.setState({ row: 1 });
  nextFrame();
  expect(painter.painted).toBe(1);
  two.setState({ row: 1 });
  nextFrame();
  expect(painter.painted).toBe(2);
  painter.invalidate();
  painter.dispose();
  two.setState({ row: 2 });
  changeTheme();
  expect(frames.size).toBe(0);
});

it("asks for no frame any more when it is gone, whoever still tells it of a change", () => {
  painter.resize(30, 20, 2);
  painter.dispose();
  painter.invalidate();
  painter.setFocused(true);
  nextFrame();
  painter.resize(40, 20, 2);
  expect([frames.size, painter.painted]).toEqual([0, 1]);
});
