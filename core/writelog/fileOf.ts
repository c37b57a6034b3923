// The file that a log's node shows all of.
import type { BlockNode } from "../block/node.ts";

/** Also below a raw node; undefined where the log is not a file as it is. */
export function fileOf({ driver, info, children, size }: BlockNode): string | undefined {
  const [first] = children;
  return driver === "raw" && first?.node.size === size ? first.node.info.path : info.path;
}
