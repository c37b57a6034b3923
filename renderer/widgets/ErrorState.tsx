// A view that cannot show its image: what happened, why, what to do, and the details for a report.
import { useState } from "react";
import type { PlainError } from "../../core/base/errors.ts";
import { call } from "../api.ts";
import { ErrorIcon } from "./icons.ts";
import styles from "./States.module.css";

interface ErrorStateProps {
  /** "Can't open disk.qed". */
  readonly title: string;
  readonly error: PlainError;
  onRetry(): void;
  /** Offered when a backing file waits for the person's word. */
  onTrustBacking?(): void;
  /** Offered when the file can be read but its format can't. */
  onOpenAsRaw?(): void;
}

export function ErrorState({ title, error, onRetry, onTrustBacking, onOpenAsRaw }: ErrorStateProps) {
  const { message, context } = error;
  const rawHelps = onOpenAsRaw !== undefined && readableAsRaw(error);
  return (
    <div className={styles.error} role="alert">
      <h2>
        <ErrorIcon size={20} aria-hidden /> {title}
      </h2>
      <p className="selectable">{sentence(message)}</p>
      {context.consent === "backing" && <p className="mono selectable">{context.path}</p>}
      {context.hint && <p className="selectable">{sentence(context.hint)}</p>}
      {rawHelps && (
        <p className={styles.muted}>The file itself can be read: as raw bytes, without its format.</p>
      )}
      <div className={styles.actions}>
        <button type="button" className="button primary" onClick={onRetry}>
          Retry
        </button>
        {context.consent === "backing" && onTrustBacking && (
          <button type="button" className="button" onClick={onTrustBacking}>
            Open with its backing file
          </button>
        )}
        {rawHelps && (
          <button type="button" className="button" onClick={onOpenAsRaw}>
            Open as raw bytes
          </button>
        )}
        <CopyDetails text={detailsText(title, error)} />
      </div>
      <details className={styles.details}>
        <summary>Details</summary>
        <pre className="mono selectable">{detailsText(title, error)}</pre>
      </details>
    </div>
  );
}

function CopyDetails({ text }: { text: string }) {
  const [state, setState] = useState<"ready" | "copied" | "failed">("ready");
  const copy = () =>
    call("clipboard:write", text).then(
      () => setState("copied"),
      () => setState("failed"),
    );
  const label = { ready: "Copy details", copied: "Copied", failed: "Can't copy; try again" }[state];
  return (
    <button type="button" className="button" onClick={() => void copy()}>
      {label}
    </button>
  );
}

/** Whether the container's bytes can be looked at although the image can't be opened as what it is. */
function readableAsRaw({ code, message }: PlainError): boolean {
  if (code === "ECORRUPT" || code === "ENOTSUP" || code === "EFBIG") return true;
  // The image itself was read; a file it names was not.
  return /backing file/i.test(message);
}

/** Everything known, for a bug report. */
export function detailsText(title: string, { code, message, context, details }: PlainError): string {
  const facts = Object.entries(context)
    .filter(([key]) => key !== "hint")
    .map(([key, value]) => `${key}: ${value}`);
  return [title, `${code}: ${message}`, ...facts, ...details.map((cause) => `cause: ${cause}`)].join("\n");
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
