// Names of backing files as they are to be stored in an image, seen from here: relative ones lie beside the image.
import { protocolOf } from "../spec.ts";

/** Not normalised, so that a person recognises it in messages. */
export function backingSeenFromHere(image: string, backing: string): string {
  if (backing.startsWith("/") || protocolOf(backing) !== undefined) return backing;
  const plain = image.startsWith("file:") ? image.slice(5) : image;
  const joined = plain.slice(0, plain.lastIndexOf("/") + 1) + backing;
  return protocolOf(joined) === undefined ? joined : `./${joined}`;
}
