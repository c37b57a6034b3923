// Dropping files anywhere on the window. While files hover, the overlay says what dropping them will do; with
// one image open as bytes, one dragged file may be opened or compared with it, by where it is dropped.
import { useEffect, useState } from "react";
import { toPlain } from "../../core/base/errors.ts";
import type { FileRef } from "../../electron/ipc/contract.ts";
import { fileToken } from "../api.ts";
import { useApp } from "../store/app.ts";
import { useView } from "../store/view.ts";
import styles from "./DropOverlay.module.css";
import { activeFile, comparePair, openFiles } from "./openFlows.ts";

interface Drag {
  readonly count: number;
  readonly half: "open" | "compare" | undefined;
}

export function DropOverlay() {
  const [drag, setDrag] = useState<Drag>();
  useEffect(() => listenForDrops(setDrag), []);
  if (!drag) return null;
  const current = compareTarget();
  if (drag.count === 1 && current) {
    return (
      <div className={styles.overlay}>
        <Half active={drag.half === "open"}>Drop here to open the image</Half>
        <Half active={drag.half === "compare"}>Drop here to compare it with {current.name}</Half>
      </div>
    );
  }
  return (
    <div className={styles.overlay}>
      <Half active={drag.count <= 2}>{dropText(drag.count)}</Half>
    </div>
  );
}

function Half({ active, children }: { active: boolean; children: React.ReactNode }) {
  return (
    <div className={styles.target} data-active={active || undefined}>
      {children}
    </div>
  );
}

/** What dropping this many files does. */
function dropText(count: number): string {
  if (count === 1) return "Drop to open the image";
  if (count === 2) return "Drop two images to compare them";
  return `Only one or two images can be dropped at a time, not ${count}`;
}

/** The image a single dropped file can be compared with: that of the active hex tab. */
function compareTarget(): FileRef | undefined {
  const { tabs, active } = useView.getState();
  return tabs.find((tab) => tab.id === active)?.kind === "hex" ? activeFile() : undefined;
}

function listenForDrops(show: (drag: Drag | undefined) => void): () => void {
  const over = (event: DragEvent) => {
    const count = fileCount(event);
    if (count === 0 || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = count <= 2 ? "copy" : "none";
    show({ count, half: halfOf(event) });
  };
  const leave = (event: DragEvent) => {
    if (event.relatedTarget === null) show(undefined);
  };
  const drop = (event: DragEvent) => {
    show(undefined);
    if (fileCount(event) === 0) return;
    event.preventDefault();
    void takeDrop(event, halfOf(event));
  };
  const end = () => show(undefined);
  const listeners = { dragenter: over, dragover: over, dragleave: leave, drop, dragend: end };
  for (const [name, listener] of Object.entries(listeners)) {
    window.addEventListener(name as keyof typeof listeners, listener);
  }
  return () => {
    for (const [name, listener] of Object.entries(listeners)) {
      window.removeEventListener(name as keyof typeof listeners, listener);
    }
  };
}

const fileCount = (event: DragEvent): number =>
  [...(event.dataTransfer?.items ?? [])].filter((item) => item.kind === "file").length;

const halfOf = (event: DragEvent): Drag["half"] =>
  event.clientX < window.innerWidth / 2 ? "open" : "compare";

async function takeDrop(event: DragEvent, half: Drag["half"]): Promise<void> {
  const { refuse } = useApp.getState();
  // The list is emptied when this handler returns: take everything out of it first.
  const items = [...(event.dataTransfer?.items ?? [])].filter((item) => item.kind === "file");
  const folder = items.map((item) => item.webkitGetAsEntry()).find((entry) => entry?.isDirectory);
  const files = items.map((item) => item.getAsFile()).filter((file) => file !== null);
  const target = compareTarget();
  if (folder) return refuse(`${folder.name} is a folder. Drop one image, or two to compare them.`);
  if (files.length > 2) return refuse(`${dropText(files.length)}. Nothing was opened.`);
  try {
    const refs = await Promise.all(files.map(fileToken));
    const [only] = refs;
    if (only && refs.length === 1 && target && half === "compare") await comparePair(target, only);
    else await openFiles(refs, refs.length === 2 ? "compare" : "hex");
  } catch (error) {
    const { message, context } = toPlain(error);
    refuse(`Can't open what was dropped: ${message}.${context.hint ? ` ${context.hint}` : ""}`);
  }
}
