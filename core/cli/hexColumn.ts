// How the map shows offsets and lengths in columns.

/** In C's "%#-16x", in which 0 has no prefix. */
export function hexColumn(value: number): string {
  return (value === 0 ? "0" : `0x${value.toString(16)}`).padEnd(16);
}
