// The store of images over a fake bridge: opening, failing, changes on disk, reloads, a lost session.
import { beforeEach, expect, it, vi } from "vitest";
import {
  type FakeBridge,
  fileRef,
  installFakeBridge,
  openedImage,
  plainError,
  settle,
} from "../fakeBridge.ts";

const file = fileRef("disk.qed");
let bridge: FakeBridge;
let useImages: typeof import("../../../renderer/store/images.ts").useImages;

beforeEach(async () => {
  vi.resetModules();
  bridge = installFakeBridge();
  bridge.answer("image:open", () => openedImage(file));
  const module = await import("../../../renderer/store/images.ts");
  useImages = module.useImages;
  module.listenForImages();
});

const state = () => useImages.getState().byToken[file.token];
const imageId = () => {
  const now = state();
  return now?.kind === "open" ? now.image.image : Number.NaN;
};

it("opens once, however often it is asked", async () => {
  await Promise.all([useImages.getState().open(file), useImages.getState().open(file)]);
  await useImages.getState().open(file);
  expect(bridge.requests("image:open")).toEqual([{ token: file.token }]);
  expect(state()).toMatchObject({ kind: "open", disk: { kind: "same" }, generation: 0 });
});

it("a failure is a state, and opening again is allowed, with a format forced", async () => {
  bridge.answer("image:open", () => {
    throw plainError("bad header");
  });
  await useImages.getState().open(file);
  expect(state()).toMatchObject({ kind: "failed", error: { message: "bad header" } });
  bridge.answer("image:open", () => openedImage(file));
  await useImages.getState().open(file, { format: "raw" });
  expect(bridge.requests("image:open").at(-1)).toEqual({ token: file.token, format: "raw" });
  expect(state()?.kind).toBe("open");
});

it("a reload opens the image the way it was opened", async () => {
  await useImages.getState().open(file, { trustBacking: true });
  await useImages.getState().reload(file.token);
  const trusted = { token: file.token, trustBacking: true };
  expect(bridge.requests("image:open")).toEqual([trusted, trusted]);
});

it("an image closed while it opens is closed in the session too", async () => {
  const opening = useImages.getState().open(file);
  await useImages.getState().close(file.token);
  await opening;
  expect(state()).toBeUndefined();
  expect(bridge.requests("image:close")).toHaveLength(1);
});

it("of two openings under way, only the later one's image is kept", async () => {
  const first = useImages.getState().open(file);
  await useImages.getState().close(file.token);
  await Promise.all([first, useImages.getState().open(file)]);
  const closed = bridge.requests("image:close").map((request) => (request as { image: number }).image);
  expect(closed).toEqual([imageId() - 1]);
});

it("shows a change on disk until it is kept or reloaded", async () => {
  await useImages.getState().open(file);
  bridge.send("image:changed", { image: imageId(), state: { kind: "changed", at: 5, sizeDelta: 512 } });
  expect(state()).toMatchObject({ disk: { kind: "changed", sizeDelta: 512 } });
  await useImages.getState().keep(file.token);
  expect(bridge.requests("image:state")).toEqual([{ image: imageId(), accept: true }]);
  expect(state()).toMatchObject({ disk: { kind: "same" }, generation: 0 });
});

it("what was closed or opened again while it was being kept stays as it is", async () => {
  let accepted = () => {};
  bridge.answer("image:state", () => new Promise<void>((resolve) => (accepted = resolve)));
  await useImages.getState().open(file);
  const first = useImages.getState().keep(file.token);
  await useImages.getState().close(file.token);
  accepted();
  await first;
  expect(state()).toBeUndefined();
  await useImages.getState().open(file);
  const second = useImages.getState().keep(file.token);
  await useImages.getState().reload(file.token);
  const reopened = state();
  accepted();
  await second;
  expect(state()).toBe(reopened);
});

it("a reload opens again under a new generation, so that no cached byte outlives it", async () => {
  await useImages.getState().open(file);
  const before = imageId();
  await useImages.getState().reload(file.token);
  expect(state()).toMatchObject({ kind: "open", generation: 1 });
  expect(imageId()).not.toBe(before);
  expect(bridge.requests("image:close")).toEqual([{ image: before }]);
});

it("a lost session opens every image again", async () => {
  await useImages.getState().open(file);
  const before = imageId();
  bridge.send("session:lost", { error: plainError("worker died") });
  await settle();
  await settle();
  expect(state()).toMatchObject({ kind: "open", generation: 1 });
  expect(imageId()).not.toBe(before);
});
