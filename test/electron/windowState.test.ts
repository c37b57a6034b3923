import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { loadState, parseState, placeWindow, saveState } from "../../electron/windowState.ts";

const fresh = { theme: "system", bounds: undefined, isMaximized: false };
const bounds = { x: 10, y: 20, width: 1000, height: 700 };

describe("what is kept between runs", () => {
  const folder = mkdtempSync(join(tmpdir(), "blkscope-state-"));
  const file = join(folder, "state.json");
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("comes back as it was saved", () => {
    expect(loadState(file)).toEqual(fresh);
    saveState(file, { theme: "dark", bounds, isMaximized: true });
    expect(loadState(file)).toEqual({ theme: "dark", bounds, isMaximized: true });
    expect(readdirSync(folder)).toEqual(["state.json"]);
  });

  it("is as on the first day when the file is damaged", () => {
    writeFileSync(file, '{"theme":"dar');
    expect(loadState(file)).toEqual(fresh);
  });

  it.each([
    [null, fresh],
    ["dark", fresh],
    [{ theme: "pink", isMaximized: 1 }, fresh],
    [
      { theme: "light", bounds: { ...bounds, x: "10" } },
      { ...fresh, theme: "light" },
    ],
    [{ bounds: { ...bounds, width: 1e9 } }, fresh],
    [{ bounds: { ...bounds, y: 0.5 } }, fresh],
    [
      { bounds: { x: 1 }, isMaximized: true },
      { ...fresh, isMaximized: true },
    ],
  ])("takes of %j what can be used", (value, state) => expect(parseState(value)).toEqual(state));

  it("is lost without harm when it cannot be saved", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    saveState(join(folder, "no such folder", "state.json"), { theme: "dark", bounds, isMaximized: false });
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });
});

describe("where the window opens", () => {
  const main = { x: 0, y: 25, width: 1920, height: 1055 };
  const right = { x: 1920, y: 0, width: 1280, height: 1024 };

  it("is the system's choice the first time, in the usual size", () => {
    expect(placeWindow(undefined, [main])).toEqual({ width: 1280, height: 800 });
  });

  it("is where it was, on any screen", () => {
    expect(placeWindow({ ...bounds, y: 30 }, [main, right])).toEqual({ ...bounds, y: 30 });
    const there = { x: 2000, y: 5, width: 1000, height: 700 };
    expect(placeWindow(there, [main, right])).toEqual(there);
  });

  it("is not where no screen is any more, but keeps its size", () => {
    expect(placeWindow({ x: 2000, y: 5, width: 1000, height: 700 }, [main])).toEqual({
      width: 1000,
      height: 700,
    });
  });

  it("is not where its top cannot be reached", () => {
    for (const place of [{ y: 0 }, { y: 1060 }, { x: -950 }, { x: 1900 }]) {
      expect(placeWindow({ ...bounds, y: 30, ...place }, [main])).toEqual({ width: 1000, height: 700 });
    }
  });

  it("is no larger than the screen and no smaller than the smallest layout", () => {
    expect(placeWindow({ x: 0, y: 25, width: 5000, height: 4000 }, [main])).toMatchObject({
      width: 1920,
      height: 1055,
    });
    expect(placeWindow({ x: 0, y: 25, width: 10, height: 10 }, [main])).toMatchObject({
      width: 800,
      height: 560,
    });
    expect(placeWindow(undefined, [{ x: 0, y: 0, width: 1024, height: 600 }])).toEqual({
      width: 1024,
      height: 600,
    });
    expect(placeWindow(undefined, [{ x: 0, y: 0, width: 640, height: 480 }])).toEqual({
      width: 800,
      height: 560,
    });
  });
});
