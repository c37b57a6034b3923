// Says why the guest's bytes of an encrypted image can't be shown, and what can.
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { Notice } from "../widgets/Notice.tsx";
import { encryptedText } from "./facts.ts";

interface EncryptedNoticeProps {
  readonly image: OpenedImage;
  /** Turns to the container file. */
  onShowFile(): void;
}

export function EncryptedNotice({ image, onShowFile }: EncryptedNoticeProps) {
  return (
    <Notice
      tone="info"
      actions={
        <button type="button" className="button" onClick={onShowFile}>
          Show the file
        </button>
      }
    >
      {encryptedText(image)} Its file, tables, map and check need no key.
    </Notice>
  );
}
