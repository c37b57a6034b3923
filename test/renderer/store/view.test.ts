// The store of what is on screen: what an overlay is about decides whether it outlives the tab that showed.
import { beforeEach, expect, it } from "vitest";
import { compareTab, hexTab, type Overlay, useView } from "../../../renderer/store/view.ts";

const [pair, image] = [compareTab("a", "b"), hexTab("c")];
const { openTab, replaceTab, closeTab, reopenTab, activate, show } = useView.getState();
const overlay = () => useView.getState().overlay;

beforeEach(() => {
  useView.setState({ tabs: [pair], active: pair.id, closed: [], overlay: undefined });
});

const ways: readonly (readonly [string, () => void])[] = [
  ["opens", () => openTab(image)],
  ["takes its place", () => replaceTab(pair.id, image)],
  ["is left when it is closed", () => closeTab(pair.id)],
  ["is opened again", () => reopenTab()],
  ["is gone to", () => activate(image.id)],
  ["is none: the start page", () => activate(undefined)],
];

for (const [way, change] of ways) {
  it(`a dialog about the tab that shows goes when another ${way}`, () => {
    useView.setState({ closed: [image] });
    for (const kind of ["export", "shift", "bundle", "logNote", "copyAs", "goto"] as const) {
      activate(pair.id);
      show({ kind });
      change();
      expect(overlay(), kind).toBeUndefined();
      useView.setState({ tabs: [pair], active: pair.id, closed: [image] });
    }
  });
}

it("a dialog about all of the app, or about an image by its name, stays", () => {
  const about: readonly Overlay[] = [{ kind: "settings" }, { kind: "facts", token: "a" }, { kind: "openAs" }];
  for (const each of about) {
    activate(pair.id);
    show(each);
    openTab(image);
    expect(overlay()).toBe(each);
  }
});

it("a dialog stays when its own tab is asked for again, and when another tab closes", () => {
  useView.setState({ tabs: [image, pair] });
  show({ kind: "export" });
  openTab(pair);
  closeTab(image.id);
  expect(overlay()).toEqual({ kind: "export" });
});

it("a tab that takes another's place and is there already is gone to, and is there once", () => {
  const old = hexTab("old");
  useView.setState({ tabs: [old, pair, image], active: old.id });
  replaceTab(old.id, image);
  expect(useView.getState()).toMatchObject({ tabs: [pair, image], active: image.id });
  replaceTab(image.id, image);
  expect(useView.getState().tabs).toEqual([pair, image]);
});
