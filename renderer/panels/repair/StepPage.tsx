// The frame of every step: its heading, which has the focus when the step was gone to, its content, and its buttons.
import { type ReactNode, useEffect, useRef } from "react";
import styles from "./repair.module.css";

interface StepPageProps {
  readonly title: string;
  readonly children: ReactNode;
  /** Buttons, the one that leads on last. */
  readonly actions?: ReactNode;
  /** A line beside the buttons. */
  readonly note?: ReactNode;
  /** Changes when the page becomes another under the same title: a button that had the focus is gone then. */
  readonly phase?: string;
  /** The content divides the height itself. */
  readonly fills?: boolean;
}

export function StepPage({ title, children, actions, note, phase, fills = false }: StepPageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const place = `${title} ${phase}`;
  const shown = useRef<string>(undefined);
  useEffect(() => {
    const isNew = shown.current === undefined;
    shown.current = place;
    // What the person works with is not taken away.
    if (isNew || document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, [place]);
  return (
    <section className={styles.page} aria-label={title} data-pane="step">
      <h2 ref={heading} tabIndex={-1} className={styles.title}>
        {title}
      </h2>
      {fills ? (
        <div className={styles.filled}>{children}</div>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it.
        <div className={styles.content} tabIndex={0}>
          {children}
        </div>
      )}
      {(actions || note) && (
        <footer className={styles.footer}>
          <div className={styles.note}>{note}</div>
          {actions}
        </footer>
      )}
    </section>
  );
}
