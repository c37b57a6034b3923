// Which file a map is of, and in which state: so that two scans can be told to be of the same, and one during which the
// file was changed by another program is known as such.
import * as fs from "node:fs";
import type { BlockNode } from "../block/node.ts";
import type { MapIdentity } from "./mapRun.ts";

/** What the file system says of the file that the map's offsets are of; undefined for what is in no file. */
export function fileState(node: BlockNode): string | undefined {
  const path = (node.children.find(({ role }) => role === "file")?.node ?? node).info.path;
  if (path === undefined) return undefined;
  try {
    const stat = fs.statSync(path, { bigint: true });
    return stat.isFile() ? [stat.dev, stat.ino, stat.size, stat.mtimeNs].join(":") : undefined;
  } catch {
    // It was moved or deleted while it is open.
    return undefined;
  }
}

/** `before`: its state when the scan began. */
export function identify(node: BlockNode, before: string | undefined): MapIdentity | undefined {
  if (before === undefined) return undefined;
  return { state: before, isChanged: fileState(node) !== before };
}
