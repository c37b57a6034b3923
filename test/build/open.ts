// Opening images in tests: the graph is closed when the running test ends, and what must fail is an error to look at.
import { onTestFinished } from "vitest";
import { BlockError } from "../../core/base/errors.ts";
import type { ImageSpec } from "../../core/block/driver.ts";
import type { BlockNode } from "../../core/block/node.ts";
import { type Graph, imageSpecForPath, type OpenOptions, openGraph } from "../../core/graph.ts";

export async function openForTest(spec: ImageSpec, options?: OpenOptions): Promise<Graph> {
  const graph = await openGraph(spec, options);
  onTestFinished(() => graph.close());
  return graph;
}

export async function openPath(filename: string, options?: OpenOptions): Promise<BlockNode> {
  return (await openForTest(imageSpecForPath(filename), options)).root;
}

/** An image whose file is in memory; the format is probed unless given. */
export async function openBytes(bytes: Uint8Array, format?: string): Promise<BlockNode> {
  const options = format === undefined ? {} : { format };
  return (await openForTest({ file: { driver: "memory", bytes } }, options)).root;
}

export async function readAll(node: BlockNode): Promise<Uint8Array> {
  return readRange(node, 0, node.size);
}

export async function readRange(node: BlockNode, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length).fill(0xee);
  await node.read(offset, bytes);
  return bytes;
}

/** The BlockError with which something fails; anything else fails the test. */
export async function failureOf(something: Promise<unknown>): Promise<BlockError> {
  const outcome = await something.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof BlockError) return outcome;
  throw new Error(`expected a BlockError, got ${outcome === undefined ? "success" : String(outcome)}`, {
    cause: outcome,
  });
}

/** All bytes equal to `value`. */
export function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** Compares long arrays without a diff of megabytes: undefined when equal, else where they differ first. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) return undefined;
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) if (a[at] !== b[at]) return at;
  return shorter;
}
