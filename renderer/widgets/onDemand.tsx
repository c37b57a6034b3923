// A component fetched when first needed. Not React's lazy with Suspense: that holds back what was loaded for up
// to 300 ms after it showed a fallback, which swallows the first keys typed into a field that was just opened.
import { type ComponentType, type ReactNode, useEffect, useState } from "react";

export interface OnDemand<P> {
  /** Draws the component, or `fallback` until it is there. A failed fetch is thrown for the boundary above. */
  readonly Component: ComponentType<P & { readonly fallback?: ReactNode }>;
  /** Fetches it ahead. Never rejects: the failure shows when the component is drawn. */
  warm(): Promise<void>;
}

type Loaded<P> = { readonly is: ComponentType<P> } | { readonly failed: unknown };

export function onDemand<P extends object>(fetch: () => Promise<ComponentType<P>>): OnDemand<P> {
  let loaded: Loaded<P> | undefined;
  let fetching: Promise<void> | undefined;
  const warm = () => {
    fetching ??= fetch().then(
      (is) => {
        loaded = { is };
      },
      (failed: unknown) => {
        loaded = { failed };
        // The next time it is drawn it is tried again.
        fetching = undefined;
      },
    );
    return fetching;
  };
  function Component({ fallback, ...props }: P & { readonly fallback?: ReactNode }) {
    const [now, setNow] = useState(loaded);
    useEffect(() => {
      if (now) return;
      let gone = false;
      void warm().then(() => {
        if (!gone) setNow(loaded);
      });
      return () => {
        gone = true;
      };
    }, [now]);
    if (!now) return fallback;
    if ("failed" in now) {
      loaded = undefined;
      throw now.failed;
    }
    return <now.is {...(props as unknown as P)} />;
  }
  return { Component, warm };
}
