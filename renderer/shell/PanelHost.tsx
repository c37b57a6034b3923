// Shows the active tab's panel, loaded when first needed. A panel that fails is replaced by the reason; tabs,
// menus and the other panels keep working.
import { Component, type ErrorInfo, type ReactNode, useEffect, useRef } from "react";
import { type PlainError, toPlain } from "../../core/base/errors.ts";
import { panels } from "../panels/index.ts";
import type { Tab } from "../store/view.ts";
import { ErrorState } from "../widgets/ErrorState.tsx";
import styles from "./PanelHost.module.css";
import { keepFocus } from "./panelFocus.ts";

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
