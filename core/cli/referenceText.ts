// How `refs` writes ranges, references and their numbers.
import { hex } from "../base/bytes.ts";
import { mostCounted } from "../block/clusterMarks.ts";
import type { ByteRange, Reference } from "../block/structure.ts";

/** "0x50000+65536". */
export function rangeText({ offset, length }: ByteRange): string {
  return `${hex(offset)}+${length}`;
}

/** "L1[0] -> L2[5] at 0x40028, guest 0x50000+65536". */
export function referenceText({ by, offset, guest }: Reference): string {
  const range = guest === undefined ? "" : `, guest ${rangeText(guest)}`;
  return `${by} at ${hex(offset)}${range}`;
}

/** Of references, which are counted so far only. */
export function countedText(counted: number): string {
  return counted === mostCounted ? `${mostCounted} or more` : String(counted);
}
