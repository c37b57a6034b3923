// Which formats can be mended item by item, and by whom the items are found.
import { BlockError } from "../base/errors.ts";
import { pathOf } from "../block/backing.ts";
import { childOf } from "../block/extents.ts";
import type { RepairOffer } from "../block/finding.ts";
import type { BlockNode } from "../block/node.ts";
import type { EarlierRepairs } from "../block/offered.ts";
import type { RepairJob } from "../block/repair.ts";
import { offerQcow2Repair } from "../format/qcow2/planOffer.ts";
import { offerQedRepair } from "../format/qed/planOffer.ts";
import { earlierRepairs } from "./earlier.ts";

/** `hasBacking`: clusters that are not there read from another file. */
type Offerer = (
  file: BlockNode,
  hasBacking: boolean,
  job: RepairJob,
  earlier: EarlierRepairs,
) => Promise<RepairOffer>;

const offerers: Readonly<Record<string, Offerer>> = {
  qcow2: offerQcow2Repair,
  qed: offerQedRepair,
};

export function canRepair(node: BlockNode): boolean {
  return Object.hasOwn(offerers, node.driver);
}

/** What can be mended in an open image. Changes nothing. Throws ENOTSUP, and what looking at its tables throws. */
export async function offerRepair(node: BlockNode, job: RepairJob = {}): Promise<RepairOffer> {
  const file = childOf(node, "file");
  const offerer = offerers[node.driver];
  if (!offerer || !file) throw new BlockError("ENOTSUP", "This image format does not support repairs");
  return offerer(file, node.info.backing !== undefined, job, earlierRepairs(pathOf(file)));
}

/** The ids chosen unless the person says otherwise. */
export function defaultItems(offer: RepairOffer): string[] {
  return offer.items.filter(({ isDefault }) => isDefault).map(({ id }) => id);
}
