// Ways in and out of the app over a fake bridge: what opens which tab, what is remembered, what is closed.
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { AppInfo, FileRef } from "../../../electron/ipc/contract.ts";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  openedImage,
  plainError,
  settle,
} from "../fakeBridge.ts";

const [a, b, c, log] = [fileRef("a.qed"), fileRef("b.raw"), fileRef("c.raw"), fileRef("writes.log")];
let bridge: FakeBridge;
let flows: typeof import("../../../renderer/shell/openFlows.ts");
let view: typeof import("../../../renderer/store/view.ts").useView;
let images: typeof import("../../../renderer/store/images.ts").useImages;
let app: typeof import("../../../renderer/store/app.ts").useApp;

beforeEach(async () => {
  vi.resetModules();
  bridge = installFakeBridge();
  bridge.answer("image:open", ({ token }: { token: string }) => {
    const file = [a, b, c, log].find((ref) => ref.token === token);
    if (!file) throw plainError("no such token");
    return openedImage(file);
  });
  bridge.answer("files:recent", () => []);
  bridge.answer("log:detect", (tokens: readonly string[]) => tokens.map((token) => token === log.token));
  flows = await import("../../../renderer/shell/openFlows.ts");
  view = (await import("../../../renderer/store/view.ts")).useView;
  images = (await import("../../../renderer/store/images.ts")).useImages;
  app = (await import("../../../renderer/store/app.ts")).useApp;
});

const tabIds = () => view.getState().tabs.map((tab) => tab.id);
const choosing = (...answers: (readonly FileRef[])[]) =>
  bridge.answer("files:choose", () => answers.shift() ?? []);

describe("opening", () => {
  it("one image opens a hex tab and is remembered", async () => {
    choosing([a]);
    await flows.openByDialog();
    expect(tabIds()).toEqual([`hex:${a.token}`]);
    expect(bridge.requests("files:remember")).toEqual([[a.token]]);
  });

  it("two images chosen together open a comparison and are remembered as a pair", async () => {
    choosing([a, b]);
    await flows.openByDialog();
    expect(tabIds()).toEqual([`compare:${a.token}:${b.token}`]);
    expect(bridge.requests("files:remember")).toEqual([[a.token, b.token]]);
  });

  it("three images from a second launch open three hex tabs", async () => {
    await flows.openFiles([a, b, c], "hex");
    expect(tabIds()).toHaveLength(3);
  });

  it("a log of writes opens a timeline, also beside an image it was chosen with", async () => {
    await flows.openFiles([log], "hex");
    expect(tabIds()).toEqual([`timeline:${log.token}`]);
    expect(bridge.requests("image:open")).toEqual([{ token: log.token, format: "raw" }]);
    await flows.openFiles([a, log], "compare");
    expect(tabIds()).toEqual([`timeline:${log.token}`, `hex:${a.token}`]);
  });

  it("an image that cannot be opened has its tab, with the reason, and is not remembered", async () => {
    bridge.answer("image:open", () => {
      throw plainError("not an image");
    });
    await flows.openFiles([a], "hex");
    expect(tabIds()).toEqual([`hex:${a.token}`]);
    expect(images.getState().byToken[a.token]).toMatchObject({
      kind: "failed",
      error: { message: "not an image" },
    });
    expect(bridge.requests("files:remember")).toEqual([]);
  });

  it("a dismissed dialog changes nothing", async () => {
    choosing([]);
    await flows.openByDialog();
    await flows.compareByDialog();
    expect(tabIds()).toEqual([]);
  });

  it("files of the command line open at the start", async () => {
    const startup = { files: [a, b], view: "compare" } as const;
    flows.listenForFiles({ startup } as unknown as AppInfo);
    await settle();
    expect(tabIds()).toEqual([`compare:${a.token}:${b.token}`]);
    bridge.send("files:opened", { files: [c], view: "hex" });
    await settle();
    expect(view.getState().active).toBe(`hex:${c.token}`);
  });
});

describe("comparing", () => {
  it("asks for the second image when only one was chosen", async () => {
    choosing([a], [b]);
    await flows.compareByDialog();
    expect(bridge.requests("files:choose")).toEqual([
      { title: "Choose two images to compare", multiple: true },
      { title: "Choose the image to compare with a.qed", multiple: false },
    ]);
    expect(tabIds()).toEqual([`compare:${a.token}:${b.token}`]);
  });

  it("refuses three images and the same image twice, with words", async () => {
    choosing([a, b, c]);
    await flows.compareByDialog();
    expect(app.getState().refusal).toBe("Two images can be compared at a time; 3 were chosen.");
    await flows.comparePair(a, a);
    expect(app.getState().refusal).toBe("a.qed was chosen twice. Choose another image to compare it with.");
    expect(tabIds()).toEqual([]);
  });

  it("with one image open, 'Compare with' asks for the other; with two, it offers them", async () => {
    await flows.openFiles([a], "hex");
    choosing([b]);
    flows.compareWith();
    await settle();
    await settle();
    expect(view.getState().active).toBe(`compare:${a.token}:${b.token}`);
    flows.compareWith();
    expect(view.getState().overlay).toEqual({ kind: "compareWith" });
  });
});

describe("closing", () => {
  it("closes an image with the last tab that shows it, not before", async () => {
    await flows.openFiles([a, b], "compare");
    await flows.openFiles([a], "hex");
    flows.closeTab(`compare:${a.token}:${b.token}`);
    expect(Object.keys(images.getState().byToken)).toEqual([a.token]);
    flows.closeTab(`hex:${a.token}`);
    expect(images.getState().byToken).toEqual({});
    expect(bridge.requests("image:close")).toHaveLength(2);
    expect(view.getState().active).toBeUndefined();
  });

  it("opens a closed tab again, and its images", async () => {
    await flows.openFiles([a, b], "compare");
    flows.closeTab(`compare:${a.token}:${b.token}`);
    await settle();
    flows.reopenTab();
    await settle();
    expect(tabIds()).toEqual([`compare:${a.token}:${b.token}`]);
    expect(images.getState().byToken[b.token]?.kind).toBe("open");
  });

  it("closing an image closes every tab that shows it", async () => {
    await flows.openFiles([a, b], "compare");
    await flows.openFiles([a], "hex");
    flows.closeImage(a.token);
    expect(tabIds()).toEqual([]);
    expect(images.getState().byToken).toEqual({});
  });
});
