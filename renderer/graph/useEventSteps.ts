// F8 over bytes: to the next place of the shown node at which something was noticed. What is not read yet is not known.
import { useMemo } from "react";
import type { ImageEvent } from "../../core/jobs/imageEvents.ts";
import { type Runners, useCommands } from "../commands/registry.ts";
import { noEvents, useEvents } from "../store/events.ts";
import type { Surface } from "../store/surface.ts";
import { useView } from "../store/view.ts";

export function useEventSteps({ image, source, view, rows }: Surface): void {
  const { events } = useEvents(({ byImage }) => byImage[image.image] ?? noEvents);
  useCommands(
    useMemo((): Runners => {
      const places = placesOf(events, source.node);
      if (places.length === 0) return {};
      const go = (by: 1 | -1) => () => {
        const to = nextPlace(places, view.getState().caret, by);
        if (to !== undefined) view.jumpTo(to, rows);
        else useView.getState().say(by === 1 ? "Last event so far" : "First event");
      };
      const next = { title: "Go: Next event", run: go(1) };
      const previous = { title: "Go: Previous event", run: go(-1) };
      return {
        "compare.next": next,
        "compare.nextLetter": next,
        "compare.previous": previous,
        "compare.previousLetter": previous,
      };
    }, [events, source.node, view, rows]),
  );
}

/** Where the node itself noticed something or is what it is about, ascending, each place once. */
export function placesOf(events: readonly ImageEvent[], node: string): readonly number[] {
  const own = events.filter((event) => event.node === node || event.about === node);
  return [...new Set(own.map(({ at }) => at))].sort((a, b) => a - b);
}

export function nextPlace(places: readonly number[], caret: number, by: 1 | -1): number | undefined {
  return by === 1 ? places.find((place) => place > caret) : places.findLast((place) => place < caret);
}
