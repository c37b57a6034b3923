// Finds the part of an open image that can do what a command asks for.
import type { BlockNode } from "../../block/node.ts";

/** What the node nearest the top has, of the image itself and not of its backing files; undefined if none has it. */
export function nearest<T>(top: BlockNode, has: (node: BlockNode) => T | undefined): T | undefined {
  let level: readonly BlockNode[] = [top];
  while (level.length > 0) {
    for (const node of level) {
      const found = has(node);
      if (found !== undefined) return found;
    }
    const children = level.flatMap((node) => node.children.filter(({ role }) => role !== "backing"));
    level = [...new Set(children.map(({ node }) => node))];
  }
  return undefined;
}
