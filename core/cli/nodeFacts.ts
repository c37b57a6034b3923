// What a node says of itself with what it stands on: a filter has no clusters and no blocks on a disk of its own.
import type { BlockNode, NodeInfo } from "../block/node.ts";
import { driverNamed } from "../registry.ts";
import { inPlaceOfPeer } from "./persona.ts";

/** The node's facts; those of a filter are the ones of the disk that it shows. */
export function factsOf(node: BlockNode): NodeInfo {
  const below = filtered(node);
  return below === undefined ? node.info : factsOf(below);
}

/** Whether the drivers say anything of themselves. */
export function reportsFacts(node: BlockNode): boolean {
  if (isFilter(node)) {
    const below = filtered(node);
    return below !== undefined && reportsFacts(below);
  }
  const file = node.children.find(({ role }) => role === "file");
  return file === undefined ? !node.driver.startsWith("null-") : reportsFacts(file.node);
}

/** Bytes allocated on disk for the image without its backing files; undefined where the system does not say. */
export function sizeOnDisk(node: BlockNode): number | undefined {
  // A name with a prefix is a file for the peer, and one of which it cannot tell.
  if (inPlaceOfPeer && driverNamed(node.driver)?.isPrefix) return undefined;
  const parts = node.children
    .filter(({ role }) => role === "file" || role === "data")
    .map((child) => child.node);
  if (node.info.actualSize !== undefined || parts.length === 0)
    return node.info.actualSize ?? deviceSize(node);
  const sizes = parts.map(sizeOnDisk);
  return sizes.reduce<number | undefined>(
    (sum, size) => (size === undefined ? undefined : add(sum, size)),
    0,
  );
}

function add(sum: number | undefined, size: number): number | undefined {
  return sum === undefined ? undefined : sum + size;
}

/** A device has no size of its own on a disk; the peer calls that 0. */
function deviceSize({ driver }: BlockNode): number | undefined {
  return inPlaceOfPeer && (driver === "host_device" || driver === "host_cdrom") ? 0 : undefined;
}

function isFilter({ driver }: BlockNode): boolean {
  return driverNamed(driver)?.kind === "filter";
}

/** The disk that a filter shows; undefined where it is made of several copies, none of them before the others. */
export function filtered(node: BlockNode): BlockNode | undefined {
  return isFilter(node) && node.driver !== "quorum"
    ? node.children.find(({ role }) => role === "data")?.node
    : undefined;
}
