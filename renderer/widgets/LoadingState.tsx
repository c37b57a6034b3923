// A view whose image is still opening: a skeleton of rows at once, words and a spinner only after 300 ms, so
// that what opens quickly does not flicker.
import { useEffect, useState } from "react";
import styles from "./States.module.css";

const spinnerAfterMs = 300;
const skeletonRows = 14;

export function LoadingState({ label }: { label: string }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), spinnerAfterMs);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={styles.loading} aria-busy="true">
      <div className={styles.skeleton} aria-hidden>
        {Array.from({ length: skeletonRows }, (_, row) => (
          <span key={row} />
        ))}
      </div>
      <p className={styles.label} role="status">
        {slow && (
          <>
            <span className={styles.spinner} aria-hidden />
            {label}…
          </>
        )}
      </p>
    </div>
  );
}
