// What can be chosen in a dialog while it is open.
import { useState } from "react";

/** All that was in the list since the dialog opened: what comes can be chosen, and what was chosen does not go. */
export function useSeen<T>(now: readonly T[], idOf: (item: T) => string): readonly T[] {
  const [seen, setSeen] = useState(now);
  const more = now.filter((item) => !seen.some((known) => idOf(known) === idOf(item)));
  if (more.length > 0) setSeen([...seen, ...more]);
  return seen.map((known) => now.find((item) => idOf(item) === idOf(known)) ?? known);
}
