// The catalogue of panels: what each kind of tab shows, loaded when first needed.
import type { Tab } from "../store/view.ts";
import { type OnDemand, onDemand } from "../widgets/onDemand.tsx";

export interface PanelProps<K extends Tab["kind"] = Tab["kind"]> {
  readonly tab: Extract<Tab, { kind: K }>;
}

export const panels: { readonly [K in Tab["kind"]]: OnDemand<PanelProps<K>> } = {
  hex: onDemand(async () => (await import("./hex/index.tsx")).HexPanel),
  compare: onDemand(async () => (await import("./compare/index.tsx")).ComparePanel),
  map: onDemand(async () => (await import("./map/index.tsx")).MapPanel),
  timeline: onDemand(async () => (await import("./timeline/index.tsx")).TimelinePanel),
  votes: onDemand(async () => (await import("./votes/index.tsx")).VotesPanel),
  repair: onDemand(async () => (await import("./repair/index.tsx")).RepairPanel),
  journal: onDemand(async () => (await import("./repair/index.tsx")).JournalPanel),
};
