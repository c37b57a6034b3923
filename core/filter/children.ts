// Children of filters. Some are opened at protocol level, without a guess of a format (filters reference, trap 7).
import type { ImageSpec, NodeOptions } from "../block/driver.ts";
import { chainExtentAt } from "../block/extents.ts";
import type { BlockNode, Extent } from "../block/node.ts";

/** A child's options as those of a protocol: a name without a driver is a file, and nothing is probed. */
export function protocolLevel(given: NodeOptions): ImageSpec {
  if (given.driver !== undefined) return given;
  if (given.filename !== undefined) return { driver: "file", ...given };
  const { file, ...others } = given;
  const isFile = typeof file === "object" && file !== null && Object.keys(others).length === 0;
  return isFile ? protocolLevel(file as NodeOptions) : given;
}

/** What the child knows of a range over its whole chain, as the extent of a filter above it. */
export async function filteredExtent(child: BlockNode, offset: number, length: number): Promise<Extent> {
  const found = await chainExtentAt(child, offset, length);
  return {
    offset,
    length: found.length,
    state: found.state,
    compressed: found.compressed,
    hostOffset: undefined,
  };
}
