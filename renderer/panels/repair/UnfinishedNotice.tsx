// The banner of an image beside which lies the journal of a repair that was cut off, by a crash or by the person: the
// way to finish it or take it back. What lies there is looked at again each time the image is opened.
import { useEffect, useState } from "react";
import type { OpenedImage, UnfinishedRepair } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { journalTab, useView } from "../../store/view.ts";
import { Notice } from "../../widgets/Notice.tsx";
import { sentence, unfinishedText } from "./wording.ts";

export function UnfinishedNotice({ image }: { image: OpenedImage }) {
  const found = useUnfinished(image.image);
  if (!found) return null;
  const show = () => useView.getState().openTab(journalTab(found.file));
  if (found.error) {
    return (
      <Notice
        tone="warning"
        actions={
          <button type="button" className="button" onClick={show}>
            Show the journal
          </button>
        }
      >
        Beside {image.file.name} lies {found.file.name}, an undo journal that can't be used:{" "}
        {sentence(found.error.message)}
      </Notice>
    );
  }
  return (
    <Notice
      tone="warning"
      live
      actions={
        <button type="button" className="button" onClick={show}>
          Finish or take back…
        </button>
      }
    >
      {unfinishedText(found.facts, image.file.name)}
    </Notice>
  );
}

/** Undefined while it is asked for, where there is none, and where it can't be said. */
function useUnfinished(image: number): UnfinishedRepair | undefined {
  const [found, setFound] = useState<UnfinishedRepair>();
  useEffect(() => {
    let gone = false;
    setFound(undefined);
    call("repair:unfinished", { image }).then(
      (answer) => !gone && setFound(answer),
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [image]);
  return found;
}
