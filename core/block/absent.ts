// What stands for the backing file of an image of which only the tables are there: a disk that is known to be, and that
// nobody can read. Without it what the image leaves to its backing file would read as zeroes.
import { BlockError } from "../base/errors.ts";
import { guard } from "./guard.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "./node.ts";

/** Below `file` there is a metadata-only bundle. */
export function holdsNoData(file: BlockNode): boolean {
  if (file.info.metadataOf !== undefined) return true;
  return file.children.some(({ role, node }) => role === "file" && holdsNoData(node));
}

/** `size` is that of the image above, as its own is not known. */
export function absentBacking(name: string, size: number): BlockNode {
  return guard(new AbsentNode(name, size));
}

class AbsentNode implements BlockNode {
  readonly driver = "absent";
  readonly readOnly = true;
  readonly name: string;
  readonly size: number;
  readonly children: readonly Child[] = [];
  readonly info: NodeInfo = {};

  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
  }

  async read(): Promise<void> {
    throw new BlockError("EIO", "The backing file is not in a metadata-only bundle", {
      hint: "Ask for the image and its backing file if their data matter.",
    });
  }

  /** Not known; to say that it were zero would be believed. */
  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, length, state: "data", compressed: false, hostOffset: undefined };
  }

  write(): Promise<void> {
    return refuseWriting();
  }
  writeZeroes(): Promise<void> {
    return refuseWriting();
  }
  discard(): Promise<void> {
    return refuseWriting();
  }
  resize(): Promise<void> {
    return refuseWriting();
  }
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

async function refuseWriting(): Promise<never> {
  throw new BlockError("EROFS", "The backing file is not there to be written to");
}
