// Makes a component that paints by itself paint again when colours or fonts change.
import { useSyncExternalStore } from "react";
import { onThemeChange, theme } from "./theme.ts";

export function useThemeVersion(): number {
  return useSyncExternalStore(onThemeChange, () => theme().version);
}
