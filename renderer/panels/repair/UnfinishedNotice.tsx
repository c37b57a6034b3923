// The banner of an image beside which lies the journal of a repair that was cut off, by a crash or by the person: the
// way to finish it or take it back. What lies there is looked at again each time the image is opened.
import { type ReactNode, useEffect, useState } from "react";
import type { OpenedImage, UnfinishedRepair } from "../../../electron/ipc/contract.ts";
import { call } from "../../api.ts";
import { journalTab, useView } from "../../store/view.ts";
import { Notice } from "../../widgets/Notice.tsx";
import { sentence, unfinishedText } from "./wording.ts";

interface UnfinishedNoticeProps {
  readonly image: OpenedImage;
  /** Shown where no such repair lies beside it: of an image between two states, "nothing has been changed" is wrong. */
  readonly children?: ReactNode;
}

export function UnfinishedNotice({ image, children }: UnfinishedNoticeProps) {
  const answer = useUnfinished(image.image);
  if (answer === undefined) return null;
  const { found } = answer;
  if (!found) return children;
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

interface Answer {
  /** Undefined where there is none, and where it can't be said. */
  readonly found: UnfinishedRepair | undefined;
}

/** Undefined while it is asked for. */
function useUnfinished(image: number): Answer | undefined {
  const [answer, setAnswer] = useState<Answer>();
  useEffect(() => {
    let gone = false;
    setAnswer(undefined);
    call("repair:unfinished", { image }).then(
      (found) => !gone && setAnswer({ found }),
      () => !gone && setAnswer({ found: undefined }),
    );
    return () => {
      gone = true;
    };
  }, [image]);
  return answer;
}
