// What was chosen of the items that a repair offers: each has to be offered, with all that it needs.
import { BlockError } from "../base/errors.ts";
import type { OfferedRepair } from "./finding.ts";

/** Throws EINVAL for an id that is not offered, or one whose needs are not chosen. */
export function chosenItems(items: readonly OfferedRepair[], ids: Iterable<string>): Set<string> {
  const chosen = new Set(ids);
  const offered = new Map(items.map((item) => [item.id, item]));
  for (const id of chosen) {
    const item = offered.get(id);
    if (!item) {
      throw new BlockError("EINVAL", `There is no repair '${id}' for this image`, {
        hint: "Its plan lists those there are; the image may have changed since it was made.",
      });
    }
    const missing = item.needs.find((need) => !chosen.has(need));
    if (missing === undefined) continue;
    throw new BlockError("EINVAL", `The repair '${id}' needs '${missing}', which is not chosen`, {
      hint: "Choose that one as well, or leave both out.",
    });
  }
  return chosen;
}
