// The banner over every view of an image beside which lies the journal of a repair that was cut off, by a crash or by the
// person, or never begun: how far it came, and the way to go on.
import type { ReactNode } from "react";
import type { OpenedImage, UnfinishedRepair } from "../../../electron/ipc/contract.ts";
import { journalTab, useView } from "../../store/view.ts";
import { Notice } from "../../widgets/Notice.tsx";
import { unfinishedText } from "./journalWording.ts";
import { useUnfinished } from "./unfinished.ts";
import { sentence } from "./wording.ts";

interface UnfinishedNoticeProps {
  readonly image: OpenedImage;
  /** Shown where nothing of such a repair is in it: of an image between two states, "nothing has been changed" is wrong. */
  readonly children?: ReactNode;
}

export function UnfinishedNotice({ image, children }: UnfinishedNoticeProps) {
  const answer = useUnfinished(image.image);
  if (answer === undefined) return null;
  const { found } = answer;
  if (!found) return children;
  const isUnchanged = found.facts?.state === "planned";
  return (
    <>
      <FoundNotice image={image} found={found} />
      {isUnchanged && children}
    </>
  );
}

function FoundNotice({ image: { file }, found }: { image: OpenedImage; found: UnfinishedRepair }) {
  const show = () => useView.getState().openTab(journalTab(found.file, file));
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
        Beside {file.name} lies {found.file.name}, an undo journal that can't be used:{" "}
        {sentence(found.error.message)}
      </Notice>
    );
  }
  const isPlanned = found.facts.state === "planned";
  return (
    <Notice
      tone={isPlanned ? "info" : "warning"}
      live
      actions={
        <button type="button" className="button" onClick={show}>
          {found.facts.refusal
            ? "Show the journal"
            : isPlanned
              ? "Begin or put aside…"
              : "Finish or take back…"}
        </button>
      }
    >
      {unfinishedText(found.facts, file.name)}
    </Notice>
  );
}
