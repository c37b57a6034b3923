// How far a list is scrolled for its active row to be in sight. Pure.

/** Pixels, as in the list's style sheet. */
export const rowHeight = 24;
const headerHeight = 26;

/**
 * Where a list has to be scrolled to, pixels, for a row to be wholly in sight: no further than needed. The header covers
 * the top of the list, a scrollbar sideways the bottom: `clientHeight` is without it.
 */
export function scrollTopFor(
  row: number,
  list: { readonly scrollTop: number; readonly clientHeight: number },
): number {
  const top = row * rowHeight;
  const room = Math.max(rowHeight, list.clientHeight - headerHeight);
  if (top < list.scrollTop) return top;
  return Math.max(list.scrollTop, top + rowHeight - room);
}
