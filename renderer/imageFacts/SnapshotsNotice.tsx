// Says that an image that was just opened has snapshots inside, and offers them.
import { useState } from "react";
import type { OpenedImage } from "../../electron/ipc/contract.ts";
import { useView } from "../store/view.ts";
import { count } from "../widgets/format.ts";
import { Notice } from "../widgets/Notice.tsx";
import { noSnapshotsWhy } from "./snapshots.ts";

/** Files whose offer was put away, for this run of the app. */
const dismissed = new Set<string>();

export function SnapshotsNotice({ image }: { image: OpenedImage }) {
  const { token, name } = image.file;
  const [shown, setShown] = useState(() => !dismissed.has(token));
  if (!shown || noSnapshotsWhy(image) !== undefined) return null;
  const dismiss = () => {
    dismissed.add(token);
    setShown(false);
  };
  const choose = () => useView.getState().show({ kind: "snapshots", token });
  const snapshots = count(image.info.snapshots?.length ?? 0, "snapshot");
  return (
    <Notice
      tone="info"
      onDismiss={dismiss}
      actions={
        <button type="button" className="button" onClick={choose}>
          Choose a snapshot…
        </button>
      }
    >
      {name} has {snapshots} inside. Its disk is shown as it is now; any of them can be opened beside it,
      read-only.
    </Notice>
  );
}
