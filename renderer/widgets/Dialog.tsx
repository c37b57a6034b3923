// The frame of every modal dialog: title, content, focus kept inside, Esc and a click outside close it.
import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useView } from "../store/view.ts";
import styles from "./Dialog.module.css";

interface DialogProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly width?: number;
}

export const closeOverlay = (): void => useView.getState().show(undefined);

export function Dialog({ title, children, width = 460 }: DialogProps) {
  return (
    <ModalOverlay
      className={styles.scrim ?? ""}
      isOpen
      isDismissable
      onOpenChange={(open) => !open && closeOverlay()}
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

/** The row of buttons at a dialog's foot, the main one last. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}
