// A card of the inspector whose answer is awaited, or failed.
import type { ReactNode } from "react";
import type { PlainError } from "../../core/base/errors.ts";
import styles from "./Inspector.module.css";

/** The last answer keeps its room unseen, so that nothing below jumps while the caret moves. */
export function Waiting({ children }: { children: ReactNode }) {
  return (
    <div className={styles.loading} aria-busy>
      <p>Looking it up…</p>
      <div className={styles.room} aria-hidden inert>
        {children}
      </div>
    </div>
  );
}

export function Failed({
  what,
  error,
  onRetry,
}: {
  readonly what: string;
  readonly error: PlainError;
  onRetry(): void;
}) {
  const { message, context } = error;
  return (
    <div className={styles.failed} role="status">
      <p className="selectable">
        <b>{what}:</b> {message}
        {context.hint && `. ${context.hint}`}
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Retry
      </button>
    </div>
  );
}
