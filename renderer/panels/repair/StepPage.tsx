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
  /** The content divides the height itself. */
  readonly fills?: boolean;
}

export function StepPage({ title, children, actions, note, fills = false }: StepPageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <section className={styles.page} aria-label={title} data-pane="step">
      <h2 ref={heading} tabIndex={-1} className={styles.title}>
        {title}
      </h2>
      {fills ? (
        <div className={styles.filled}>{children}</div>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard has to reach it.
        <section className={styles.content} aria-label={`${title}, in full`} tabIndex={0}>
          {children}
        </section>
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
