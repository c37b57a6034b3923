// The options a node was given in the tree of options its graph was opened from, as text to show.
import type { ImageSpec } from "../block/driver.ts";

/**
 * Plain values at the node's place, in their order: without the driver, file names and children. Empty for nodes that
 * the tree does not name (a backing file found in an image's header).
 */
export function givenOptions(spec: ImageSpec, path: string): readonly (readonly [string, string])[] {
  let at: unknown = spec;
  for (const step of path === "" ? [] : path.split("/")) {
    for (const key of step.split(".")) at = isTree(at) ? at[key] : undefined;
  }
  if (!isTree(at) || Array.isArray(at)) return [];
  return Object.entries(at).flatMap(([name, value]) => {
    if (name === "driver" || name === "filename" || name === "config") return [];
    if (Array.isArray(value) && !value.some(isNode)) return [[name, `${value.length} in all`] as const];
    return isTree(value) || value === undefined || value === null ? [] : [[name, shown(value)] as const];
  });
}

const shown = (value: unknown) => (value === true ? "on" : value === false ? "off" : String(value));

const isNode = (value: unknown) => isTree(value) && (value.driver !== undefined || value.file !== undefined);

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
