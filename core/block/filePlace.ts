// Where an image's data lie in a file as they are, for who reads them by the file's descriptor: in another thread, or in
// this one without the nodes' own ways.
import { type ChainExtent, childOf, storageOf } from "./extents.ts";
import type { BlockNode } from "./node.ts";

/** The bytes from `offset` on of the open file with that descriptor. */
export interface FilePlace {
  readonly fd: number;
  readonly offset: number;
}

/** Descriptors of the files that the layers of an image read their data from; undefined where a layer has to be asked. */
export type LayerFiles = readonly (number | undefined)[];

export function filesOf(top: BlockNode): LayerFiles {
  const files: (number | undefined)[] = [];
  for (let layer: BlockNode | undefined = top; layer !== undefined; layer = childOf(layer, "backing")) {
    files.push(layer.readsInPlace === true ? storageOf(layer)?.descriptor : undefined);
  }
  return files;
}

/** Of an extent that is data; undefined where they do not lie in a file as they are. */
export function placeOf(
  files: LayerFiles,
  { depth, compressed, hostOffset }: Pick<ChainExtent, "depth" | "compressed" | "hostOffset">,
): FilePlace | undefined {
  const fd = files[depth];
  return compressed || hostOffset === undefined || fd === undefined ? undefined : { fd, offset: hostOffset };
}

/** So much further on. */
export function behind(place: FilePlace | undefined, bytes: number): FilePlace | undefined {
  return place && { fd: place.fd, offset: place.offset + bytes };
}
