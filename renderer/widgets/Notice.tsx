// A line over a view: something to know about it, with what can be done about it. Errors are announced at once,
// what happens while the person works is announced politely (`live`), the rest is only there to be read.
import type { ReactNode } from "react";
import { CloseIcon, ErrorIcon, InfoIcon, OkIcon, WarningIcon } from "./icons.ts";
import styles from "./Notice.module.css";

const icons = { info: InfoIcon, ok: OkIcon, warning: WarningIcon, error: ErrorIcon } as const;

interface NoticeProps {
  readonly tone: keyof typeof icons;
  readonly children: ReactNode;
  /** Buttons. */
  readonly actions?: ReactNode;
  readonly live?: boolean;
  onDismiss?(): void;
}

export function Notice({ tone, children, actions, live = false, onDismiss }: NoticeProps) {
  const Icon = icons[tone];
  return (
    <div
      className={styles.notice}
      data-tone={tone}
      role={tone === "error" ? "alert" : live ? "status" : "note"}
    >
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
