// A node of which a test changes some members: what another module is given is the same node otherwise.
import type { BlockNode } from "../../core/block/node.ts";

/** The node with some of it changed. */
export function changed(file: BlockNode, change: Partial<BlockNode>): BlockNode {
  return new Proxy(file, {
    get: (node, name) => {
      if (Object.hasOwn(change, name)) return Reflect.get(change, name);
      const value: unknown = Reflect.get(node, name);
      return typeof value === "function" ? value.bind(node) : value;
    },
  });
}
