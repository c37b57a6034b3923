// The parts of the window that the start page does without, fetched when first needed or when there is time.
import { panels } from "./panels/index.ts";
import { onDemand } from "./widgets/onDemand.tsx";

export const parts = {
  inspector: onDemand(async () => (await import("./inspector/Inspector.tsx")).Inspector),
  overlays: onDemand(async () => (await import("./shell/Overlays.tsx")).Overlays),
  goTo: onDemand(async () => (await import("./goto/GoToBar.tsx")).GoToBar),
};

/** Fetches everything, so that the first use of it is as quick as the second. */
export function warmUp(): void {
  for (const part of [panels.compare, panels.hex, ...Object.values(parts)]) void part.warm();
}
