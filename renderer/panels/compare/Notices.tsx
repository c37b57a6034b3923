// What a person should know about this pair, between toolbar and panes: files that changed, how the scan ended,
// sizes that differ, an image that was not closed cleanly.
import { useState } from "react";
import type { PlainError } from "../../../core/base/errors.ts";
import { call } from "../../api.ts";
import { runCommand } from "../../commands/registry.ts";
import { encryptedText } from "../../imageFacts/facts.ts";
import type { ImageState } from "../../store/images.ts";
import { detailsText } from "../../widgets/ErrorState.tsx";
import { FileBanner } from "../../widgets/FileBanner.tsx";
import { Notice } from "../../widgets/Notice.tsx";
import { UnfinishedNotice } from "../repair/UnfinishedNotice.tsx";
import { useUnfinished } from "../repair/unfinished.ts";
import type { Scan } from "./scan.ts";
import type { CompareSession } from "./session.ts";
import { corruptText, cutText, dirtyText, outcomeText, sizeText } from "./wording.ts";

type OpenState = Extract<ImageState, { kind: "open" }>;

interface NoticesProps {
  readonly session: CompareSession;
  readonly scan: Scan;
  readonly a: OpenState;
  readonly b: OpenState;
  readonly stale: boolean;
  /** The list says how the scan ended; without it, a line does. */
  readonly listShown: boolean;
}

export function Notices({ session, scan, a, b, stale, listShown }: NoticesProps) {
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  const dismiss = (text: string) => () => setDismissed(new Set([...dismissed, text]));
  const between = useBetween(a.image.image, b.image.image);
  const infos = [
    sizeText(a.image.size, b.image.size),
    ...[a, b]
      .filter(({ image }) => !between.has(image.image))
      .flatMap(({ file, image: { info, fileSize } }) => [
        ...(info.dirty ? [dirtyText(file.name)] : []),
        ...(info.corrupt ? [corruptText(file.name)] : []),
        ...(info.usedEnd === undefined ? [] : [cutText(file.name, fileSize, info.usedEnd)]),
      ]),
    ...[a, b].filter(({ image }) => image.info.encrypted).map(({ image }) => encryptedText(image)),
  ].filter((text) => text !== undefined);
  const kept = stale && a.disk.kind === "same" && b.disk.kind === "same";
  return (
    <>
      <FileBanner token={a.file.token} />
      <FileBanner token={b.file.token} />
      <UnfinishedNotice image={a.image} />
      <UnfinishedNotice image={b.image} />
      {kept && (
        <Notice tone="warning" actions={<RescanButton />}>
          These results are from before a file changed on disk.
        </Notice>
      )}
      {scan.kind === "failed" && <ScanFailure error={scan.error} />}
      {scan.kind === "ended" && (scan.cancelled || !listShown) && (
        <Outcome scan={scan} session={session} dismissed={dismissed} dismiss={dismiss} />
      )}
      {infos
        .filter((text) => !dismissed.has(text))
        .map((text) => (
          <Notice key={text} tone="info" onDismiss={dismiss(text)}>
            {text}
          </Notice>
        ))}
    </>
  );
}

/** Images between the two states of a repair that was cut off: "nothing has been changed" is wrong of them. */
function useBetween(a: number, b: number): ReadonlySet<number> {
  const [foundA, foundB] = [useUnfinished(a)?.found, useUnfinished(b)?.found];
  const isBetween = (found: typeof foundA) => found !== undefined && found.facts?.state !== "planned";
  return new Set([...(isBetween(foundA) ? [a] : []), ...(isBetween(foundB) ? [b] : [])]);
}

function RescanButton() {
  return (
    <button type="button" className="button" onClick={() => runCommand("compare.rescan")}>
      Rescan
    </button>
  );
}

interface OutcomeProps {
  readonly scan: Extract<Scan, { kind: "ended" }>;
  readonly session: CompareSession;
  readonly dismissed: ReadonlySet<string>;
  dismiss(text: string): () => void;
}

/** How the scan ended: cancelled, nothing found, or found. */
function Outcome({ scan, session, dismissed, dismiss }: OutcomeProps) {
  const text = outcomeText({ ...scan, ...scan.totals });
  if (dismissed.has(text)) return null;
  if (scan.cancelled) {
    const resume = (
      <button type="button" className="button" onClick={() => session.resume()}>
        Resume
      </button>
    );
    return (
      <Notice tone="warning" actions={resume}>
        {text}
      </Notice>
    );
  }
  const clean = scan.totals.runs === 0 && scan.complete;
  const goToFirst = scan.totals.runs > 0 && (
    <button type="button" className="button" onClick={() => session.first()}>
      Go to first
    </button>
  );
  return (
    <Notice tone={clean ? "ok" : "info"} actions={goToFirst} onDismiss={dismiss(text)}>
      {text}
    </Notice>
  );
}

/** A scan that stopped by itself. The panes stay usable, so this is a line and not a page. */
function ScanFailure({ error }: { error: PlainError }) {
  const copy = () => call("clipboard:write", detailsText("The scan stopped", error)).catch(() => undefined);
  const actions = (
    <>
      <button type="button" className="button" onClick={() => runCommand("compare.rescan")}>
        Retry
      </button>
      <button type="button" className="button" onClick={() => void copy()}>
        Copy details
      </button>
    </>
  );
  return (
    <Notice tone="error" actions={actions}>
      The scan stopped: {error.message}. {error.context.hint ?? "What was found so far is kept."}
    </Notice>
  );
}
