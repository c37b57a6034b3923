// What the nodes of open images noticed: mismatches, votes, failures, by image. The worker keeps the list short and
// counts what comes again; here it is only put together.
import { create } from "zustand";
import type { ImageEvent, ImageEvents } from "../../core/jobs/imageEvents.ts";
import { on } from "../api.ts";
import { useImages } from "./images.ts";

export interface KnownEvents {
  /** In the order of first sight: an event's place is its id. */
  readonly events: readonly ImageEvent[];
  /** Different events that were not kept. */
  readonly more: number;
}

interface EventsStore {
  readonly byImage: Readonly<Record<number, KnownEvents>>;
}

export const noEvents: KnownEvents = { events: [], more: 0 };
export const useEvents = create<EventsStore>()(() => ({ byImage: {} }));

/** Wires main's events into the store; called once at start. */
export function listenForEvents(): void {
  on("image:events", take);
  useImages.subscribe(({ byToken }) => {
    const open = new Set(
      Object.values(byToken).flatMap((state) => (state.kind === "open" ? [state.image.image] : [])),
    );
    const { byImage } = useEvents.getState();
    // An event may come before the answer that the image is open: only images that were open and are gone go.
    const kept = Object.entries(byImage).filter(
      ([image]) => open.has(Number(image)) || !seenOpen.has(Number(image)),
    );
    for (const image of open) seenOpen.add(image);
    if (kept.length < Object.keys(byImage).length) useEvents.setState({ byImage: Object.fromEntries(kept) });
  });
}

/** Ids are never used twice. */
const seenOpen = new Set<number>();

function take({ image, events, more }: ImageEvents): void {
  const { byImage } = useEvents.getState();
  const list = [...(byImage[image]?.events ?? [])];
  for (const event of events) list[event.id] = event;
  useEvents.setState({ byImage: { ...byImage, [image]: { events: list, more } } });
}
