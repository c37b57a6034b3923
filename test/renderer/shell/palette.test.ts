// What the palette offers for a text, from the command layers and stores.
import { beforeEach, expect, it, vi } from "vitest";
import type { Surface } from "../../../renderer/store/surface.ts";
import { fileRef, installFakeBridge, openedImage } from "../fakeBridge.ts";

let palette: typeof import("../../../renderer/shell/palette/items.ts");
let registry: typeof import("../../../renderer/commands/registry.ts");
let prefs: typeof import("../../../renderer/store/prefs.ts").usePrefs;
let app: typeof import("../../../renderer/store/app.ts").useApp;
let surfaces: typeof import("../../../renderer/store/surface.ts").useSurface;
let model: typeof import("../../../renderer/hex/model.ts");

beforeEach(async () => {
  vi.resetModules();
  installFakeBridge();
  palette = await import("../../../renderer/shell/palette/items.ts");
  registry = await import("../../../renderer/commands/registry.ts");
  prefs = (await import("../../../renderer/store/prefs.ts")).usePrefs;
  app = (await import("../../../renderer/store/app.ts")).useApp;
  surfaces = (await import("../../../renderer/store/surface.ts")).useSurface;
  model = await import("../../../renderer/hex/model.ts");
});

const titles = (text: string) => palette.paletteItems(text, "linux").map((item) => item.title);

it("after > lists commands with key and, where they cannot run, why", () => {
  const runners = {
    "file.open": { run: () => undefined },
    "go.to": { run: () => undefined, disabled: "No image is open" },
  };
  registry.useCommandLayers.setState({ layers: [{ owner: Symbol(), runners }] });
  const items = palette.paletteItems(">", "linux");
  expect(items.find((item) => item.id === "file.open")).toMatchObject({ key: "Ctrl+O", disabled: undefined });
  expect(items.find((item) => item.id === "go.to")).toMatchObject({
    key: "Ctrl+G",
    disabled: "No image is open",
  });
  expect(items.find((item) => item.id === "compare.next")).toMatchObject({
    disabled: "Not available in this view",
  });
  // What can run comes first.
  expect(items[0]?.id).toBe("file.open");
});

it("lists commands used lately first, and remembers the one that is run", () => {
  const ran: string[] = [];
  const runners = { "help.about": { run: () => ran.push("about") }, "file.open": { run: () => undefined } };
  registry.useCommandLayers.setState({ layers: [{ owner: Symbol(), runners }] });
  palette.paletteItems(">about", "linux")[0]?.run?.();
  expect(ran).toEqual(["about"]);
  expect(prefs.getState().recentCommands[0]).toBe("help.about");
  expect(palette.paletteItems(">", "linux")[0]?.id).toBe("help.about");
});

it("calls a command what the view calls it, and names the group of every other", () => {
  const next = { title: "Map: Next problem", run: () => undefined };
  registry.useCommandLayers.setState({
    layers: [
      { owner: Symbol(), runners: { "compare.next": { run: () => undefined } } },
      { owner: Symbol(), runners: { "compare.next": next, "compare.nextLetter": next } },
    ],
  });
  expect(titles("> next problem")[0]).toBe("Map: Next problem");
  expect(titles(">")).not.toContain("Compare: Next difference or problem");
  for (const title of titles(">")) expect(title).toMatch(/^[A-Z][a-z]+: /);
});

it("finds by letters in order, and lists a command once", () => {
  expect(titles("> nxtdiff")[0]).toBe("Compare: Next difference or problem");
  expect(titles(">").filter((title) => title === "Compare: Next difference or problem")).toHaveLength(1);
  expect(titles("> qqqq")).toEqual([]);
});

it("without a prefix lists recent items; a missing one cannot be chosen", () => {
  const recent = [
    { files: [fileRef("a.qed"), fileRef("b.raw")], at: 1, missing: false },
    { files: [fileRef("gone.img")], at: 1, missing: true },
  ];
  app.setState({ recent });
  expect(titles("")).toEqual(["a.qed ⇄ b.raw", "gone.img"]);
  expect(palette.paletteItems("gone", "linux")[0]?.disabled).toBe("The file is missing");
});

it("after : says where an offset lies, and goes there", async () => {
  expect(palette.paletteItems(":100", "linux")[0]?.disabled).toBe("No bytes are shown");
  const image = openedImage(fileRef("a.raw"));
  const view = model.createHexView();
  const surface: Surface = {
    source: { image: image.image, node: "", size: image.size, generation: 0 },
    image,
    rows: model.plainRows(image.size, 16),
    view,
    space: "guest",
    side: undefined,
    shift: 0,
    clusterSize: undefined,
    extent: image.size,
  };
  surfaces.setState({ surface });
  const [item] = palette.paletteItems(":s:2+0x10", "linux");
  expect(item?.title).toBe("Go to guest 0x410 (1,040) · s2+16");
  item?.run?.();
  await vi.waitFor(() => expect(view.getState().caret).toBe(0x410));
  expect(prefs.getState().jumps[0]).toBe("s:2+0x10");
  expect(palette.paletteItems(":2MiB", "linux")[0]?.disabled).toContain("past the end");
});
