// Where an integer at the caret can lead when it is taken as an address: only places inside the image.

import { sectorSize } from "../shell/position.ts";
import type { Surface } from "../store/surface.ts";
import { decimal } from "../widgets/format.ts";

export interface GoTarget {
  /** As typed into the go-to field. */
  readonly expression: string;
  readonly label: string;
}

type Bounds = Pick<Surface, "space" | "extent" | "side"> & {
  readonly image: Pick<Surface["image"], "size" | "fileSize" | "format">;
};

/** Guest offset, file offset, sector of the space that shows; those outside the image are left out. */
export function goTargets(place: bigint, { space, extent, side, image }: Bounds): readonly GoTarget[] {
  const at = `0x${place.toString(16)}`;
  const guestSize = space === "guest" ? extent : image.size;
  const targets: GoTarget[] = [];
  if (place < BigInt(guestSize)) targets.push({ expression: `guest:${at}`, label: `Guest offset ${at}` });
  // A comparison shows guest disks only, and a raw image's file is its guest disk.
  const hasFile = image.format !== "raw" && side === undefined;
  if (hasFile && place < BigInt(image.fileSize)) {
    targets.push({ expression: `file:${at}`, label: `File offset ${at}` });
  }
  if (place * BigInt(sectorSize) < BigInt(extent)) {
    const sector = Number(place);
    targets.push({
      expression: `${space}:s:${sector}`,
      label: `Sector ${decimal(sector)} (0x${(sector * sectorSize).toString(16)})`,
    });
  }
  return targets;
}
