// The line over a view that says what happened to an image's file since it was opened: changed, or gone.
import { useState } from "react";
import { toPlain } from "../../core/base/errors.ts";
import type { FileRef, FileState } from "../../electron/ipc/contract.ts";
import { locate } from "../shell/locate.ts";
import { useImages } from "../store/images.ts";
import { bytes } from "./format.ts";
import { Notice } from "./Notice.tsx";
import styles from "./States.module.css";

export function FileBanner({ token }: { token: string }) {
  const known = useImages(({ byToken }) => byToken[token]);
  if (known?.kind !== "open" || known.disk.kind === "same") return null;
  const { file, disk } = known;
  const actions = disk.kind === "changed" ? <ChangedActions token={token} /> : <MissingActions file={file} />;
  return (
    <Notice tone="warning" live actions={actions}>
      {diskText(file.name, disk)}
    </Notice>
  );
}

/** What happened to the file, in words. */
export function diskText(name: string, disk: Exclude<FileState, { kind: "same" }>): string {
  if (disk.kind === "missing") {
    return `${name} is missing: it was moved, deleted or unplugged. What was read stays visible; the rest can't be shown.`;
  }
  const at = new Date(disk.at).toLocaleTimeString("en-GB");
  return `${name} changed on disk at ${at} (${deltaText(disk.sizeDelta)}). What is shown may mix old and new bytes.`;
}

function deltaText(sizeDelta: number): string {
  if (sizeDelta === 0) return "same size";
  return `${sizeDelta > 0 ? "+" : "−"}${bytes(Math.abs(sizeDelta))}`;
}

function ChangedActions({ token }: { token: string }) {
  const { reload, keep } = useImages.getState();
  const [failure, setFailure] = useState<string>();
  return (
    <>
      {failure !== undefined && <span className={styles.failure}>{failure}</span>}
      <button type="button" className="button" onClick={() => void reload(token)}>
        Reload
      </button>
      <button
        type="button"
        className="button"
        title="Go on with what was read; the file as it is now becomes the one to compare with"
        onClick={() => void keep(token).catch((error: unknown) => setFailure(toPlain(error).message))}
      >
        Keep
      </button>
    </>
  );
}

function MissingActions({ file }: { file: FileRef }) {
  return (
    <>
      <button type="button" className="button" onClick={() => void useImages.getState().reload(file.token)}>
        Try again
      </button>
      {!file.isGraph && (
        <button type="button" className="button" onClick={() => void locate(file)}>
          Locate…
        </button>
      )}
    </>
  );
}
