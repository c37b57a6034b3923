// The line over a view that says what happened to an image's file since it was opened: changed, or gone.
import { useState } from "react";
import { toPlain } from "../../core/base/errors.ts";
import type { FileRef, FileState } from "../../electron/ipc/contract.ts";
import { call } from "../api.ts";
import { useApp } from "../store/app.ts";
import { useImages } from "../store/images.ts";
import { takePlace } from "../store/tabMap.ts";
import {
  compareTab,
  hexTab,
  mapTab,
  repairTab,
  type Tab,
  timelineTab,
  tokensOf,
  useView,
} from "../store/view.ts";
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

/**
 * Asks where the file is now and puts that file in its place in every tab. What a tab shows stays where it is, but for
 * a repair's: that is of one file, and begins anew.
 */
async function locate(file: FileRef): Promise<void> {
  const title = `Where is ${file.name} now?`;
  const [found] = await call("files:choose", { title, multiple: false }).catch(() => []);
  if (!found) return;
  if (found.token === file.token) return useImages.getState().reload(file.token);
  const { tabs, replaceTab } = useView.getState();
  const isOfPair = tabs.map(tokensOf).some((pair) => pair.includes(file.token) && pair.includes(found.token));
  if (isOfPair) {
    const text = `${found.name} is what ${file.name} is compared with. Choose where ${file.name} is now.`;
    return useApp.getState().refuse(text);
  }
  const opened = useImages.getState().open(found);
  for (const tab of tabs) {
    const moved = withToken(tab, file.token, found.token);
    if (moved.id === tab.id) continue;
    if (tab.kind === "repair") replaceTab(tab.id, moved);
    else takePlace(tab.id, moved);
  }
  await opened;
  await useImages.getState().close(file.token);
}

function withToken(tab: Tab, from: string, to: string): Tab {
  const swap = (token: string) => (token === from ? to : token);
  switch (tab.kind) {
    case "hex":
      return hexTab(swap(tab.token));
    case "map":
      return mapTab(swap(tab.token), tab.node);
    case "compare":
      return compareTab(swap(tab.a), swap(tab.b));
    case "timeline":
      return timelineTab(swap(tab.token));
    case "repair":
      return repairTab(swap(tab.token));
    default:
      return tab;
  }
}
