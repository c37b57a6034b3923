import { beforeEach, expect, it } from "vitest";
import type { ImageEvent } from "../../../core/jobs/imageEvents.ts";
import { type FakeBridge, fileRef, installFakeBridge, openedImage } from "../fakeBridge.ts";

const { listenForEvents, useEvents } = await import("../../../renderer/store/events.ts");
const { useImages } = await import("../../../renderer/store/images.ts");

const event = (id: number, times = 1): ImageEvent => ({
  id,
  kind: "mismatch",
  node: "",
  about: "",
  op: "read",
  offset: 0,
  length: 512,
  at: id,
  text: `event ${id}`,
  times,
});

let bridge: FakeBridge;
beforeEach(() => {
  bridge = installFakeBridge();
  listenForEvents();
});

it("puts events together by image, the newest count of each", () => {
  bridge.send("image:events", { image: 900, events: [event(0), event(1)], more: 0 });
  bridge.send("image:events", { image: 900, events: [event(1, 5), event(2)], more: 3 });
  expect(useEvents.getState().byImage[900]).toEqual({ events: [event(0), event(1, 5), event(2)], more: 3 });
});

it("forgets the events of an image that was closed, not those of one that is about to open", () => {
  const file = fileRef("a.raw");
  const image = openedImage(file);
  bridge.send("image:events", { image: image.image, events: [event(0)], more: 0 });
  useImages.setState({
    byToken: { [file.token]: { kind: "open", file, image, disk: { kind: "same" }, generation: 0 } },
  });
  expect(useEvents.getState().byImage[image.image]?.events).toHaveLength(1);
  useImages.setState({ byToken: {} });
  expect(useEvents.getState().byImage[image.image]).toBeUndefined();
});

it("steps through the places of a node, each once", async () => {
  const { nextPlace, placesOf } = await import("../../../renderer/graph/useEventSteps.ts");
  const at = (place: number, about: string): ImageEvent => ({ ...event(place), about });
  const places = placesOf([at(900, ""), at(100, ""), at(900, ""), { ...at(500, "raw"), node: "raw" }], "");
  expect(places).toEqual([100, 900]);
  expect(nextPlace(places, 100, 1)).toBe(900);
  expect(nextPlace(places, 900, 1)).toBeUndefined();
  expect(nextPlace(places, 900, -1)).toBe(100);
});
