// A line between toolbar and panes: something to know about this comparison, with what can be done about it.
import type { ReactNode } from "react";
import { CloseIcon, ErrorIcon, InfoIcon, OkIcon, WarningIcon } from "../../widgets/icons.ts";
import styles from "./compare.module.css";

const icons = { info: InfoIcon, ok: OkIcon, warning: WarningIcon, error: ErrorIcon } as const;

interface NoticeProps {
  readonly tone: keyof typeof icons;
  readonly children: ReactNode;
  /** Buttons. */
  readonly actions?: ReactNode;
  onDismiss?(): void;
}

export function Notice({ tone, children, actions, onDismiss }: NoticeProps) {
  const Icon = icons[tone];
  return (
    <div className={styles.notice} data-tone={tone} role={tone === "error" ? "alert" : "note"}>
      <Icon size={16} aria-hidden />
      <p className="selectable">{children}</p>
      {actions}
      {onDismiss && (
        <button
          type="button"
          className="button quiet icon"
          aria-label="Dismiss"
          title="Dismiss"
          onClick={onDismiss}
        >
          <CloseIcon size={14} aria-hidden />
        </button>
      )}
    </div>
  );
}
