// Opens a format driver over nodes made by a test: its file is the recording node or the bytes a crash left, its
// backing file a pattern of any size. Everything passes the same gate as in a graph.
import { meetDirtyImage } from "../../core/block/dirty.ts";
import type { DirtyPolicy, OpenContext } from "../../core/block/driver.ts";
import { guard } from "../../core/block/guard.ts";
import type { BlockNode, Child, Extent, NodeInfo } from "../../core/block/node.ts";
import { qcow2 } from "../../core/format/qcow2/qcow2.ts";
import { qed } from "../../core/format/qed/qed.ts";
import { MemoryNode } from "../../core/protocol/memory.ts";
import { openContext } from "../build/openContext.ts";
import type { CrashFormat } from "./format.ts";

export interface Opened {
  readonly node: BlockNode;
  readonly file: BlockNode;
  /** Of the dirty policy: what the person would have read. */
  readonly warnings: readonly string[];
  /** Closes the image, then its file. */
  close(): Promise<void>;
}

/** What an image to be opened is. */
export interface ImageKind {
  readonly format: Pick<CrashFormat, "driver" | "options">;
  readonly backingSize: number | undefined;
}

export interface OpenHow {
  readonly readOnly?: boolean;
  readonly dirty?: DirtyPolicy;
  /** The snapshot to be shown. */
  readonly snapshot?: string;
}

export async function openImage(
  inner: BlockNode,
  { format, backingSize }: ImageKind,
  how: OpenHow = {},
): Promise<Opened> {
  const warnings: string[] = [];
  const file = guard(inner);
  const childNamed = (name: string): BlockNode => {
    if (name === "file") return file;
    if (backingSize === undefined) throw new Error("the image has no backing file");
    return guard(new PatternNode("backing", backingSize));
  };
  const context = openContext(childNamed, {
    name: "image",
    readOnly: how.readOnly ?? false,
    backing: "open",
    dirty: how.dirty ?? "report",
    warn: (message) => warnings.push(message),
  });
  const backing = backingSize === undefined ? null : { driver: "pattern" };
  const shown = how.snapshot === undefined ? {} : { snapshot: how.snapshot };
  const options = { file: { driver: "memory" }, backing, ...format.options, ...shown };
  const node = guard(await openDriver(format.driver, options, context));
  // As the graph does with the image on top.
  if (!context.readOnly && node.info.dirty) {
    await meetDirtyImage(node, file, context.dirty, {
      warn: (message) => context.warn(message),
      event: () => undefined,
    });
  }
  return {
    node,
    file,
    warnings,
    close: async () => {
      await node.close();
      await file.close();
    },
  };
}

function openDriver(
  driver: CrashFormat["driver"],
  options: object,
  context: OpenContext,
): Promise<BlockNode> {
  if (driver === "qed") return qed.open(qed.options.parse({ driver, ...options }), context);
  return qcow2.open(qcow2.options.parse({ driver, ...options }), context);
}

/** A file in memory that keeps what was written to it where the test can look at it. */
export function memoryFile(bytes: Uint8Array, readOnly = false): MemoryNode {
  return new MemoryNode("file", readOnly, bytes);
}

/** A byte of the backing file; never zero. */
export function patternAt(offset: number): number {
  return 1 + ((offset + Math.floor(offset / 512) * 29) % 251);
}

/** A backing file of any size that takes no memory. */
class PatternNode implements BlockNode {
  readonly driver = "pattern";
  readonly readOnly = true;
  readonly children: readonly Child[] = [];
  readonly info: NodeInfo = {};
  readonly name: string;
  readonly size: number;

  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    for (let at = 0; at < target.length; at++) target[at] = patternAt(offset + at);
  }

  async extentAt(offset: number, length: number): Promise<Extent> {
    return { offset, length, state: "data", compressed: false, hostOffset: offset };
  }

  write = refuse;
  writeZeroes = refuse;
  discard = refuse;
  resize = refuse;
  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}

function refuse(): Promise<never> {
  return Promise.reject(new Error("the backing file must not be changed"));
}
