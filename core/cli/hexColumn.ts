// How the map shows offsets and lengths in columns.
import { hexIndex } from "../base/bytes.ts";

/** In C's "%#-16x", in which 0 has no prefix. */
export function hexColumn(value: number): string {
  return hexIndex(value).padEnd(16);
}
