// Carrying out jumps: history, the other address space, repeating, and the list of the last ones.
import { beforeEach, expect, it, vi } from "vitest";
import type { Surface } from "../../../renderer/store/surface.ts";
import { fileRef, installFakeBridge, openedImage } from "../fakeBridge.ts";

let jumps: typeof import("../../../renderer/goto/jumps.ts");
let registry: typeof import("../../../renderer/commands/registry.ts");
let surfaces: typeof import("../../../renderer/store/surface.ts").useSurface;
let prefs: typeof import("../../../renderer/store/prefs.ts").usePrefs;
let view: typeof import("../../../renderer/store/view.ts").useView;
let model: typeof import("../../../renderer/hex/model.ts");

beforeEach(async () => {
  vi.resetModules();
  installFakeBridge();
  jumps = await import("../../../renderer/goto/jumps.ts");
  registry = await import("../../../renderer/commands/registry.ts");
  surfaces = (await import("../../../renderer/store/surface.ts")).useSurface;
  prefs = (await import("../../../renderer/store/prefs.ts")).usePrefs;
  view = (await import("../../../renderer/store/view.ts")).useView;
  model = await import("../../../renderer/hex/model.ts");
});

function show(space: "guest" | "file"): Surface {
  const image = { ...openedImage(fileRef("disk.qed")), size: 1 << 20, fileSize: 1 << 16 };
  const size = space === "guest" ? image.size : image.fileSize;
  const surface: Surface = {
    source: { image: image.image, node: space === "guest" ? "" : "file", size, generation: 0 },
    image,
    rows: model.plainRows(size, 16),
    view: model.createHexView(),
    space,
    side: undefined,
    shift: 0,
    clusterSize: 4096,
    extent: size,
  };
  surfaces.setState({ surface });
  return surface;
}

async function go(text: string, surface: Surface): Promise<boolean> {
  const result = jumps.evaluateHere(text, surface);
  if (!result.ok) throw new Error(result.message);
  return jumps.jump(text, result.target, surface);
}
const caret = (surface: Surface) => surface.view.getState().caret;

it("moves the caret, and back returns to where it was", async () => {
  const surface = show("guest");
  surface.view.moveTo(100, surface.rows);
  expect(await go("c:3", surface)).toBe(true);
  expect(caret(surface)).toBe(3 * 4096);
  surface.view.back(surface.rows);
  expect(caret(surface)).toBe(100);
});

it("keeps the last 20 expressions, newest first, each once", async () => {
  const surface = show("guest");
  for (let index = 0; index < 25; index++) await go(String(index), surface);
  await go("10", surface);
  const kept = prefs.getState().jumps;
  expect(kept).toHaveLength(20);
  expect(kept.slice(0, 3)).toEqual(["10", "24", "23"]);
});

it("repeats the last relative jump from the present caret, and says when it cannot go on", async () => {
  const surface = show("guest");
  await go("+1c", surface);
  await go("s:1", surface);
  jumps.repeatJump();
  await vi.waitFor(() => expect(caret(surface)).toBe(512 + 4096));
  surface.view.moveTo(surface.extent - 1, surface.rows);
  jumps.repeatJump();
  expect(view.getState().note).toContain("past the end");
});

it("a file offset switches a view that can to file space", async () => {
  const guest = show("guest");
  let file: Surface | undefined;
  const run = () => {
    setTimeout(() => {
      file = show("file");
    }, 5);
  };
  registry.useCommandLayers.setState({ layers: [{ owner: Symbol(), runners: { "view.space": { run } } }] });
  expect(await go("file:0x8000", guest)).toBe(true);
  expect(file && caret(file)).toBe(0x8000);
  expect(caret(guest)).toBe(0);
});

it("a file offset in a view of guest offsets only is refused and changes nothing", async () => {
  const guest = show("guest");
  expect(await go("file:0x8000", guest)).toBe(false);
  expect(caret(guest)).toBe(0);
  expect(prefs.getState().jumps).toEqual([]);
});
