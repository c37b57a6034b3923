// The lines over a timeline: the log has grown, was damaged, is counted otherwise than it is.
import { useState } from "react";
import { useStore } from "zustand";
import { toPlain } from "../../../core/base/errors.ts";
import { useImages } from "../../store/images.ts";
import { FileBanner } from "../../widgets/FileBanner.tsx";
import { bytes } from "../../widgets/format.ts";
import { Notice } from "../../widgets/Notice.tsx";
import { canRecover, isWall } from "./problems.ts";
import type { TimelineSession } from "./session.ts";
import { countsText } from "./wording.ts";

export function Notices({ session, token }: { session: TimelineSession; token: string }) {
  const { shown, following } = useStore(session.store);
  const state = session.job?.state;
  return (
    <>
      {following ? null : <Changed session={session} token={token} />}
      {shown !== undefined && state?.kind === "failed" && (
        <Notice tone="error">
          The log could not be read again: {state.error.message}. What shows is from before.
        </Notice>
      )}
      {shown !== undefined && <Counts session={session} />}
      {shown !== undefined && <Wall session={session} />}
    </>
  );
}

/** A log that only grew is read on; anything else is said as of every image. */
function Changed({ session, token }: { session: TimelineSession; token: string }) {
  const known = useImages(({ byToken }) => byToken[token]);
  const { shown } = useStore(session.store);
  const [failure, setFailure] = useState<string>();
  if (known?.kind !== "open" || known.disk.kind === "same") return null;
  if (shown === undefined || known.disk.kind !== "changed" || known.disk.sizeDelta < 0) {
    return <FileBanner token={token} />;
  }
  const { sizeDelta } = known.disk;
  const readOn = () => {
    setFailure(undefined);
    session.readOn().catch((error: unknown) => {
      const { message, context } = toPlain(error);
      setFailure(`${message}. ${context.hint ?? ""}`);
    });
  };
  return (
    <Notice
      tone="info"
      live
      actions={
        <>
          <button type="button" className="button" onClick={readOn}>
            Read on
          </button>
          <button type="button" className="button" onClick={() => session.follower.start()}>
            Follow it
          </button>
          {failure !== undefined && (
            <button type="button" className="button" onClick={() => session.rescan()}>
              Read again
            </button>
          )}
        </>
      }
    >
      {failure ??
        `${known.file.name} was written to${sizeDelta > 0 ? ` (+${bytes(sizeDelta)})` : ""}. These entries are from before.`}
    </Notice>
  );
}

/** The superblock's count and the real one. */
function Counts({ session }: { session: TimelineSession }) {
  const { shown, following } = useStore(session.store);
  const [dismissed, setDismissed] = useState<string>();
  const text = shown && countsText(shown.summary);
  // A log that is being written is always behind with its count.
  if (text === undefined || following || text === dismissed) return null;
  return (
    <Notice tone="info" onDismiss={() => setDismissed(text)}>
      {text}
    </Notice>
  );
}

function Wall({ session }: { session: TimelineSession }) {
  const { shown, recovering, nothingBehind } = useStore(session.store);
  if (shown === undefined || shown.summary.entries === 0) return null;
  const { end } = shown.summary;
  if (!isWall(end.kind)) return null;
  const isSearched = nothingBehind === shown.generation;
  const recover = canRecover(end.kind) && !isSearched && (
    <>
      {recovering && (
        <button type="button" className="button" onClick={() => session.cancel()}>
          Stop looking
        </button>
      )}
      <button
        type="button"
        className="button"
        disabled={recovering}
        onClick={() => void session.recover()}
        title="Tries every sector behind the damage for entries. What is found is likely, not sure."
      >
        {recovering ? "Looking…" : "Look for entries behind it"}
      </button>
    </>
  );
  return (
    <Notice tone="warning" actions={recover}>
      The log ends here: {end.message}.{isSearched && " No entries were found behind it."}
    </Notice>
  );
}
