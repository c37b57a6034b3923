// The calm line about an image that was not closed cleanly.
import { useState } from "react";
import { CloseIcon, InfoIcon } from "../../widgets/icons.ts";
import { dirtyText } from "../compare/wording.ts";
import styles from "./hex.module.css";

export function DirtyNotice({ name }: { name: string }) {
  const [shown, setShown] = useState(true);
  if (!shown) return null;
  return (
    <div className={styles.notice} role="note">
      <InfoIcon size={16} aria-hidden />
      <p className="selectable">{dirtyText(name)}</p>
      <button
        type="button"
        className="button quiet icon"
        aria-label="Dismiss"
        title="Dismiss"
        onClick={() => setShown(false)}
      >
        <CloseIcon size={14} aria-hidden />
      </button>
    </div>
  );
}
