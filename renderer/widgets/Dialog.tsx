// The frame of every modal dialog: title, content, focus kept inside, Esc and a click outside close it.
import { type ReactNode, useEffect, useState } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useView } from "../store/view.ts";
import styles from "./Dialog.module.css";

interface DialogProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly width?: number;
  /** What Esc and a click outside do. Default: only close it. */
  readonly onClose?: () => void;
}

export const closeOverlay = (): void => useView.getState().show(undefined);

export function Dialog({ title, children, width = 460, onClose = closeOverlay }: DialogProps) {
  useOwnOverlay();
  return (
    <ModalOverlay
      className={styles.scrim ?? ""}
      isOpen
      isDismissable
      onOpenChange={(open) => !open && onClose()}
    >
      <Modal className={styles.modal ?? ""} style={{ width: `min(${width}px, 100vw - 48px)` }}>
        <AriaDialog className={styles.dialog ?? ""}>
          <Heading slot="title" level={2} className={styles.title ?? ""}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** A dialog whose panel goes takes its overlay with it: what is not drawn must not keep the keys from all else. */
function useOwnOverlay(): void {
  const [own] = useState(() => useView.getState().overlay);
  useEffect(
    () => () => {
      if (useView.getState().overlay === own) closeOverlay();
    },
    [own],
  );
}

/** The row of buttons at a dialog's foot, the main one last. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}
