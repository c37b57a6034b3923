// Says over a canvas what of it can't be shown, and offers to try again.
import styles from "./canvas.module.css";
import { WarningIcon } from "./icons.ts";
import { RetryButton } from "./RetryButton.tsx";

export function CanvasTrouble({ text, onRetry }: { text: string; onRetry: () => void }) {
  return (
    <p className={styles.trouble} role="status">
      <WarningIcon size={14} aria-hidden />
      <span className="selectable">{text}</span>
      <RetryButton onRetry={onRetry} />
    </p>
  );
}
