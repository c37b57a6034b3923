// Opens and closes a tree of nodes. INTERFACE ONLY for now: implemented by the core work.
import type { ImageSpec } from "./block/driver.ts";
import type { BlockNode } from "./block/node.ts";

export interface OpenOptions {
  /** Default true. */
  readonly readOnly?: boolean;
  /** Do not open backing files (for `info`). */
  readonly noBacking?: boolean;
  /** Format instead of probing the top image. */
  readonly format?: string;
}

export interface Graph {
  readonly root: BlockNode;
  /** Every node, root first. */
  readonly nodes: readonly BlockNode[];
  /** The node named by a path of child names from the root: "" is the root, "file", "backing/file". */
  nodeAt(path: string): BlockNode | undefined;
  close(): Promise<void>;
}

export declare function openGraph(spec: ImageSpec, options?: OpenOptions): Promise<Graph>;
