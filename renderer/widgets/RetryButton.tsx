// Beside what could not be read: asks for it once more.
import styles from "./RetryButton.module.css";

export function RetryButton({ onRetry }: { onRetry: () => void }) {
  return (
    <button type="button" className={styles.retry} onClick={onRetry}>
      Retry
    </button>
  );
}
