// Shows the active tab's panel, loaded when first needed. A panel that fails is replaced by the reason; tabs,
// menus and the other panels keep working.
import { Component, type ErrorInfo, type ReactNode, useEffect, useRef } from "react";
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import { panels } from "../panels/index.ts";
import type { Tab } from "../store/view.ts";
import { ErrorState } from "../widgets/ErrorState.tsx";
import styles from "./PanelHost.module.css";

export const tabId = (id: string) => `tab-${id}`;
export const panelId = (id: string) => `panel-${id}`;

const skeleton = <div className={styles.skeleton} aria-busy="true" />;

/** Mount it with the tab's id as its key: each tab is a panel of its own. */
export function PanelHost({ tab }: { tab: Tab }) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => (panel.current ? keepFocus(panel.current) : undefined), []);
  return (
    <section
      ref={panel}
      className={styles.panel}
      id={panelId(tab.id)}
      role="tabpanel"
      aria-labelledby={tabId(tab.id)}
    >
      <PanelBoundary>
        <PanelOf tab={tab} />
      </PanelBoundary>
    </section>
  );
}

function PanelOf({ tab }: { tab: Tab }) {
  switch (tab.kind) {
    case "hex":
      return <panels.hex.Component tab={tab} fallback={skeleton} />;
    case "compare":
      return <panels.compare.Component tab={tab} fallback={skeleton} />;
    case "map":
      return <panels.map.Component tab={tab} fallback={skeleton} />;
    case "timeline":
      return <panels.timeline.Component tab={tab} fallback={skeleton} />;
    case "votes":
      return <panels.votes.Component tab={tab} fallback={skeleton} />;
    case "repair":
      return <panels.repair.Component tab={tab} fallback={skeleton} />;
    case "journal":
      return <panels.journal.Component tab={tab} fallback={skeleton} />;
  }
}

/** How long a new panel may take to load before the focus is left where it is. */
const focusWithinMs = 5000;
const grids =
  '[data-context="grid"][tabindex="0"], [role="grid"][tabindex="0"], [role="grid"] [tabindex="0"]';

/**
 * Gives the focus to a new panel, and again whenever what had it in the panel is gone: a button that was pressed and
 * went away, bytes that are opened again. It goes to the panel's first grid, else to what an error offers to do, as
 * soon as either is there, unless something else took the focus meanwhile. Returns the way to stop.
 */
function keepFocus(panel: HTMLElement): () => void {
  /** What had the focus in the panel last, and the pane it was in; undefined: it was elsewhere. */
  let last: { readonly element: Element; readonly pane: string | undefined } | undefined;
  let isNew = true;
  const newTimer = setTimeout(() => {
    isNew = false;
  }, focusWithinMs);
  let soon: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    soon = undefined;
    const { activeElement } = document;
    if (activeElement !== null && activeElement !== document.body) {
      isNew = false;
      return;
    }
    // A press beside everything that takes the focus takes it from what is still there: no reason to give it back.
    if (!isNew && (last === undefined || last.element.isConnected)) return;
    const own = last?.pane === undefined ? null : panel.querySelector(`[data-pane="${last.pane}"]`);
    const target =
      own?.querySelector<HTMLElement>(grids) ??
      panel.querySelector<HTMLElement>(grids) ??
      panel.querySelector<HTMLElement>('[role="alert"] button');
    target?.focus({ preventScroll: true });
  };
  // After views that place the focus themselves have done so.
  const lookSoon = () => {
    soon ??= setTimeout(look, 0);
  };
  const onFocus = ({ target }: FocusEvent) => {
    isNew = false;
    last =
      target instanceof HTMLElement && panel.contains(target)
        ? { element: target, pane: target.closest<HTMLElement>("[data-pane]")?.dataset.pane }
        : undefined;
  };
  const observer = new MutationObserver(lookSoon);
  observer.observe(panel, { childList: true, subtree: true });
  document.addEventListener("focusin", onFocus);
  look();
  return () => {
    observer.disconnect();
    document.removeEventListener("focusin", onFocus);
    clearTimeout(newTimer);
    clearTimeout(soon);
  };
}

interface BoundaryState {
  readonly error: unknown;
  readonly failed: boolean;
}

/** Catches what a panel throws while drawing. */
export class PanelBoundary extends Component<{ children: ReactNode }, BoundaryState> {
  override state: BoundaryState = { error: undefined, failed: false };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { error, failed: true };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error(error, info.componentStack);
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    const retry = () => this.setState({ error: undefined, failed: false });
    return (
      <ErrorState title="This view stopped working" error={ownFault(this.state.error)} onRetry={retry} />
    );
  }
}

/** An error of ours as the error view takes it: what it means for the person, and the stack for a report. */
function ownFault(error: unknown): PlainError {
  const { message, details } = toPlain(error);
  const stack = error instanceof Error && error.stack !== undefined ? [error.stack] : [];
  return {
    code: "EIO",
    message: `An error in Blkscope itself: ${message}`,
    context: { hint: "No image was changed. Other tabs still work. Try this one again, or close it." },
    details: [...details, ...stack],
  };
}
