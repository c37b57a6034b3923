// The catalogue of panels: what each kind of tab shows, loaded when first needed.
import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { Tab } from "../store/view.ts";

export interface PanelProps<K extends Tab["kind"] = Tab["kind"]> {
  readonly tab: Extract<Tab, { kind: K }>;
}
type Panel<K extends Tab["kind"]> = LazyExoticComponent<ComponentType<PanelProps<K>>>;

export const panels: { readonly [K in Tab["kind"]]: Panel<K> } = {
  hex: lazy(async () => ({ default: (await import("./hex/index.tsx")).HexPanel })),
  compare: lazy(async () => ({ default: (await import("./compare/index.tsx")).ComparePanel })),
};
