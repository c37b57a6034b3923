// What the app keeps between runs besides the recent list: the theme and where the window was. Read before the
// window exists, so small and synchronous; whatever is wrong with the file only costs what it held.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

export type Theme = "system" | "light" | "dark";

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface WindowState {
  readonly theme: Theme;
  /** Of the window when neither maximised nor full screen. */
  readonly bounds: Rectangle | undefined;
  readonly isMaximized: boolean;
}

const fresh: WindowState = { theme: "system", bounds: undefined, isMaximized: false };
export const smallest = { width: 800, height: 560 } as const;
const usual = { width: 1280, height: 800 } as const;

export function loadState(file: string): WindowState {
  try {
    return parseState(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return fresh;
  }
}

/** The state in what a file held; members that are wrong are left at their first value. */
export function parseState(value: unknown): WindowState {
  if (typeof value !== "object" || value === null) return fresh;
  const { theme, bounds, isMaximized } = value as Partial<Record<keyof WindowState, unknown>>;
  return {
    theme: theme === "light" || theme === "dark" ? theme : "system",
    bounds: isRectangle(bounds) ? bounds : undefined,
    isMaximized: isMaximized === true,
  };
}

/** Writes the state whole or not at all. A failure is logged: nothing a person does depends on it. */
export function saveState(file: string, state: WindowState): void {
  const part = `${file}.${process.pid}.part`;
  try {
    writeFileSync(part, JSON.stringify(state));
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    console.error("the window's state could not be saved:", error);
  }
}

function isRectangle(value: unknown): value is Rectangle {
  if (typeof value !== "object" || value === null) return false;
  const { x, y, width, height } = value as Partial<Record<keyof Rectangle, unknown>>;
  return [x, y, width, height].every((part) => Number.isInteger(part) && Math.abs(part as number) < 100_000);
}

/** How much of the window's top must be on a screen for a person to be able to move it, pixels. */
const grip = { width: 120, height: 40 } as const;

/**
 * Where to open the window: where it was when that is still on a screen, else in the system's choice of place;
 * never larger than the screen. `screens` are the work areas, the main one first.
 */
export function placeWindow(
  saved: Rectangle | undefined,
  screens: readonly Rectangle[],
): { width: number; height: number; x?: number; y?: number } {
  const screen = saved && screens.find((area) => holdsTop(saved, area));
  const area = screen ?? screens[0] ?? { x: 0, y: 0, ...usual };
  const size = {
    width: clamp(saved?.width ?? usual.width, smallest.width, area.width),
    height: clamp(saved?.height ?? usual.height, smallest.height, area.height),
  };
  return saved && screen ? { ...size, x: saved.x, y: saved.y } : size;
}

function holdsTop(window: Rectangle, area: Rectangle): boolean {
  const across = Math.min(window.x + window.width, area.x + area.width) - Math.max(window.x, area.x);
  return across >= grip.width && window.y >= area.y && window.y + grip.height <= area.y + area.height;
}

/** The smallest size wins over a screen that is smaller still. */
function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
