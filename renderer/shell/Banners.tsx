// Messages about the whole app, above the active view: the session that was lost, a request that was refused.
import type { ReactNode } from "react";
import { useApp } from "../store/app.ts";
import { CloseIcon, WarningIcon } from "../widgets/icons.ts";
import styles from "./Banners.module.css";

export function Banners() {
  const lost = useApp((state) => state.lost);
  const refusal = useApp((state) => state.refusal);
  const { dismissLost, refuse } = useApp.getState();
  return (
    <>
      {lost && (
        <Banner onDismiss={dismissLost}>
          The part of Blkscope that reads images stopped and was started again. Open images were opened again;
          nothing was changed. Reason: {lost.message}.
        </Banner>
      )}
      {refusal !== undefined && <Banner onDismiss={() => refuse(undefined)}>{refusal}</Banner>}
    </>
  );
}

function Banner({ children, onDismiss }: { children: ReactNode; onDismiss(): void }) {
  return (
    <div className={styles.banner} role="status">
      <WarningIcon size={16} aria-hidden />
      <p className="selectable">{children}</p>
      <button
        type="button"
        className="button quiet icon"
        aria-label="Dismiss"
        title="Dismiss"
        onClick={onDismiss}
      >
        <CloseIcon size={14} aria-hidden />
      </button>
    </div>
  );
}
