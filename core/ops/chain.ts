// Layers of a backing chain and the files they lie in.
import * as fs from "node:fs";
import * as path from "node:path";
import { BlockError } from "../base/errors.ts";
import type { NodeOptions } from "../block/driver.ts";
import { childOf } from "../block/extents.ts";
import type { BlockNode } from "../block/node.ts";
import { parseSpec, protocolOf } from "../spec.ts";

/** The path of the file that the layer lies in; undefined where there is none. */
export function fileOf(layer: BlockNode): string | undefined {
  for (let node: BlockNode | undefined = layer; node !== undefined; node = childOf(node, "file")) {
    if (node.info.path !== undefined) return node.info.path;
  }
  return undefined;
}

/** Both names lead to one file. */
export function sameFile(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && realPath(a) === realPath(b);
}

function realPath(name: string): string {
  try {
    return fs.realpathSync(name);
  } catch {
    return path.resolve(name);
  }
}

export interface Layer {
  readonly node: BlockNode;
  /** How many layers lie above it. */
  readonly depth: number;
  /** Its name as stored in the layer above. */
  readonly name: string | undefined;
}

/** The layer below the image known as `name`: as stored in the layer above, or as a path that starts beside that. */
export function layerNamed(image: BlockNode, name: string): Layer | undefined {
  let above = image;
  for (let depth = 1; ; depth++) {
    const node = childOf(above, "backing");
    if (node === undefined) return undefined;
    const folder = path.dirname(fileOf(above) ?? "");
    const matches = name !== "" && sameFile(path.resolve(folder, name), fileOf(node));
    const stored = above.info.backing?.filename;
    if (matches || stored === name) return { node, depth, name: stored };
    above = node;
  }
}

/** Options that open the layer on its own, with what lies below it. Throws ENOTSUP where its name is not known. */
export function specOfLayer({ node, name }: Layer): NodeOptions {
  const file = node.children.find(({ role }) => role === "file")?.node;
  if (file !== undefined && file.children.length === 0 && file.info.path !== undefined) {
    return { driver: node.driver, file: { driver: file.driver, filename: file.info.path } };
  }
  // More than a file: its name says all of it, since relative names are of plain files.
  if (name !== undefined && (name.startsWith("json:") || protocolOf(name) !== undefined)) {
    return { ...parseSpec(name), driver: node.driver };
  }
  throw new BlockError("ENOTSUP", "The backing file is not simply a file, and can't be opened for writing");
}
