// The items that a repair offers, and what was chosen of them, each of which has to be offered, with all that it needs.
import { BlockError } from "../base/errors.ts";
import type { OfferedRepair, RepairWrite } from "./finding.ts";

/**
 * Whether a write of an earlier repair took something out of use. `sizes`: where that repair cut the file, and how long
 * it made it; what it copied lies between.
 */
export type GaveUp = (
  write: RepairWrite,
  sizes: { readonly cutSize: number; readonly newSize: number },
) => boolean;

/** Repairs of the image that were made before and not taken back, as far as their journals are known. */
export interface EarlierRepairs {
  /** Whether any of them gave something up, or may have: one of which that can't be read. Throws nothing. */
  gaveUp(test: GaveUp): Promise<boolean>;
}

/** Why clusters that nothing uses may be wanted all the same; undefined: they are not. */
export type LeakDoubt = "broken" | "earlier" | undefined;

/** How giving such clusters up is offered; `certain` is true of it in any case, `gain` where nothing speaks against it. */
export function offeredLeaks(
  certain: string,
  doubt: LeakDoubt,
  gain: string,
): Pick<OfferedRepair, "effect" | "risk" | "isDefault"> {
  if (doubt === undefined) return { effect: `${certain}; ${gain}`, risk: "safe", isDefault: true };
  const owners =
    doubt === "broken" ? "broken entries stood for" : "entries stood for which an earlier repair took away";
  const effect = `${certain}, but these may be the clusters that ${owners}.`;
  return { effect, risk: "may-lose-data", isDefault: false };
}

export function itemsById(items: readonly OfferedRepair[]): ReadonlyMap<string, OfferedRepair> {
  return new Map(items.map((item) => [item.id, item]));
}

/** Throws EINVAL for an id that is not offered, or one whose needs are not chosen. */
export function chosenItems(offered: ReadonlyMap<string, OfferedRepair>, ids: Iterable<string>): Set<string> {
  const chosen = new Set(ids);
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
