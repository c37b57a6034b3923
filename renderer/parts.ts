// What the start page does without, fetched when first needed or when there is time: panels, and the inspector. What
// takes keys the moment it is asked for (dialogs, the palette, Go to) is none of it: keys typed while it was being
// fetched would go to the view below.
import { panels } from "./panels/index.ts";
import { onDemand } from "./widgets/onDemand.tsx";

export const inspectorPart = onDemand(async () => (await import("./inspector/Inspector.tsx")).Inspector);

/** Fetches what an opened image needs, so that the first is shown as quickly as the second. */
export function warmUp(): void {
  for (const part of [panels.compare, panels.hex, inspectorPart]) void part.warm();
}
