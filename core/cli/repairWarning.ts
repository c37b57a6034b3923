// Says of an image that a command opens that its repair was cut off, and how it is finished or taken back.
import { existsSync } from "node:fs";
import type { ImageSpec } from "../block/driver.ts";
import { journalPathOf } from "../repair/journalPath.ts";
import { isOptions } from "../spec.ts";
import { printWarning } from "./output.ts";
import { inPlaceOfPeer } from "./persona.ts";

/** Some commands open an image several times. */
const told = new Set<string>();

/** On stderr, once for each image. An image between two states is better not used, and above all not written to. */
export async function warnOfRepair(spec: ImageSpec): Promise<void> {
  const image = fileOfSpec(spec);
  if (inPlaceOfPeer || image === undefined || told.has(image) || !existsSync(journalPathOf(image))) return;
  told.add(image);
  const { unfinishedRepair } = await import("../repair/journalFile.ts");
  const warning = await unfinishedRepair(image);
  if (warning !== undefined) printWarning(warning);
}

/** The name of the file at the bottom. */
export function fileOfSpec(spec: ImageSpec): string | undefined {
  // A node of another name.
  if (typeof spec === "string") return undefined;
  const below = spec.driver === "blkdebug" ? spec.image : spec.file;
  if (isOptions(below)) return fileOfSpec(below);
  return typeof spec.filename === "string" ? spec.filename : undefined;
}
